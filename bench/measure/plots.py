"""One picture a case. Without matplotlib the report has tables only."""
import re
import statistics

try:
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot, ticker
except ImportError:
    pyplot = None

COLOURS = {"probe": "#9a9a9a", "spillway": "#0b6e99", "librdkafka": "#d9730d", "franz-go": "#6940a5", "java": "#5c7f2b"}
MIB_TICKS = (8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
QUANTILES = ("p50", "p99", "p999", "max")


def title_of(case, field):
    return next((metric.title for metric in case.metrics if metric.field == field), field)


def whiskers(values):
    middle = statistics.median(values)
    return middle, [[middle - min(values)], [max(values) - middle]]


def bars(axes, case, field):
    for place, row in enumerate(case.rows):
        values = row.values(field)
        if values:
            middle, error = whiskers(values)
            axes.barh(place, middle, xerr=error, color=COLOURS[row.client], ecolor="black", capsize=3)
            axes.annotate(f" {middle:,.0f}", (max(values), place), va="center")
    axes.set_yticks(range(len(case.rows)), [row.label for row in case.rows])
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.set_xlabel(title_of(case, field))


def quantiles(axes, case, field):
    for row in case.rows:
        middles = [row.median(f"{field}.{q}") for q in QUANTILES]
        if None not in middles:
            axes.plot(["p50", "p99", "p99.9", "max"], middles, marker="o", label=row.label, color=COLOURS[row.client])
    axes.set_yscale("log")
    axes.set_ylabel("ns")
    axes.legend()


def lines(axes, case, field):
    """Rows are called "client × n": n is the abscissa."""
    for client in dict.fromkeys(row.client for row in case.rows):
        points = [(int(row.label.split("×")[1]), row.median(field)) for row in case.rows if row.client == client]
        points = [point for point in points if point[1] is not None]
        if points:
            axes.plot(*zip(*points), marker="o", label=client, color=COLOURS[client])
    abscissae = sorted({int(row.label.split("×")[1]) for row in case.rows})
    axes.set_xscale("log")
    axes.set_xticks(abscissae, [f"{n:,}" for n in abscissae], minor=False)
    axes.xaxis.set_minor_locator(ticker.NullLocator())
    axes.set_ylim(bottom=0)
    axes.set_ylabel(title_of(case, field))
    axes.legend()


def memory(axes, case, field):
    rows = [row for row in case.rows if row.results]
    for place, row in enumerate(rows):
        peak = row.results[-1].get(field) or 0  # a client that was stopped for its size is shown at that size
        axes.barh(place, peak / (1 << 20), color=COLOURS[row.client])
    axes.axvline(64, color="black", linewidth=1, linestyle="--")
    axes.set_xscale("log")
    axes.set_xticks(MIB_TICKS, [str(tick) for tick in MIB_TICKS])
    axes.xaxis.set_minor_locator(ticker.NullLocator())
    axes.set_yticks(range(len(rows)), [row.label for row in rows], fontsize=7)
    axes.invert_yaxis()
    axes.set_xlabel("peak RSS, MiB; the dashed line is the limit that was asked for")


def draw(folder, cases):
    """Title of each drawn case → file name."""
    pictures = {}
    for case in cases if pyplot else ():
        if not case.plot or not any(row.values(case.plot[1]) for row in case.rows):
            continue
        kind, field = case.plot
        figure, axes = pyplot.subplots(figsize=(8, max(2.5, 0.22 * len(case.rows) + 1.5)))
        {"bars": bars, "quantiles": quantiles, "lines": lines, "memory": memory}[kind](axes, case, field)
        axes.set_title(case.title, fontsize=10)
        figure.tight_layout()
        name = re.sub(r"[^a-z0-9]+", "-", f"{case.group}-{case.title}".lower()).strip("-")[:80] + ".png"
        figure.savefig(folder / name, dpi=110)
        pyplot.close(figure)
        pictures[case.title] = name
    return pictures
