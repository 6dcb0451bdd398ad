"""Rows are counted by frame in the buckets in which each row of its own would be."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prelabel_worker.chunks.chunk import Chunk, chunk_from_fields
from prelabel_worker.chunks.freshness import BUCKETS, Freshness, PublishedRows

CUT_MS = 10_000_000


def chunk_of(items: list[tuple[int, int]]) -> Chunk:
    """Return a chunk of items of so many rows and such an age."""
    lines = "\n".join(f"f {'0' * 32} 0 {rows} {at}" for at, (rows, _) in enumerate(items))
    fields = {
        "state": "running",
        "rows": str(sum(rows for rows, _ in items)),
        "items": lines,
        "lanes": "0",
        "cutMs": str(CUT_MS),
        "ages": " ".join(str(age) for _, age in items),
    }
    return chunk_from_fields("p", "c", "t", 0, {name.encode(): value.encode() for name, value in fields.items()})


ages = st.integers(-1, 5_000_000)
chunks = st.lists(st.tuples(st.integers(1, 6), ages), min_size=1, max_size=8)


@given(chunks, st.data())
def test_any_run_of_sent_rows_counts_as_its_rows_one_by_one(items: list[tuple[int, int]], data: st.DataObject) -> None:
    of_row = [age for rows, age in items for _ in range(rows)]
    sent = sorted(data.draw(st.sets(st.sampled_from(range(len(of_row))))))
    start = data.draw(st.integers(0, len(sent)))
    stop = data.draw(st.integers(start, len(sent)))
    waited = data.draw(st.integers(0, 10_000))
    expected = Freshness()
    for index in sent[start:stop]:
        if of_row[index] >= 0:
            expected.add(1, of_row[index] + waited)

    freshness = Freshness()
    PublishedRows(chunk_of(items), sent).observe(freshness, start, stop, CUT_MS + waited)

    assert freshness == expected


@pytest.mark.parametrize(
    ("age_ms", "bucket"),
    [(0, "1"), (1000, "1"), (1001, "2"), (5000, "5"), (3_600_000, "3600"), (3_600_001, "inf"), (-5, "1")],
)
def test_a_bucket_has_its_upper_bound(age_ms: int, bucket: str) -> None:
    freshness = Freshness()

    freshness.add(3, age_ms)

    assert Counter(freshness.counts) - Counter(ms=3 * abs(age_ms)) == Counter({bucket: 3})
    assert bucket in BUCKETS


@pytest.mark.parametrize("text", ["", "1", "1 2 3", "1 x", "1 -2", "1 " + "9" * 40])
def test_a_chunk_without_an_age_for_each_item_has_none(text: str) -> None:
    fields = {"state": "open", "rows": "2", "items": "f a 0 1 1\nf b 0 1 2", "lanes": "0", "ages": text}

    chunk = chunk_from_fields("p", "c", "t", 0, {name.encode(): value.encode() for name, value in fields.items()})

    assert chunk.ages_ms == ()
    assert chunk.published_ms(0) == 0
