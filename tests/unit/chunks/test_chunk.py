"""Pure rules about chunks: where to split."""

from hypothesis import given
from hypothesis import strategies as st

from prelabel_worker.chunks.chunk import middle


@given(st.integers(2, 100_000))
def test_a_split_leaves_both_halves_with_rows_and_can_cut_a_bitmap_by_bytes(size: int) -> None:
    at = middle(size)

    assert 0 < at < size
    assert at % 8 == 0 or size <= 16


def splits(size: int) -> int:
    """Return how often a chunk is split until its deepest row is alone."""
    return 0 if size == 1 else 1 + max(splits(middle(size)), splits(size - middle(size)))


def test_a_row_stands_alone_after_log2_splits() -> None:
    assert all(splits(size) <= (size - 1).bit_length() for size in (*range(1, 700), 1000, 5000, 100_000))
