"""Charts as paths of an SVG: the layout of lines, bars and axes. No I/O; templates draw them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 720, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 8, 10, 22
_LINES = 4
_MARKS = 6
SPARK_WIDTH, SPARK_HEIGHT = 120, 24
LIMIT = "limit"
"""The class of a line that is a bound, and says nothing about what happened."""
_Point = Callable[[int, float], tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart."""

    #: What it shows.
    name: str
    #: The class that colours it: `in`, `out`, `bad`, `middle` or `LIMIT`.
    css: str
    #: A value for each moment; None where nothing is known.
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it is drawn."""

    #: What it shows.
    name: str
    #: The class that colours it.
    css: str
    #: The `d` of its path.
    path: str
    #: The `d` of the area below it.
    area: str
    #: The largest value; None if none is known.
    top: float | None
    #: The last value; None if it is not known.
    last: float | None
    #: The values as a script of the page reads them, with commas; empty where nothing is known.
    values: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A place on an axis."""

    #: Where it is, in units of the picture.
    at: float
    #: The value there: a number, or a Unix time.
    value: float


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart as it is drawn."""

    #: The lines, in the order of the series.
    lines: Sequence[Line]
    #: The marks of the axis of values, from the bottom.
    levels: Sequence[Mark]
    #: The marks of the axis of time, from the left.
    moments: Sequence[Mark]
    #: The left end of the axis of time.
    left: float = _LEFT
    #: Its right end.
    right: float = WIDTH - _RIGHT
    #: The bottom of the axis of values.
    bottom: float = HEIGHT - _BOTTOM
    #: The size of the picture.
    width: float = WIDTH
    height: float = HEIGHT
    #: The first time, as Unix time.
    start: float = 0.0
    #: Seconds between two times.
    step: float = 0.0

    @property
    def is_empty(self) -> bool:
        """Return whether no value is above 0."""
        return all(not line.top for line in self.lines if line.css != LIMIT)


def chart_of(series: Sequence[Series], times: Sequence[float]) -> Chart:
    """Return the chart of series with a value for each of these times, which are evenly spaced."""
    top = _round_up(max((value for line in series for value in line.values if value is not None), default=0.0))
    right, bottom = WIDTH - _RIGHT, HEIGHT - _BOTTOM
    step = (right - _LEFT) / max(1, len(times) - 1)

    def point(at: int, value: float) -> tuple[float, float]:
        return _LEFT + at * step, bottom - (bottom - _TOP) * value / top

    every = max(1, -(-len(times) // _MARKS))
    return Chart(
        lines=[_line(line, point, bottom) for line in series],
        levels=[Mark(point(0, top * number / _LINES)[1], top * number / _LINES) for number in range(_LINES + 1)],
        moments=[Mark(point(at, 0)[0], times[at]) for at in range(0, len(times), every)],
        start=times[0] if times else 0.0,
        step=times[1] - times[0] if len(times) > 1 else 0.0,
    )


def _line(series: Series, point: _Point, bottom: float) -> Line:
    runs: list[list[tuple[float, float]]] = [[]]
    for at, value in enumerate(series.values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append(point(at, value))
    drawn = [run for run in runs if run]
    path = "".join(_path(run) for run in drawn)
    area = "".join(f"{_path(run)}L{run[-1][0]:.1f} {bottom}L{run[0][0]:.1f} {bottom}Z" for run in drawn)
    known = [value for value in series.values if value is not None]
    return Line(
        name=series.name,
        css=series.css,
        path=path,
        area="" if series.css == LIMIT else area,
        top=max(known, default=None),
        last=series.values[-1] if series.values else None,
        values=",".join(
            "" if value is None else f"{value:.4g}" if value < 1000 else f"{value:.0f}" for value in series.values
        ),
    )


def _path(points: Sequence[tuple[float, float]]) -> str:
    """Return the `d` of a line through these points; of a single point, a short dash."""
    pieces = [f"{x:.1f} {y:.1f}" for x, y in points]
    return f"M{'L'.join(pieces)}" if len(pieces) > 1 else f"M{pieces[0]}h-4"


def spark_of(values: Sequence[float]) -> str:
    """Return the `d` of the area of a sparkline; '' if no value is above 0."""
    top = max(values, default=0)
    if top <= 0:
        return ""
    step = SPARK_WIDTH / max(1, len(values))
    bars = (
        f"M{at * step:.1f} {SPARK_HEIGHT}v{-max(1.5, value / top * (SPARK_HEIGHT - 2)):.1f}h{step * 0.8:.1f}"
        f"V{SPARK_HEIGHT}Z"
        for at, value in enumerate(values)
        if value > 0
    )
    return "".join(bars)


def _round_up(value: float) -> float:
    """Return 1, 2, 4 or 10 times a power of ten that is at least the value, so that the levels are round."""
    power = 1.0
    while power * 10 < value:
        power *= 10
    return next((power * factor for factor in (1, 2, 4, 10) if power * factor >= value), power * 10)
