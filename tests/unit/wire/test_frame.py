"""The bytes of a frame: what goes in comes out, and nothing else is ever read from one."""

import contextlib
import struct
import tracemalloc

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from prelabel.ids import uuid7
from prelabel.tracing import MAX_TRACES
from prelabel.wire.frame import (
    HEADER,
    MAX_FRAME_BYTES,
    MAX_SHARED_BYTES,
    MAX_SHARED_ROWS,
    ONE_LANE,
    SHARED,
    Segment,
    UnknownVersion,
    UnreadableFrame,
    copy_from_row,
    first_row,
    read_header,
    read_messages,
    relaned,
    traces_of,
)
from tests.support.frames import encode_frame, encode_shared_frame

messages = st.lists(st.binary(min_size=1).filter(lambda raw: b"\n" not in raw), min_size=1, max_size=20)


@given(messages, st.integers(0, 15), st.integers(0, 2**32 - 1), st.sampled_from("ik"))
def test_encoded_rows_and_header_are_read_back(rows: list[bytes], lane: int, slow: int, form: str) -> None:
    frame = encode_frame(rows, lane=lane, lanes=16, slow=slow, form=form)

    header = read_header(frame)

    assert read_messages(frame) == rows
    size = len(b"\n".join(rows))
    assert (header.lanes, header.rows, header.bytes, header.slow, header.form) == (16, len(rows), size, slow, form)
    assert header.segments == (Segment(lane, len(rows), size, slow),)


shared = st.dictionaries(st.integers(0, 1023), st.tuples(messages, st.integers(0, 1000)), min_size=1, max_size=6)


@given(shared, st.sampled_from("ik"))
def test_the_rows_of_several_lanes_are_read_back_with_their_lanes(
    by_lane: dict[int, tuple[list[bytes], int]], form: str
) -> None:
    parts = [(lane, *by_lane[lane]) for lane in sorted(by_lane)]
    frame = encode_shared_frame(parts, lanes=1024, form=form)
    rows = [(lane, raw) for lane, lane_rows, _ in parts for raw in lane_rows]

    header = read_header(frame)

    assert list(zip([header.lane_at(at) for at in range(header.rows)], read_messages(frame), strict=True)) == rows
    assert [(segment.lane, segment.rows) for segment in header.segments] == [
        (lane, len(sent)) for lane, sent, _ in parts
    ]
    assert [segment.slow for segment in header.segments] == [slow for _, _, slow in parts]
    assert (header.rows, header.slow) == (len(rows), sum(slow for _, _, slow in parts))
    assert header.bytes == len(b"\n".join(raw for _, raw in rows))


contexts = st.lists(st.binary(min_size=24, max_size=24), min_size=1, max_size=MAX_TRACES)


@given(messages, contexts)
def test_a_frame_carries_the_traces_of_its_rows_beside_them(rows: list[bytes], traces: list[bytes]) -> None:
    frame = encode_frame(rows, lane=0, lanes=16, slow=0, form="k", traces=traces)

    assert traces_of(frame) == traces
    assert read_messages(frame) == rows
    # Any reader of zstd skips what is not its own, and publish.lua accepts so many bytes beside the body.
    decompressed = zstandard.ZstdDecompressor().stream_reader(frame[HEADER.size :], read_across_frames=True).read()
    assert decompressed == b"\n".join(rows)
    assert len(frame) <= 1024 + 1.01 * read_header(frame).bytes


@given(messages, contexts)
def test_a_shared_frame_carries_traces_too(rows: list[bytes], traces: list[bytes]) -> None:
    frame = encode_shared_frame([(0, rows, 0), (3, rows, 0)], lanes=16, form="k", traces=traces)

    assert traces_of(frame) == traces
    assert read_messages(frame) == rows + rows


@given(messages)
def test_a_frame_without_traces_has_none(rows: list[bytes]) -> None:
    assert traces_of(encode_frame(rows, lane=0, lanes=16, slow=0, form="k")) == []


@given(messages, contexts, st.data())
def test_no_end_of_a_frame_confuses_the_reader_of_traces(
    rows: list[bytes], traces: list[bytes], data: st.DataObject
) -> None:
    frame = encode_frame(rows, lane=0, lanes=16, slow=0, form="k", traces=traces)
    cut = data.draw(st.integers(0, len(frame)))
    forged = frame[:cut] + data.draw(st.binary(max_size=30)) + data.draw(st.sampled_from([b"", frame[-20:]]))

    found = traces_of(forged)

    # Whatever the forger wrote, contexts are found only where they stand as a writer puts them.
    honest = encode_frame(rows, lane=0, lanes=16, slow=0, form="k", traces=found)
    assert found == [] or forged.endswith(honest[-24 * (len(found) + 1) :])


def test_the_layout_of_the_header_is_fixed() -> None:
    frame = encode_frame([b"x"], lane=3, lanes=16, slow=7, form="k")

    assert HEADER.size == 40
    version, codec, name, lane, lanes, rows, size, slow, form = struct.unpack(">BB16sHHIIIc", frame[:35])
    assert (version, codec, lane, lanes, rows, size, slow, form) == (1, 0, 3, 16, 1, 1, 7, b"k")
    assert name.hex() == read_header(frame).id
    assert frame[35:40] == b"\0" * 5
    assert frame[40:] == b"x"


def test_the_layout_of_a_shared_frame_is_fixed() -> None:
    frame = encode_shared_frame([(3, [b"x", b"yy"], 7), (5, [b"z"], 1)], lanes=16, form="k")

    numbers = struct.unpack(">BB16sHHIIIc5sHHIIHHII", frame[:64])
    assert numbers[:2] + numbers[3:] == (3, 0, 2, 16, 3, 6, 8, b"k", bytes(5), 3, 2, 4, 7, 5, 1, 1, 1)
    assert frame[64:] == b"x\nyy\nz"


@given(messages, st.integers(0, 9999))
def test_the_copy_in_a_dead_letter_says_its_first_row_and_is_read_like_the_frame(rows: list[bytes], first: int) -> None:
    frame = encode_shared_frame([(0, rows, 0), (3, rows, 0)], lanes=16, form="k")

    copy = copy_from_row(frame, first)

    assert (first_row(frame), first_row(copy)) == (0, first)
    assert (read_header(copy), read_messages(copy)) == (read_header(frame), read_messages(frame))


def test_what_is_too_short_for_a_header_is_copied_as_it_is() -> None:
    assert (copy_from_row(whole[:39], 3), first_row(whole[:20])) == (whole[:39], 0)


@given(messages)
def test_a_relaned_frame_is_one_of_lane_0_with_the_same_rows(rows: list[bytes]) -> None:
    for frame in (
        encode_shared_frame([(1, rows, 2), (3, rows, 0)], lanes=16, form="k"),
        encode_frame([*rows, *rows], lane=3, lanes=16, slow=2, form="k"),
    ):
        header = read_header(relaned(frame, 4))
        assert (header.version, header.lanes, header.rows) == (ONE_LANE, 4, 2 * len(rows))
        assert header.segments == (Segment(0, header.rows, header.bytes, 2),)
        assert read_messages(relaned(frame, 4)) == rows + rows
        assert header.id != read_header(frame).id


def test_ids_sort_by_the_time_they_were_made_and_are_version_7() -> None:
    ids = [uuid7() for _ in range(100)]

    assert len(set(ids)) == 100
    assert [name[:6] for name in ids] == sorted(name[:6] for name in ids)
    assert {(name[6] >> 4, name[8] >> 6) for name in ids} == {(7, 2)}


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_reader(garbage: bytes) -> None:
    with contextlib.suppress(UnreadableFrame, UnknownVersion):
        read_messages(garbage)


@given(messages, st.booleans(), st.data())
def test_a_changed_byte_never_yields_another_number_of_rows(
    rows: list[bytes], is_shared: bool, data: st.DataObject
) -> None:
    parts = [(0, rows, 0), (3, rows, 0)]
    of_one_lane = encode_frame(rows, lane=0, lanes=16, slow=0, form="k")
    frame = bytearray(encode_shared_frame(parts, lanes=16, form="k") if is_shared else of_one_lane)
    at = data.draw(st.integers(0, len(frame) - 1))
    frame[at] ^= data.draw(st.integers(1, 255))
    try:
        found = read_messages(bytes(frame))
        rows_of_header = read_header(bytes(frame)).rows
    except (UnreadableFrame, UnknownVersion):
        return
    assert len(found) == rows_of_header


big = [b'{"a": %d}' % n for n in range(200)]
whole = encode_frame(big, lane=0, lanes=16, slow=0, form="k")
pair = encode_shared_frame([(0, [b"x", b"y"], 0), (5, [b"z"], 1)], lanes=16, form="k")
table = struct.Struct(">HHII")


def of_lanes(*segments: tuple[int, int, int, int], rows: int = 3, size: int = 5, slow: int = 1) -> bytes:
    """Return a shared frame of the body `x y z`, whose header and table say what they are told to."""
    header = HEADER.pack(SHARED, 0, b"i" * 16, len(segments), 16, rows, size, slow, b"k")
    return header + b"".join(table.pack(*segment) for segment in segments) + b"x\ny\nz"


bomb = zstandard.ZstdCompressor().compress(b"\0" * (MAX_FRAME_BYTES + 1))


@pytest.mark.parametrize(
    ("frame", "problem"),
    [
        (b"", "empty"),
        (whole[:20], "header alone"),
        (whole[:-1], "decompress"),
        (whole + b"x", ""),
        (whole[:1] + b"\x09" + whole[2:], "codec 9"),
        (HEADER.pack(1, 1, b"i" * 16, 0, 16, 1, MAX_FRAME_BYTES + 1, 0, b"k") + bomb, "limit"),
        (HEADER.pack(1, 1, b"i" * 16, 0, 16, 1, 10, 0, b"k") + bomb, "size the header says"),
        (HEADER.pack(1, 0, b"i" * 16, 0, 16, 2, 1, 0, b"k") + b"x", "1 rows, the header says 2"),
        (HEADER.pack(1, 0, b"i" * 16, 0, 16, 1, 5, 0, b"k") + b"x", "1 bytes, the header says 5"),
        (pair[:50], "header and table need 64"),
        (of_lanes(), "0 lanes"),
        (of_lanes((0, 1, 1, 0), (1, 1, 1, 1), rows=1), "2 lanes, 1 rows"),
        (of_lanes((0, 2, 3, 0), (1, 2, 1, 1)), "other sums"),
        (of_lanes((0, 2, 4, 0), (1, 1, 1, 1)), "other sums"),
        (of_lanes((0, 2, 3, 0), (1, 1, 1, 0)), "other sums"),
        (of_lanes((0, 1, 3, 0), (1, 2, 1, 1)), "2 rows, the header says 1"),
        (of_lanes((0, 2, 2, 0), (1, 1, 2, 1)), "do not end where"),
        (of_lanes((0, 2, 3, 0), (1, 1, 1, 1), rows=MAX_SHARED_ROWS + 1), "exceeds a limit"),
        (of_lanes((0, 2, 3, 0), (1, 1, 1, 1), size=MAX_SHARED_BYTES + 1), "exceeds a limit"),
    ],
    ids=[
        *(
            "empty",
            "short",
            "truncated",
            "longer",
            "codec",
            "bomb",
            "lying bomb",
            "rows",
            "bytes",
            "no table",
            "no lanes",
        ),
        *("more lanes than rows", "sum of rows", "sum of bytes", "sum of slow", "rows of a lane", "inside a message"),
        *("many shared rows", "many shared bytes"),
    ],
)
def test_a_frame_that_is_not_what_its_header_says_is_unreadable(frame: bytes, problem: str) -> None:
    if problem:
        with pytest.raises(UnreadableFrame, match=problem):
            read_messages(frame)
    else:
        assert read_messages(frame) == big  # zstd ends where its frame ends; nothing behind it is read


@pytest.mark.parametrize("version", [0, 2, 255])
def test_an_unknown_version_is_not_called_unreadable(version: int) -> None:
    with pytest.raises(UnknownVersion):
        read_messages(bytes([version]) + whole[1:])


def test_no_more_rows_are_taken_apart_than_the_header_names() -> None:
    """A frame of nothing but line ends, as its header says: sixteen million rows of no bytes."""
    body = b"\n" * MAX_FRAME_BYTES
    frame = HEADER.pack(1, 0, b"i" * 16, 0, 16, 5, len(body), 0, b"k") + body

    tracemalloc.start()
    with pytest.raises(UnreadableFrame, match="16777217 rows, the header says 5"):
        read_messages(frame)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 3 * MAX_FRAME_BYTES  # the frame, its body, and the rows behind those that are named
