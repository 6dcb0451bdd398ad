"""Figures of an hour or a day: sums, the last full interval, freshness, requests by answer."""

from prelabel_console.traffic import requests_of, spark_of_rows, traffic_of
from prelabel_worker.queries.flow_points import FlowPoint, Requests


def point(start: int, **numbers: int) -> FlowPoint:
    return FlowPoint.of({name.replace("_", ":"): number for name, number in numbers.items()}, start)


def test_the_interval_in_progress_counts_in_sums_and_is_not_the_last() -> None:
    traffic = traffic_of([point(0, published=5), point(60, published=7, imported=4), point(120, published=100)])

    assert (traffic.published, traffic.published_last, traffic.imported_last) == (112, 7, 4)
    assert traffic.rows.lines[0].values == "5,7"


def test_a_day_draws_the_interval_in_progress() -> None:
    traffic = traffic_of([point(0, published=5), point(900, published=7)], draw_current=True)

    assert traffic.rows.lines[0].values == "5,7"


def test_freshness_is_that_of_all_rows_together() -> None:
    traffic = traffic_of([point(0, fresh_1=99), point(60, fresh_600=1), point(120)])

    assert traffic.p50 is not None
    assert traffic.p95 is not None
    assert traffic.p50 <= traffic.p95 <= 1
    assert traffic.freshness.lines[0].values.startswith("0.")


def test_without_rows_there_is_no_freshness() -> None:
    traffic = traffic_of([point(0), point(60)])

    assert (traffic.p50, traffic.p95) == (None, None)
    assert traffic.rows.is_empty


def test_requests_are_shown_by_operation_and_answer_beside_the_limit() -> None:
    minutes = [
        Requests.of({"upload:200": 3, "upload:429": 1}, 0),
        Requests.of({"poll:200": 5}, 60),
        Requests.of({}, 120),
    ]
    traffic = requests_of(minutes, 100)

    assert traffic.count == 9
    assert traffic.by_status[0] == ("poll", "200", 5)
    assert [entry[0] for entry in traffic.seconds] == ["poll", "upload"]
    assert [line.name for line in traffic.chart.lines] == ["requests", "limit"]
    assert traffic.chart.lines[0].values == "4,5"


def test_a_sparkline_of_an_hour_has_twelve_bars() -> None:
    assert spark_of_rows([point(60 * at, imported=1) for at in range(60)]).count("M") == 12
