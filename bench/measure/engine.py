"""A case is one table: clients that do the same work in turn, round after round (A B C, B C A, …)."""
import dataclasses
import statistics
import sys

from measure import clients, micro, noise


WARM_SECONDS = 10


@dataclasses.dataclass
class Row:
    """One line of a table: a client and what it was asked to do."""
    label: str
    client: str
    arguments: dict
    preload: bool = False
    outage: str = ""  # "", "frozen" or "closed"
    results: list = dataclasses.field(default_factory=list)

    def values(self, field):
        """The field in every good round; "send_ns.p99" looks inside."""
        found = []
        for result in self.results:
            value = result
            for name in field.split("."):
                value = value.get(name) if isinstance(value, dict) else None
            if value is not None and "trouble" not in result:
                found.append(value)
        return found

    def median(self, field):
        values = self.values(field)
        return statistics.median(values) if values else None


@dataclasses.dataclass
class Metric:
    title: str
    field: str
    scale: float = 1.0
    digits: int = 0


@dataclasses.dataclass
class Case:
    group: str
    title: str
    broker: str
    rows: list
    metrics: list
    rounds: int = 3
    floor: str = ""        # label of the row that the others are divided by
    ratio_of: str = ""     # the field that is divided
    also_ratio_of: str = ""  # one more
    warm_with: str = ""    # label of a row that runs once unrecorded: the broker has never unpacked this codec
    note: str = ""
    plot: tuple = ()       # (kind, field): see plots.py
    seconds: float = 0.5   # of each micro-benchmark
    noise: list = dataclasses.field(default_factory=list)

    def row(self, label):
        return next((row for row in self.rows if row.label == label), None)

    def ratios(self, label, to=None, field=None):
        """This row's number divided by the other's in the same round, for every round in which both are good."""
        field = field or self.ratio_of
        row, base = self.row(label), self.row(to or self.floor)
        if row is None or base is None:
            return []
        pairs = zip(row.results, base.results)
        return [value(a, field) / value(b, field) for a, b in pairs if value(a, field) and value(b, field)]

    def ratio(self, label, to=None, field=None):
        """The median of these, or None."""
        ratios = self.ratios(label, to, field)
        return statistics.median(ratios) if ratios else None


def value(result, field):
    """A number of one good result, or None."""
    if "trouble" in result:
        return None
    for name in field.split("."):
        result = result.get(name) if isinstance(result, dict) else None
    return result


def outage_actions(broker, kind):
    away, back = (broker.freeze, broker.thaw) if kind == "frozen" else (broker.kill, broker.restart)
    return {"ready": away, "held": back}


def run_row(build, broker, row):
    actions = outage_actions(broker, row.outage) if row.outage else None
    preload = build / "bench" / "libmalloc_count.so" if row.preload else None
    try:
        result = clients.run(build, row.client, broker, row.arguments, actions, preload)
    except clients.Missing as missing:
        return {"client": row.client, "command": "", "trouble": str(missing)}
    finally:
        if row.outage:
            heal(broker, row.outage)
    return result


def heal(broker, kind):
    """A client that died in the outage must not leave it to the next one."""
    if kind == "frozen":
        broker.thaw()
    elif not broker.alive():
        broker.restart()


def warm(build, broker):
    """A Java broker compiles itself while it serves its first requests, large and small: no row should pay for that."""
    broker.warm = True
    if broker.kind == "kafka":
        for batch_bytes in (1_000_000, 20_000):
            clients.run(build, "probe", broker, {"records": 2_000_000, "batch-bytes": batch_bytes})
        clients.run(build, "probe", broker, {"mode": "ack_latency", "rate": 20_000, "linger-ms": 0, "seconds": WARM_SECONDS})


def run_micro(build, case):
    """The rows are what the programs report."""
    for number in range(case.rounds):
        case.noise.append(noise.ping_pong(build))
        for room, program in micro.programs(build):
            print(f"  {case.title} · round {number + 1} of {case.rounds} · {program.name}", file=sys.stderr, flush=True)
            for name, result in micro.results(program, case.seconds).items():
                label = f"{room}: {name}"
                if case.row(label) is None:
                    case.rows.append(Row(label, "spillway", {}))
                case.row(label).results.append(result)


def run_case(build, brokers, case):
    if case.broker == "none":
        return run_micro(build, case)
    try:
        broker = brokers.get(case.broker)
        if not broker.warm:
            warm(build, broker)
    except (RuntimeError, OSError, clients.Missing) as reason:
        for row in case.rows:
            row.results.append({"client": row.client, "command": "", "trouble": f"no {case.broker} broker: {reason}"})
        return
    if case.warm_with:
        run_row(build, broker, case.row(case.warm_with))
    for number in range(case.rounds):
        case.noise.append(noise.ping_pong(build))
        turn = number % len(case.rows)  # nobody is always first
        for row in case.rows[turn:] + case.rows[:turn]:
            row.results.append(run_row(build, broker, row))
            told = row.results[-1]
            print(f"  {case.title} · round {number + 1} of {case.rounds} · {row.label}: {summary(case, told)}",
                  file=sys.stderr, flush=True)


def summary(case, result):
    if "trouble" in result:
        return result["trouble"]
    metric = case.metrics[0]
    number = value(result, metric.field)
    return "–" if number is None else f"{number * metric.scale:,.{metric.digits}f} {metric.title}"
