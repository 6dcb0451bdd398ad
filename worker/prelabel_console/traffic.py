"""Rows and requests by time as pages show them: figures and charts, from the points of `queries/flow`. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

from prelabel_console.charts import LIMIT, Chart, Series, chart_of, spark_of
from prelabel_worker.queries.flow_points import FlowPoint, Requests

P50, P95 = 0.5, 0.95
_BAR_MINUTES = 5


@dataclass(frozen=True, slots=True)
class Traffic:
    """What became of rows in the last hour or day."""

    #: Rows that were published in all of the time.
    published: int
    #: Rows that were imported in it.
    imported: int
    #: Rows that died in it.
    died: int
    #: Rows that were published in the last full interval.
    published_last: int
    #: Rows that were imported in it.
    imported_last: int
    #: Seconds from publication to import that half of the imported rows did not exceed; None without any.
    p50: float | None
    #: The same for 95 % of them.
    p95: float | None
    #: Rows by time.
    rows: Chart
    #: Freshness by time.
    freshness: Chart


@dataclass(frozen=True, slots=True)
class RequestTraffic:
    """The requests of an account in the last hour."""

    #: Requests in all.
    count: int
    #: Requests by operation and status, most first.
    by_status: Sequence[tuple[str, str, int]]
    #: Seconds that half of an operation's requests, and 95 % of them, did not exceed, by operation.
    seconds: Sequence[tuple[str, int, float | None, float | None]]
    #: Requests by time, with the limit.
    chart: Chart


def traffic_of(points: Sequence[FlowPoint], *, draw_current: bool = False) -> Traffic:
    """Return the traffic of these intervals, oldest first.

    The last one is in progress: it is drawn with `draw_current` alone, since a line would seem to fall there.
    """
    whole = reduce(add, points, FlowPoint())
    drawn = points if draw_current else points[:-1]
    last = points[-2] if len(points) > 1 else FlowPoint()
    times = [float(point.start) for point in drawn]
    rows = (
        Series("published", "in", [point.published for point in drawn]),
        Series("imported", "out", [point.imported for point in drawn]),
        Series("dead", "bad", [point.died for point in drawn]),
    )
    freshness = (
        Series("p95", "middle", [point.freshness.quantile(P95) for point in drawn]),
        Series("p50", "out", [point.freshness.quantile(P50) for point in drawn]),
    )
    return Traffic(
        published=whole.published,
        imported=whole.imported,
        died=whole.died,
        published_last=last.published,
        imported_last=last.imported,
        p50=whole.freshness.quantile(P50),
        p95=whole.freshness.quantile(P95),
        rows=chart_of(rows, times),
        freshness=chart_of(freshness, times),
    )


def requests_of(minutes: Sequence[Requests], limit: int) -> RequestTraffic:
    """Return the requests of these minutes, oldest first; the last one is in progress and not drawn."""
    numbers: dict[tuple[str, str], int] = {}
    for minute in minutes:
        for key, number in minute.numbers.items():
            numbers[key] = numbers.get(key, 0) + number
    operations = sorted({operation for operation, _ in numbers})
    seconds = []
    for operation in operations:
        histograms = [minute.seconds[operation] for minute in minutes if operation in minute.seconds]
        whole = reduce(add, histograms)
        seconds.append((operation, whole.count, whole.quantile(P50), whole.quantile(P95)))
    drawn = minutes[:-1]
    series = [Series("requests", "out", [minute.count for minute in drawn])]
    if limit:
        series.append(Series("limit", LIMIT, [float(limit)] * len(drawn)))
    return RequestTraffic(
        count=sum(numbers.values()),
        by_status=sorted(((*key, number) for key, number in numbers.items()), key=lambda entry: (-entry[2], entry)),
        seconds=seconds,
        chart=chart_of(series, [float(minute.start) for minute in drawn]),
    )


def spark_of_rows(points: Sequence[FlowPoint]) -> str:
    """Return the sparkline of imported rows in bars of five minutes."""
    return spark_of(
        [sum(point.imported for point in points[at : at + _BAR_MINUTES]) for at in range(0, len(points), _BAR_MINUTES)]
    )
