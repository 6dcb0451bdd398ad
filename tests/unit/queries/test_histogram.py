"""Quantiles of histograms: right by the values that went in, as far as buckets can tell."""

from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prelabel_worker.queries.histogram import Histogram

BOUNDS = (1, 2, 5, 10)
values = st.lists(st.floats(0, 30, allow_nan=False), min_size=1, max_size=60)


def of(seconds: list[float]) -> Histogram:
    counts = [0] * (len(BOUNDS) + 1)
    for value in seconds:
        counts[bisect_left(BOUNDS, value)] += 1
    return Histogram(BOUNDS, tuple(counts), round(sum(seconds) * 1000))


@given(values, st.floats(0.01, 1))
def test_a_quantile_is_in_the_bucket_of_the_value_of_its_rank(seconds: list[float], share: float) -> None:
    ordered = sorted(seconds)
    rank = max(0, next(at for at in range(len(ordered)) if at + 1 >= share * len(ordered) - 1e-9))
    bucket = bisect_left(BOUNDS, ordered[rank])
    lower, upper = (0, *BOUNDS)[bucket], (*BOUNDS, BOUNDS[-1])[bucket]

    quantile = of(seconds).quantile(share)

    assert quantile is not None
    assert lower - 1e-9 <= quantile <= upper + 1e-9


@given(values, st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_takes_no_less_time(seconds: list[float], one: float, other: float) -> None:
    low, high = (of(seconds).quantile(share) for share in sorted((one, other)))

    assert low is not None
    assert high is not None
    assert low <= high + 1e-9


@given(values, values)
def test_the_sum_of_histograms_is_the_histogram_of_all_values(some: list[float], more: list[float]) -> None:
    together = of(some) + of(more)

    assert together.counts == of(some + more).counts
    assert together.count == len(some) + len(more)
    assert together.total_ms == of(some).total_ms + of(more).total_ms


def test_a_histogram_of_nothing_has_no_quantile() -> None:
    assert Histogram(BOUNDS, (0,) * 5).quantile(0.95) is None


@pytest.mark.parametrize(("share", "seconds"), [(0.5, 2.0), (0.25, 1.5), (0.75, 10.0), (1.0, 10.0)])
def test_a_quantile_is_linear_within_its_bucket_and_the_bound_below_the_last_one(share: float, seconds: float) -> None:
    assert Histogram(BOUNDS, (0, 10, 0, 0, 10)).quantile(share) == seconds


def test_the_number_within_a_bound_counts_all_buckets_up_to_it() -> None:
    assert Histogram(BOUNDS, (1, 2, 3, 4, 5)).within(5) == 6
