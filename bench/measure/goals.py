"""The promises, each with the number that decides it. What was not measured is left out, never passed."""
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


CPU = "cpu_ns_per_record"
# group, start of the title, row, the row it is divided by, field, limit, what the ratio is
RATIOS = (
    ("cpu100", "", "spillway", "librdkafka", CPU, 1 / 5, "real Kafka: CPU per 100 B record ÷ librdkafka's"),
    ("cpu100", "", "spillway", "franz-go", CPU, 1 / 4, "real Kafka: CPU per 100 B record ÷ franz-go's"),
    ("null", "100 B", "spillway", "probe", CPU, 2, "null broker: CPU per 100 B record ÷ the probe's"),
    ("cpu1000", "", "spillway", "librdkafka", CPU, 1 / 3, "real Kafka: CPU per 1000 B record ÷ librdkafka's"),
    ("cpu1000", "", "spillway", "franz-go", CPU, 2 / 3, "real Kafka: CPU per 1000 B record ÷ franz-go's"),
    ("null", "1000 B", "spillway", "probe", CPU, 1.3, "null broker: CPU per 1000 B record ÷ the probe's"),
    ("send_latency", "", "spillway", "librdkafka", "send_ns.max", 1 / 4, "largest send() ÷ librdkafka's"),
    ("ack_latency", "", "spillway", "franz-go", "ack_ns.p50", 1, "ack latency p50 ÷ franz-go's"),
    ("ack_latency", "", "spillway", "franz-go", "ack_ns.p99", 1, "ack latency p99 ÷ franz-go's"),
    ("threads", "", "spillway × 8", "spillway × 1", CPU, 2, "CPU per record, eight callers ÷ one"),
)


def ratio_goals(cases):
    for group, title, row, other, field, limit, sentence in RATIOS:
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
            sentence = f"dearest ÷ cheapest of 1 to 1,000 partitions ({spread})"
            yield Goal(sentence, max(costs) / min(costs), 1.1 / 0.9)


def held_goals(cases):
    for case in find(cases, "held", "held in"):
        count = case.row("spillway").median("events.held.held")
        if count is not None:
            yield Goal("records of 100 B + 32 B key + 64 B header held in 64 MiB", count, 270_000, True, 0)
    held = [result["events"]["held"] for case in find(cases, "held", "bytes that") for result in good_results(case)]
    ratios = [event["payload_held_by"] / event["payload"] for event in held if event["payload"]]
    if ratios:
        yield Goal("held ÷ payload bytes, worst of 1 to 1,000 partitions", max(ratios), 1.1)


def good_results(case):
    """Spillway's, without the runs that had trouble."""
    return [result for row in case.rows if row.client == "spillway" for result in row.results if "trouble" not in result]


def outage_goals(cases):
    ours = [result for case in find(cases, "rss") for result in good_results(case)]
    if not ours:
        return
    over = max(r["rss_peak"] - r["memory_budget"] for r in ours) / MIB
    yield Goal("outages: peak RSS − budget in MiB, worst", over, 8, digits=1)
    pool = max(r["memory_used_peak"] / r["memory_budget"] for r in ours)
    yield Goal("outages: pool peak ÷ budget, worst", pool, 1)
    settled = max(r["rss_settled"] / r["rss_peak"] for r in ours)
    yield Goal("outages: RSS 30 s after ÷ peak, worst", settled, 0.5)


def allocation_goals(cases):
    for case in find(cases, "allocs"):
        counts = [row.median("allocations_per_record") for row in case.rows if row.client == "spillway"]
        if counts and None not in counts:
            yield Goal("heap allocations per record", max(counts), 0.0005, digits=4)


def ring_goals(cases):
    """The dearest of the callers' numbers that ring_bench tries."""
    for start, limit, sentence in (("ring: HandOff", 12, "ring: ns per record handed over, worst of 1 to 8 callers"),
                                   ("ring: DropOldest/", 8, "ring: ns per push that drops, worst of 1 and 4 callers")):
        for case in find(cases, "micro"):
            speeds = [row.median("items_per_second") for row in case.rows if row.label.startswith(start)]
            if speeds and None not in speeds:
                yield Goal(sentence, 1e9 / min(speeds), limit, digits=1)


def daily_goals(cases):
    """Ahead of both in every row. A run of Java that ended before its start-up could be left out decides nothing."""
    for case in [case for group in ("codecs", "tls", "partitions3") for case in find(cases, group)]:
        for rival in ("librdkafka", "java"):
            cost = case.ratio("spillway", rival, CPU + "_steady")
            if cost is not None:
                yield Goal(f"{case.title}: CPU per record after warm-up ÷ {rival}'s", cost, 1)
                speed = case.ratio("spillway", rival, "records_per_second")
                yield Goal(f"{case.title}: records/s ÷ {rival}'s", speed, 1, at_least=True)


PARTS = (ratio_goals, speed_goals, flat_goals, ring_goals, held_goals, outage_goals, allocation_goals, daily_goals)


def goals_of(cases):
    return [goal for part in PARTS for goal in part(cases)]
