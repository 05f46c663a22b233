"""report.md and report.json."""
import dataclasses
import json
import pathlib
import platform
import statistics
import subprocess

from measure import goals


def number(value, digits):
    return "–" if value is None else f"{value:,.{digits}f}"


def cell(row, metric):
    """Median [smallest..largest] of the rounds."""
    return spread([v * metric.scale for v in row.values(metric.field)], metric.digits)


def spread(values, digits):
    if not values:
        return "–"
    middle = number(statistics.median(values), digits)
    return middle if len(values) == 1 else f"{middle} [{number(min(values), digits)}..{number(max(values), digits)}]"


def table(case):
    divided = [field for field in (case.ratio_of, case.also_ratio_of) if field and case.floor]
    names = {metric.field: metric.title for metric in case.metrics}
    titles = [metric.title for metric in case.metrics]
    titles += [f"÷ {case.floor}"] if len(divided) == 1 else [f"{names[field]} ÷ {case.floor}" for field in divided]
    lines = ["| | " + " | ".join(titles) + " |", "|---|" + "---|" * len(titles)]
    for row in case.rows:
        cells = [cell(row, metric) for metric in case.metrics]
        cells += [spread(case.ratios(row.label, field=field), 2) for field in divided]
        lines.append(f"| {row.label} | " + " | ".join(cells) + " |")
    return lines


def troubles(case):
    said = []
    for row in case.rows:
        bad = [result["trouble"] for result in row.results if "trouble" in result]
        if bad:
            why = bad[-1].splitlines()[-1][:200]
            said.append(f"- **{row.label}**: {len(bad)} of {len(row.results)} runs left out: {why}")
    return said


def commands(case):
    lines = ["<details><summary>commands</summary>", "", "```"]
    lines += [row.results[-1]["command"] for row in case.rows if row.results and row.results[-1].get("command")]
    return lines + ["```", "</details>"]


def noise_line(case):
    trips = [sample["ping_pong_ns"] for sample in case.noise if sample]
    if not trips:
        return []
    return [f"A cache line's round trip before each round: {', '.join(map(str, trips))} ns (quiet: 77–160)."]


def section(case, pictures):
    lines = [f"### {case.title}", ""]
    lines += [case.note, ""] if case.note else []
    lines += table(case) + [""]
    lines += troubles(case) + ([""] if troubles(case) else [])
    if case.title in pictures:
        lines += [f"![{case.title}]({pictures[case.title]})", ""]
    return lines + noise_line(case) + [""] + commands(case) + [""]


def goal_lines(cases):
    found = goals.goals_of(cases)
    if not found:
        return ["No goal could be decided by what was measured.", ""]
    lines = ["| goal | measured | limit | |", "|---|---|---|---|"]
    for goal in found:
        sign = "≥" if goal.at_least else "≤"
        word = "met" if goal.met else "**missed**"
        digits = max(goal.digits, 2) if goal.limit < 100 and goal.digits else goal.digits
        measured, limit = number(goal.measured, digits), number(goal.limit, digits)
        lines.append(f"| {goal.sentence} | {measured} | {sign} {limit} | {word} |")
    return lines + [""]


def first_line(command):
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    except OSError:
        return "not here"
    return done.stdout.strip().splitlines()[0] if done.stdout.strip() else "?"


def machine():
    with open("/proc/cpuinfo") as info:
        lines = [line.split(":", 1)[1].strip() for line in info if line.startswith("model name")]
    with open("/proc/meminfo") as info:
        memory = int(info.readline().split()[1]) >> 20
    root = pathlib.Path(__file__).resolve().parents[2]
    return {
        "processor": f"{len(lines)} × {lines[0] if lines else platform.machine()}",
        "memory": f"{memory} GiB",
        "kernel": platform.release(),
        "spillway": first_line(["git", "-C", str(root), "describe", "--always", "--dirty"]),
        "kafka": "4.1.0",
        "java": first_line(["java", "-version"]),
        "go": first_line(["go", "version"]),
        "compiler": first_line(["c++", "--version"]),
    }


def write(folder, cases, pictures, how):
    facts = machine() | how
    clients = sorted({r["client"] for case in cases for row in case.rows for r in row.results if "trouble" not in r})
    lines = ["# Spillway beside other producers", ""]
    lines += [f"`{how['command']}`, {how['started']}, {how['minutes']:.0f} min.", ""]
    lines += [f"- {name}: {text}" for name, text in facts.items() if name not in ("command", "started", "minutes")]
    lines += [f"- clients: {', '.join(clients)}", ""]
    lines += ["A cell is the median of the rounds [smallest..largest]. Rounds are interleaved, and a ratio is the median of",
              "the ratios inside a round. Read ratios: absolute numbers move with the machine. What can lie: `bench/README.md`.",
              ""]
    lines += ["## Goals", ""] + goal_lines(cases) + ["## Measurements", ""]
    for case in cases:
        lines += section(case, pictures)
    (folder / "report.md").write_text("\n".join(lines))
    data = {"machine": facts, "goals": [dataclasses.asdict(g) | {"met": g.met} for g in goals.goals_of(cases)],
            "cases": [dataclasses.asdict(case) for case in cases]}
    (folder / "report.json").write_text(json.dumps(data, indent=1))
