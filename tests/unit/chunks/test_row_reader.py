"""The rows of a chunk that have no outcome come in blocks, each row at its place and with its arrival number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prelabel.wire import frame
from prelabel.wire.frame import copy_from_row
from prelabel_worker.chunks import row_reader
from prelabel_worker.chunks.chunk import Chunk, chunk_from_fields
from prelabel_worker.chunks.row_reader import ChunkBlocks
from prelabel_worker.chunks.rows import ChunkRow, RowBlock, Unreadable
from tests.support.frames import encode_frame, encode_shared_frame


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


def shared(sizes: dict[int, int]) -> bytes:
    """Return a frame of so many rows of each lane, which are numbered from 0."""
    parts, first = [], 0
    for lane, rows in sorted(sizes.items()):
        parts.append((lane, [b"m%d" % at for at in range(first, first + rows)], 0))
        first += rows
    return encode_shared_frame(parts, lanes=16, form="k")


@given(st.dictionaries(st.integers(0, 15), st.integers(1, 5), min_size=1, max_size=5), st.integers(1, 3), st.data())
def test_a_shared_frame_is_read_once_for_all_its_lanes_in_a_chunk(
    sizes: dict[int, int], sends: int, data: st.DataObject
) -> None:
    frames = {f"f{send}": shared(sizes) for send in range(sends)}
    total = sum(sizes.values())
    lows = {lane: sum(rows for other, rows in sizes.items() if other < lane) for lane in sizes}
    taken = data.draw(st.lists(st.sampled_from(sorted(sizes)), min_size=1, unique=True))
    places = [(lane, send) for lane in taken for send in range(sends)]
    items = [f"f f{send} {lows[lane]} {lows[lane] + sizes[lane]} {100 + send * total}" for lane, send in places]
    chunk = chunk_of(items, sum(sizes[lane] for lane, _ in places))
    reads = []

    def counted(stored: bytes) -> list[bytes]:
        reads.append(stored)
        return frame.read_messages(stored)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(row_reader, "read_messages", counted)
        parts = list(ChunkBlocks(chunk, dict(frames), {}, b"", ""))

    numbers = [(lane, send, row) for lane, send in places for row in range(lows[lane], lows[lane] + sizes[lane])]
    rows = [row for part in parts if isinstance(part, RowBlock) for row in part.rows()]
    assert rows == [
        ChunkRow(index, 100 + send * total + row, lane, b"m%d" % row) for index, (lane, send, row) in enumerate(numbers)
    ]
    assert len(reads) == sends


def test_each_lane_of_a_shared_frame_that_cannot_be_read_is_a_dead_letter_that_knows_its_rows() -> None:
    stored = shared({2: 2, 7: 3})
    broken = stored[:-1] + b"\n"
    chunk = chunk_of(["f f 2 5 100", "f f 0 2 100"], 5)

    parts = list(ChunkBlocks(chunk, {"f": broken}, {}, b"", ""))

    problem = "the body holds 4 rows, the header says 3"
    assert parts == [
        Unreadable(0, 3, 102, 7, copy_from_row(broken, 2), "f102", problem),
        Unreadable(3, 2, 100, 2, copy_from_row(broken, 0), "f100", problem),
    ]


def test_a_retried_dead_letter_of_a_shared_frame_has_the_rows_of_its_lane() -> None:
    state = b'{"seq":102,"lane":7,"weight":3,"bytes":1,"slow":0,"reason":"unreadable-frame","group":"g"}'
    body = b"{}\n" + copy_from_row(shared({2: 2, 7: 3}), 2)
    whole, second = chunk_of(["h f102 0 3 102"], 3), chunk_of(["h f102 1 3 102"], 2)

    assert list(ChunkBlocks(whole, {}, {"f102": [state, body]}, b"", "")) == [
        RowBlock(0, 102, 7, [b"m2", b"m3", b"m4"])
    ]
    assert list(ChunkBlocks(second, {}, {"f102": [state, body]}, b"", "")) == [RowBlock(0, 103, 7, [b"m3", b"m4"])]
