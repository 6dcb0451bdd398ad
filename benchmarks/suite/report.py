"""Results as a table for the terminal, as a page and as JSON."""

from collections.abc import Mapping, Sequence

import orjson

from benchmarks.suite.figures import Result
from benchmarks.suite.measures import Measure
from benchmarks.suite.plots import Plot
from benchmarks.suite.runs import RUNS, Output, Size

_ANSWERS = {True: "yes", False: "no", None: "not known"}


def json_of(results: Sequence[Result]) -> bytes:
    """Return the file of results: a list with a record of each measure."""
    return orjson.dumps([result.as_json() for result in results], option=orjson.OPT_INDENT_2) + b"\n"


def number(value: float | None) -> str:
    """Return a figure for people: three significant digits, thousands with commas."""
    if value is None:
        return "–"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 0.001 else f"{value:.1g}"


def cells(measure: Measure, result: Result) -> tuple[str, ...]:
    """Return slug, ours, peer, ratio, mark and answer of a line of the table."""
    figures = result.figures
    ours, peer, ratio = (figures.ours, figures.peer, figures.ratio) if figures else (None, None, None)
    with_peer = f"{number(peer)} {measure.unit}" if peer is not None else "–"
    return (
        measure.slug,
        f"{number(ours)} {measure.unit}" if ours is not None else "–",
        with_peer if measure.peer else "",
        f"{number(ratio)} {measure.mark.unit}" if ratio is not None else "–",
        f"{result.mark.direction} {number(result.mark.value)} {result.mark.unit}",
        _ANSWERS[result.met],
    )


HEAD = ("measure", "ours", "peer", "ratio", "mark", "reached")


def table(measures: Sequence[Measure], results: Sequence[Result]) -> str:
    """Return the results as a table for a terminal, with the notes below it."""
    lines = [HEAD, *(cells(measure, result) for measure, result in zip(measures, results, strict=True))]
    widths = [max(len(line[at]) for line in lines) for at in range(len(HEAD))]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    notes = [f"{result.slug}: {result.note}" for result in results if result.note]
    return "\n".join(text + [""] * bool(notes) + notes)


def page(
    size: Size,
    machine: Mapping[str, str],
    measures: Sequence[Measure],
    results: Sequence[Result],
    outputs: Mapping[str, Output],
    plots: Sequence[Plot],
) -> str:
    """Return the results as a page."""
    reached = sum(result.met is True for result in results)
    parts = [
        "# All measures\n\n"
        f"`make bench` measured this{'' if size is Size.FULL else f' in the size {size}'}. Both sides of a ratio are "
        "measured in the same run and take turns; figures are medians. "
        f"{reached} of {len(results)} marks are reached. The floor is `orjson.loads` and `orjson.dumps` of a row's "
        "bytes. A row is a message of five boxes, Redis answers a write when it is on the disk, and the server in "
        "place of Labelbox answers at once. The same results as JSON: `benchmarks/results/full.json`.",
        "| measure | what | ours | beside | peer | ratio | mark | reached |\n|---|---|---|---|---|---|---|---|\n"
        + "\n".join(_line(measure, result) for measure, result in zip(measures, results, strict=True)),
    ]
    if notes := [f"- `{result.slug}`: {result.note}." for result in results if result.note]:
        parts.append("## Notes\n\n" + "\n".join(notes))
    for plot in plots:
        parts.append(f"## {plot.title}\n\n![{plot.title}: {plot.y_label} by {plot.x_label}]({plot.name}.svg)")
    parts.append(
        "## Machine\n\n| | |\n|---|---|\n" + "\n".join(f"| {name} | {text} |" for name, text in machine.items())
    )
    lines = [f"| `{run.command(size)}` | {outputs[run.script].seconds:.0f} |" for run in RUNS if run.script in outputs]
    parts.append("## Runs\n\n| command | seconds |\n|---|---|\n" + "\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _line(measure: Measure, result: Result) -> str:
    slug, ours, peer, ratio, mark, reached = cells(measure, result)
    return f"| `{slug}` | {measure.title} | {ours} | {measure.peer} | {peer} | {ratio} | {mark} | {reached} |"
