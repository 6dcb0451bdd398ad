"""Points from the series of a hash: what this release does not know is kept apart, and sums are sums."""

from hypothesis import given
from hypothesis import strategies as st

from prelabel.errors import Reason
from prelabel_worker.chunks.freshness import BUCKETS
from prelabel_worker.queries.flow_points import OTHER, FlowPoint, Requests

PLAIN = ("published", "imported", "superseded", "skipped", "discarded", "retried")
SERIES = [*PLAIN, *(f"dead:{reason.value}" for reason in Reason), *(f"fresh:{name}" for name in (*BUCKETS, "ms"))]
numbers = st.dictionaries(st.sampled_from(SERIES), st.integers(0, 10**12))


@given(numbers, numbers)
def test_the_sum_of_points_is_the_point_of_the_sums(one: dict[str, int], other: dict[str, int]) -> None:
    together = {name: one.get(name, 0) + other.get(name, 0) for name in {**one, **other}}

    assert FlowPoint.of(one, 60) + FlowPoint.of(other, 120) == FlowPoint.of(together, 60)


@given(st.dictionaries(st.text(max_size=20), st.integers(0, 100)))
def test_a_point_has_bounded_labels_whatever_series_there_are(series: dict[str, int]) -> None:
    point = FlowPoint.of({f"dead:{name}": number for name, number in series.items()})

    assert set(point.dead) <= {*(reason.value for reason in Reason), OTHER}
    assert point.died == sum(series.values())


def test_requests_are_read_by_operation_and_status() -> None:
    requests = Requests.of(
        {"poll:200": 3, "poll:no-answer": 1, "seconds:poll:0.1": 3, "seconds:poll:inf": 1, "seconds:poll:ms": 70_000},
        60,
    )

    assert requests.numbers == {("poll", "200"): 3, ("poll", "no-answer"): 1}
    assert (requests.count, requests.of_operation("poll"), requests.of_operation("upload")) == (4, 4, 0)
    seconds = requests.seconds["poll"]
    assert (seconds.count, seconds.total_ms, seconds.within(0.1)) == (4, 70_000, 3)
