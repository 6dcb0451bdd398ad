"""Pure rules about chunks: which rows stay, what was sent, where to split."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from prelabel_worker.chunks.chunk import middle
from prelabel_worker.chunks.sent_lines import SentLines, newest

rows = st.lists(
    st.tuples(st.integers(0, 50), st.tuples(st.sampled_from("abc"), st.sampled_from("mn"))), max_size=30
).map(lambda found: [(index, seq, key) for index, (seq, key) in enumerate(found)])


@given(rows)
def test_of_one_data_row_and_model_only_the_last_to_arrive_stays(given_rows: list) -> None:  # type: ignore[type-arg]
    stay, gone = newest(given_rows)

    assert sorted(stay + gone) == [index for index, _, _ in given_rows]
    by_index = {index: (seq, key) for index, seq, key in given_rows}
    assert len({by_index[index][1] for index in stay}) == len(stay)
    for index in gone:
        seq, key = by_index[index]
        assert any(by_index[other][1] == key and (by_index[other][0], other) > (seq, index) for other in stay)


sent_lines = st.dictionaries(
    st.integers(0, 10_000),
    st.tuples(
        st.lists(st.binary(min_size=16, max_size=16), max_size=5),
        st.binary(min_size=12, max_size=12),
        st.binary(min_size=16, max_size=16).map(bytes.hex),
    ),
    max_size=20,
).map(lambda found: SentLines.of((row, *rest) for row, rest in found.items()))


@given(sent_lines)
def test_sent_lines_survive_redis(sent: SentLines) -> None:
    assert SentLines.from_bytes(sent.to_bytes()) == sent


@given(sent_lines, st.binary(min_size=1, max_size=64))
def test_annotation_counts_stand_behind_what_an_older_worker_reads(sent: SentLines, packed: bytes) -> None:
    shaped = replace(sent, annotation_counts=(packed,) * len(sent.rows))

    assert SentLines.from_bytes(shaped.to_bytes()) == shaped
    assert shaped.to_bytes().startswith(sent.to_bytes())


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
