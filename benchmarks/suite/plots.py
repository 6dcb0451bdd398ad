"""Plots of the measures that scale, as SVG that can be read on light and on dark pages."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.suite.runs import Output

_INK, _PAPER, _LINE = "#010203", "#040506", "#070809"  # colours that become variables
_STYLE = (
    "<style>:root{--ink:#24292f;--paper:#ffffff;--line:#0b61c4}"
    "@media (prefers-color-scheme: dark){:root{--ink:#d5dbe1;--paper:#161b22;--line:#6cb2ff}}</style>"
)


@dataclass(frozen=True)
class Plot:
    """A line through the figures of one run."""

    #: Of the file, without its suffix.
    name: str
    title: str
    x_label: str
    y_label: str
    #: Pairs of x and y.
    points: Sequence[tuple[float, float]]
    logarithmic: bool = True


def plots_of(outputs: Mapping[str, Output]) -> list[Plot]:
    """Return the plots of those runs that have figures."""
    found: list[Plot] = []
    for run, add in _READERS.items():
        output = outputs.get(run)
        if output is not None and not output.reason:
            found.append(add(output.value))
    return found


def _projects(value: Any) -> Plot:
    points = [(run["projects"], run["rows"] / run["seconds"]) for run in value]
    return Plot("projects", "Publishing to many projects", "projects", "rows a second", points)


def _growth(value: Any) -> Plot:
    points = [(size["rows"], size["microseconds"]) for size in value]
    return Plot("growth", "A growing project", "rows of the project", "µs of Redis's CPU for a commit of a row", points)


def _workers(value: Any) -> Plot:
    points = [(run["workers"], run["rows_per_second"]) for run in value]
    return Plot("workers", "More worker processes on two cores", "worker processes", "rows a second", points, False)


def _chunk_sizes(value: Any) -> Plot:
    points = [(run["chunkRows"], run["rowsPerSecond"]) for run in value]
    return Plot("chunk-sizes", "Larger chunks", "rows of a chunk", "rows a second", points)


_READERS = {
    "many_projects": _projects,
    "redis_growth": _growth,
    "busy": _workers,
    "chunk_sizes": _chunk_sizes,
}


def svg(plot: Plot) -> str:
    """Return the plot as SVG. Its colours follow the reader's light or dark scheme; equal plots give equal text."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": plot.name, "text.color": _INK}):
        figure = Figure(figsize=(6.4, 3.2), facecolor=_PAPER, layout="constrained")
        axes = figure.add_subplot(facecolor=_PAPER)
        xs = [x for x, _ in plot.points]
        axes.plot(xs, [y for _, y in plot.points], color=_LINE, marker="o")
        if plot.logarithmic:
            axes.set_xscale("log")
        axes.set_xticks(xs, [f"{x:,.0f}" for x in xs], minor=False)
        axes.xaxis.set_minor_locator(mpl.ticker.NullLocator())
        axes.yaxis.set_major_formatter(mpl.ticker.StrMethodFormatter("{x:,.4g}"))
        axes.set_ylim(bottom=0)
        axes.set_xlabel(plot.x_label, color=_INK)
        axes.set_ylabel(plot.y_label, color=_INK)
        axes.tick_params(colors=_INK)
        axes.grid(axis="y", color=_INK, alpha=0.15)
        axes.spines[:].set_color(_INK)
        axes.spines[["top", "right"]].set_visible(False)
        text = io.StringIO()
        FigureCanvasSVG(figure)
        figure.savefig(text, format="svg", metadata={"Date": None, "Title": plot.title})
    return _themed(text.getvalue())


def _themed(text: str) -> str:
    """Return the SVG with variables for its colours, and the values of both schemes."""
    for colour, name in ((_INK, "ink"), (_PAPER, "paper"), (_LINE, "line")):
        text = text.replace(colour, f"var(--{name})")
    return text.replace("<defs>", f"{_STYLE}<defs>", 1)
