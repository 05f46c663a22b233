"""The promises, each with the number that decides it. A goal whose rows were not measured is left out, never passed."""
import dataclasses

MIB = 1 << 20


@dataclasses.dataclass
class Goal:
    sentence: str
    measured: float
    limit: float
    at_least: bool = False
    digits: int = 2

    @property
    def met(self):
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit


def ratio_goals(cases):
    """(group, start of the title, row, other row, field, limit, at_least, sentence)"""
    table = (
        ("cpu100", "", "spillway", "librdkafka", "cpu_ns_per_record", 1 / 5, "CPU per 100 B record ÷ librdkafka's, real Kafka"),
        ("cpu100", "", "spillway", "franz-go", "cpu_ns_per_record", 1 / 4, "CPU per 100 B record ÷ franz-go's, real Kafka"),
        ("null", "100 B", "spillway", "probe", "cpu_ns_per_record", 2, "CPU per 100 B record ÷ the probe's, null broker"),
        ("cpu1000", "", "spillway", "librdkafka", "cpu_ns_per_record", 1 / 3, "CPU per 1000 B record ÷ librdkafka's, real Kafka"),
        ("cpu1000", "", "spillway", "franz-go", "cpu_ns_per_record", 2 / 3, "CPU per 1000 B record ÷ franz-go's, real Kafka"),
        ("null", "1000 B", "spillway", "probe", "cpu_ns_per_record", 1.3, "CPU per 1000 B record ÷ the probe's, null broker"),
        ("send_latency", "", "spillway", "librdkafka", "send_ns.max", 1 / 4, "largest send() ÷ librdkafka's"),
        ("ack_latency", "", "spillway", "franz-go", "ack_ns.p50", 1, "ack latency p50 ÷ franz-go's"),
        ("ack_latency", "", "spillway", "franz-go", "ack_ns.p99", 1, "ack latency p99 ÷ franz-go's"),
        ("threads", "", "spillway × 8", "spillway × 1", "cpu_ns_per_record", 2, "CPU per record, eight callers ÷ one"),
    )
    for group, title, row, other, field, limit, sentence in table:
        for case in find(cases, group, title):
            ratio = case.ratio(row, other, field)
            if ratio is not None:
                yield Goal(sentence, ratio, limit)


def find(cases, group, title=""):
    return [case for case in cases if case.group == group and case.title.startswith(title)]


def speed_goals(cases):
    for case in find(cases, "null", "100 B"):
        speed = case.row("spillway").median("records_per_second")
        if speed is not None:
            yield Goal("M records/s of 100 B, null broker", speed * 1e-6, 10, at_least=True)
        ratio = case.ratio("spillway", "librdkafka", "records_per_second")
        if ratio is not None:
            yield Goal("records/s of 100 B ÷ librdkafka's, null broker", ratio, 4, at_least=True)
    for case in find(cases, "send_latency"):
        for field, limit in (("p50", 60), ("p999", 1000)):
            nanoseconds = case.row("spillway").median(f"send_ns.{field}")
            if nanoseconds is not None:
                yield Goal(f"send() {field.replace('999', '99.9')} in ns at 200,000/s", nanoseconds, limit, digits=0)


def flat_goals(cases):
    for case in find(cases, "partitions"):
        costs = [row.median("cpu_ns_per_record_steady") for row in case.rows if row.client == "spillway"]
        if costs and None not in costs:
            spread = case.title.split(", ")[-1]
            yield Goal(f"dearest ÷ cheapest partition count of 1 to 1,000 ({spread})", max(costs) / min(costs), 1.1 / 0.9)


def memory_goals(cases):
    for case in find(cases, "held", "held in"):
        count = case.row("spillway").median("events.held.held")
        if count is not None:
            yield Goal("records of 100 B + 32 B key + 64 B header held in 64 MiB", count, 270_000, at_least=True, digits=0)
    for case in find(cases, "held", "bytes that"):
        ratios = [held / paid for row in case.rows
                  for held, paid in zip(row.values("events.held.payload_held_by"), row.values("events.held.payload")) if paid]
        if ratios:
            yield Goal("held ÷ payload bytes, worst of 1 to 1,000 partitions", max(ratios), 1.1)
    ours = [result for case in find(cases, "rss") for row in case.rows if row.client == "spillway"
            for result in row.results if "trouble" not in result]
    if ours:
        yield Goal("peak RSS − budget in MiB, worst of all outages",
                   max(r["rss_peak"] - r["memory_budget"] for r in ours) / MIB, 8, digits=1)
        yield Goal("pool peak ÷ budget, worst of all outages", max(r["memory_used_peak"] / r["memory_budget"] for r in ours), 1)
        yield Goal("RSS 30 s after ÷ peak, worst of all outages", max(r["rss_settled"] / r["rss_peak"] for r in ours), 0.5)


def allocation_goals(cases):
    for case in find(cases, "allocs"):
        counts = [row.median("allocations_per_record") for row in case.rows if row.client == "spillway"]
        if counts and None not in counts:
            yield Goal("heap allocations per record", max(counts), 0.0005, digits=4)


def goals_of(cases):
    return [goal for part in (ratio_goals, speed_goals, flat_goals, memory_goals, allocation_goals) for goal in part(cases)]
