"""What bench/run is made of: brokers, clients, groups of cases, and the report."""
