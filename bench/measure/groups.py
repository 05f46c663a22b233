"""What is measured. Each function gives the cases of one group; GROUPS is the menu of --only."""
from measure import clients
from measure.engine import Case, Metric, Row

ALL = ("probe", "spillway", "librdkafka", "franz-go")
PRODUCERS = ALL[1:]
MIB = 1 / (1 << 20)
CPU = Metric("CPU ns/record", "cpu_ns_per_record")
STEADY = Metric("after warm-up", "cpu_ns_per_record_steady")
SPEED = Metric("M records/s", "records_per_second", 1e-6, 2)
RSS = Metric("peak RSS MiB", "rss_peak", MIB)
OTHERS = Metric("others' CPU % of a core", "others_percent")
BROKER = Metric("broker CPU ns/record", "broker_cpu_ns_per_record")
FULL_RECORD = {"key-size": 32, "headers": 1, "header-size": 64}


def rows(names, arguments):
    return [Row(name, name, dict(arguments)) for name in names]


def cost(group, title, broker, size, records, scale, note=""):
    """CPU and speed of all clients with values of one size."""
    arguments = {"size": size, "records": int(records * scale.records)}
    return Case(group, title, broker, rows(ALL, arguments), [CPU, STEADY, SPEED, RSS, BROKER, OTHERS], scale.rounds,
                floor="probe", ratio_of="cpu_ns_per_record", plot=("bars", "cpu_ns_per_record"), note=note)


def cpu100(scale):
    return [cost("cpu100", "100 B values on a real Kafka node", "kafka", 100, 5e6, scale)]


def cpu1000(scale):
    return [cost("cpu1000", "1000 B values on a real Kafka node", "kafka", 1000, 1e6, scale)]


def null(scale):
    return [cost("null", "100 B values, null broker in another process", "null", 100, 1e7, scale),
            cost("null", "1000 B values, null broker in another process", "null", 1000, 2e6, scale)]


def latency_metrics(field, unit, scale):
    return [Metric(f"{name} {unit}", f"{field}.{quantile}", scale, 0)
            for name, quantile in (("p50", "p50"), ("p99", "p99"), ("p99.9", "p999"), ("max", "max"))]


def send_latency(scale):
    arguments = {"mode": "send_latency", "rate": 200_000, "seconds": scale.seconds, "linger-ms": 5}
    return [Case("send_latency", "the send() call at 200,000 records/s", "kafka", rows(ALL, arguments),
                 latency_metrics("send_ns", "ns", 1) + [CPU, OTHERS], scale.rounds, floor="librdkafka",
                 ratio_of="send_ns.max", plot=("quantiles", "send_ns"),
                 note="One clock read (`clock_ns` in the JSON, about 20 ns) is inside every number. The ratio is that of "
                      "the largest call.")]


def ack_latency(scale):
    arguments = {"mode": "ack_latency", "rate": 20_000, "seconds": scale.seconds, "linger-ms": 0}
    return [Case("ack_latency", "from send() to the callback at 20,000 records/s, linger 0", "kafka",
                 rows(ALL, arguments), latency_metrics("ack_ns", "µs", 1e-3) + [CPU, OTHERS], scale.rounds, floor="franz-go",
                 ratio_of="ack_ns.p99", plot=("quantiles", "ack_ns"), note="The ratio is that of p99.")]


def partitions(scale):
    cases = []
    for spread, words in (("sticky", "the client chooses"), ("round_robin", "record i goes to partition i mod n")):
        lines = []
        for client, records in (("spillway", 4e6), ("librdkafka", 1e6), ("franz-go", 1e6)):
            for count in (1, 10, 100, 1000):
                arguments = {"partitions": count, "spread": spread, "records": int(records * scale.records)}
                lines.append(Row(f"{client} × {count}", client, arguments))
        cases.append(Case("partitions", f"100 B over 1 to 1,000 partitions, {words}", "null", lines,
                          [CPU, STEADY, SPEED, RSS, OTHERS], scale.rounds, floor="spillway × 1",
                          ratio_of="cpu_ns_per_record_steady", plot=("lines", "cpu_ns_per_record_steady")))
    return cases


def threads(scale):
    lines = []
    for client, records in (("spillway", 8e6), ("librdkafka", 2e6), ("franz-go", 2e6)):
        for count in (1, 2, 4, 8):
            arguments = {"threads": count, "records": int(records * scale.records)}
            lines.append(Row(f"{client} × {count}", client, arguments))
    return [Case("threads", "100 B from 1 to 8 caller threads", "null", lines, [CPU, STEADY, SPEED, OTHERS],
                 scale.rounds, floor="spillway × 1", ratio_of="cpu_ns_per_record", plot=("lines", "cpu_ns_per_record"))]


def hold_arguments(scale, size, **more):
    return {"mode": "hold", "size": size, "seconds": scale.outage_seconds, "quiet-seconds": scale.quiet_seconds,
            "settle-seconds": scale.settle_seconds, **more}


BORROWED = ("franz-go refers to values that lie in one block shared by all records: they are not in its RSS. Spillway and "
            "librdkafka hold copies.")
POOL_PEAK = Metric("pool peak MiB", "memory_used_peak", MIB, 1)
HELD = Metric("records held", "events.held.held")
RSS_SETTLED = Metric("RSS after MiB", "rss_settled", MIB)


def held(scale):
    refusing = {"when-full": "fail-fast"}
    whole = [Row(client, client, hold_arguments(scale, 100, **FULL_RECORD, **refusing), outage="frozen")
             for client in PRODUCERS]
    spread = []
    for count in (1, 10, 100, 1000):
        arguments = hold_arguments(scale, 100, partitions=count, spread="round_robin", **refusing)
        spread.append(Row(f"spillway × {count}", "spillway", arguments, outage="frozen"))
    return [Case("held", "held in 64 MiB: 100 B + 32 B key + one header of 64 B, broker frozen", "null", whole,
                 [HELD, RSS, RSS_SETTLED, OTHERS], 1, plot=("bars", "events.held.held"), note=BORROWED),
            Case("held", "bytes that hold the payload: 100 B over 1 to 1,000 partitions, broker frozen", "null", spread,
                 [HELD, Metric("payload MiB", "events.held.payload", MIB, 1),
                  Metric("held by MiB", "events.held.payload_held_by", MIB, 1),
                  POOL_PEAK, RSS], 1)]


def rss(scale):
    cases = []
    for outage, words in (("frozen", "broker stopped by SIGSTOP"), ("closed", "port closed")):
        for full in (False, True):
            lines = []
            for size in scale.sizes:
                shape = dict(FULL_RECORD) if full else {}
                for policy in ("block", "fail-fast", "drop-oldest"):
                    arguments = hold_arguments(scale, size, **shape, **{"when-full": policy})
                    lines.append(Row(f"spillway {policy} {size} B", "spillway", arguments, outage=outage))
                for rival in ("librdkafka", "franz-go"):
                    lines.append(Row(f"{rival} {size} B", rival, hold_arguments(scale, size, **shape), outage=outage))
            title = f"memory in an outage, {words}, {'key and header' if full else 'value alone'}"
            cases.append(Case("rss", title, "null", lines, [RSS, POOL_PEAK, HELD, RSS_SETTLED], 1,
                              plot=("memory", "rss_peak"), note=BORROWED))
    return cases


def allocs(scale):
    lines = []
    for headers in (0, 1):
        for client in PRODUCERS:
            arguments = {"records": int(1e6 * scale.records), "headers": headers, "warm-up": 100_000}
            lines.append(Row(f"{client}, {headers} headers", client, arguments, preload=client != "franz-go"))
    return [Case("allocs", "heap allocations per record, 100 B", "null", lines,
                 [Metric("allocations/record", "allocations_per_record", 1, 4)], 1,
                 note="C and C++: calls counted by libmalloc_count.so (LD_PRELOAD). Go: MemStats.Mallocs.")]


def micro(scale):
    rates = [Metric("M items/s", "items_per_second", 1e-6, 2), Metric("GB/s", "bytes_per_second", 1e-9, 2)]
    return [Case("micro", "micro-benchmarks beside the sources", "none", [],
                 [Metric("wall ns", "wall_ns", 1, 1), Metric("CPU ns", "cpu_ns", 1, 1), *rates], scale.rounds,
                 seconds=min(0.5, scale.records))]


DAILY = ("spillway", "librdkafka", "java")
LOG_BYTES = Metric("broker wrote B/record", "broker_bytes_per_record")
START_UP = Metric("start-up % of CPU", "start_up_percent")


def daily(group, title, broker, arguments, scale, note):
    """Lines of JSON through what a real cluster asks for, beside the two producers that most people use."""
    arguments = {"payload-file": clients.LINES, **arguments, "records": int(arguments["records"] * scale.records)}
    return Case(group, title, broker, rows(DAILY, arguments), [CPU, STEADY, SPEED, LOG_BYTES, START_UP, BROKER, OTHERS],
                scale.rounds, floor="spillway", ratio_of=CPU.field, also_ratio_of=SPEED.field, warm_with="spillway",
                plot=("bars", CPU.field), note=note)


# Of each codec so many that the start of Java's virtual machine is a small part of its CPU.
CODECS = {"none": 12e6, "gzip": 4e6, "snappy": 12e6, "lz4": 12e6, "zstd": 10e6}
LEVELS = ("Batches up to 1 MB before packing (Java: as packed, by its estimate), 4 partitions, linger 5 ms, one node; everybody's "
          "default level: gzip 6, lz4 fast, zstd 3.")


def codecs(scale):
    return [daily("codecs", f"codec {codec}: JSON of 245 B on a real Kafka node", "kafka",
                  {"compression": codec, "records": records}, scale, LEVELS) for codec, records in CODECS.items()]


def tls(scale):
    return [daily("tls", "TLS 1.3, uncompressed: JSON of 245 B on a real Kafka node", "kafka-tls", {"records": 10e6}, scale,
                  "TLS_AES_256_GCM_SHA384 for everybody, peer and address verified. Otherwise as codec none.")]


def partitions3(scale):
    """Java keeps a whole buffer for each open batch: 1,000 of 1 MB would not fit its memory, so all get smaller batches."""
    cases = []
    for spread, words in (("sticky", "the client chooses"), ("round_robin", "record i goes to partition i mod n")):
        arguments = {"partitions": 1000, "spread": spread, "batch-bytes": 32_768, "records": 3e6}
        title = f"1,000 partitions over three nodes: JSON of 245 B, {words}"
        cases.append(daily("partitions3", title, "kafka-3", arguments, scale,
                           "Batches up to 32 KiB, 64 MiB of buffer, one replica a partition, uncompressed, linger 5 ms."))
    return cases


GROUPS = {group.__name__: group for group in (
    cpu100, cpu1000, null, send_latency, ack_latency, partitions, threads, allocs, micro, held, rss, codecs, tls, partitions3)}
