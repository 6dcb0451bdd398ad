"""The rows of a chunk that have no outcome come in blocks, each row at its place and with its arrival number."""

from hypothesis import given
from hypothesis import strategies as st

from prelabel.wire.frame import encode_frame
from prelabel_worker.chunks.chunk import Chunk, chunk_from_fields
from prelabel_worker.chunks.row_reader import ChunkBlocks
from prelabel_worker.chunks.rows import ChunkRow, RowBlock, Unreadable


def chunk_of(items: list[str], rows: int, cursor: int = 0) -> Chunk:
    fields = {"state": "open", "lanes": "", "rows": str(rows), "cursor": str(cursor), "items": "\n".join(items)}
    return chunk_from_fields("p", "c", "token", 0, {name.encode(): value.encode() for name, value in fields.items()})


def frame_of(first: int, rows: int) -> bytes:
    return encode_frame([b"m%d" % at for at in range(first, first + rows)], lane=3, lanes=16, slow=0, form="k")


def bitmap(indexes: set[int]) -> bytes:
    """Return what SETBIT makes of these bits."""
    bits = bytearray(max(indexes, default=-8) // 8 + 1)
    for index in indexes:
        bits[index >> 3] |= 0x80 >> (index & 7)
    return bytes(bits)


@given(st.lists(st.integers(1, 20), min_size=1, max_size=4), st.sets(st.integers(0, 70)), st.integers(0, 25))
def test_rows_without_an_outcome_are_in_blocks_of_their_frames(sizes: list[int], aside: set[int], cursor: int) -> None:
    starts = [sum(sizes[:number]) for number in range(len(sizes))]
    rows = sum(sizes)
    items = [f"f f{n} 0 {size} {100 + start}" for n, (start, size) in enumerate(zip(starts, sizes, strict=True))]
    frames = {f"f{n}": frame_of(start, size) for n, (start, size) in enumerate(zip(starts, sizes, strict=True))}
    chunk = chunk_of(items, rows, min(cursor, rows))

    blocks = ChunkBlocks(chunk, dict(frames), {}, bitmap(aside), "")

    waiting = [index for index in range(rows) if index >= cursor and index not in aside]
    expected = [ChunkRow(index, 100 + index, 3, b"m%d" % index) for index in waiting]
    for _ in range(2):  # a second build reads them again
        parts = [part for part in blocks if isinstance(part, RowBlock)]
        assert [row for part in parts for row in part.rows()] == expected
    if waiting == list(range(rows)):
        assert [len(part.messages) for part in parts] == sizes


def test_a_frame_that_is_gone_and_a_held_row_keep_their_places() -> None:
    state = b'{"seq":5,"lane":7,"weight":1,"bytes":1,"slow":0,"reason":"refused","group":"g"}'
    chunk = chunk_of(["f gone 2 5 100", "h 5 0 1 5", "h 6 0 1 6", "f f 1 3 200"], 7)

    parts = list(
        ChunkBlocks(chunk, {"gone": None, "f": frame_of(0, 3)}, {"5": [state, b"{}\nraw"], "6": [None, None]}, b"", "")
    )

    assert parts == [
        Unreadable(0, 3, 102, 0, b"", "f102", "the frame is not in Redis any more"),
        ChunkRow(3, 5, 7, b"raw", "5", False, "refused"),
        RowBlock(5, 201, 3, [b"m1", b"m2"]),
    ]
