"""docs/reliability.md: the table is written by matrix_test.py, the sentences around it by people."""
import pathlib
import statistics

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs/reliability.md"
BEGIN, END = "<!-- rows -->\n", "<!-- end of rows -->\n"
MIB = 1 << 20

# Test → what its row is called, in the order of the page.
NAMES = {
    "leader_killed": "a leader killed (SIGKILL), restarted when another leads",
    "leader_frozen": "a leader frozen for 8 s (SIGSTOP)",
    "leader_frozen_two_copies": "the same, each partition on two of the three nodes",
    "controller_killed": "the controller killed, restarted after 3 s",
    "rolling_restart": "all three restarted in turn (SIGTERM)",
    "all_nodes_down": "all three killed, back after 15 s",
    "quota": "a quota of a tenth of the load for 8 s",
    "producer_id_expired": "idle until the nodes have forgotten the producer id",
    "topic_made_again": "the topic deleted, made again after 2 s",
}


def seconds(milliseconds):
    return f"{milliseconds / 1000:.1f}" if milliseconds >= 1000 else f"{milliseconds / 1000:.2f}"


def pause(report, healthy):
    """The longest of all partitions, the median of the partitions' longest, and the healthy ones' if some are."""
    parts = [seconds(max(report["pauses"])), seconds(statistics.median(report["pauses"]))]
    if healthy is not None:
        parts.append(seconds(max(report["pauses"][index] for index in healthy)) + " healthy")
    return ", ".join(parts)


def row(name, ours, rival, healthy):
    both = (ours, rival)
    cells = [NAMES[name]]
    cells += [f"{report['delivered']:,}" for report in both]
    cells += [" ".join(map(str, report["kept"])) for report in both]
    cells += [f"{report['failed']} {report['unknown']}" for report in both]
    cells += [pause(report, healthy) for report in both]
    cells += [f"{report['rss_peak'] / MIB:.1f}" for report in both]
    cells += [f"{report['cpu_seconds']:.1f}" for report in both]
    return "| " + " | ".join(cells) + " |"


def rows_of(page):
    """{what the row is called: its line}"""
    lines = page.read_text(encoding="utf8").split(BEGIN)[1].split(END)[0].splitlines()
    return {line.split(" | ")[0].removeprefix("| "): line for line in lines[2:]}


def write(page, rows):
    """Puts the rows into a copy of the committed page; rows that did not run stay as they are."""
    head, rest = PAGE.read_text(encoding="utf8").split(BEGIN)
    table, tail = rest.split(END)
    known = {**rows_of(PAGE), **{NAMES[name]: line for name, line in rows.items()}}
    lines = [known[name] for name in NAMES.values() if name in known]
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(head + BEGIN + "\n".join([*table.splitlines()[:2], *lines]) + "\n" + END + tail, encoding="utf8")
