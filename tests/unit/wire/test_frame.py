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
    UnknownVersion,
    UnreadableFrame,
    encode_frame,
    read_header,
    read_messages,
    traces_of,
)

messages = st.lists(st.binary(min_size=1).filter(lambda raw: b"\n" not in raw), min_size=1, max_size=20)


@given(messages, st.integers(0, 15), st.integers(0, 2**32 - 1), st.sampled_from("ik"))
def test_encoded_rows_and_header_are_read_back(rows: list[bytes], lane: int, slow: int, form: str) -> None:
    frame = encode_frame(rows, lane=lane, lanes=16, slow=slow, form=form)

    header = read_header(frame)

    assert read_messages(frame) == rows
    assert (header.lane, header.lanes, header.rows, header.slow, header.form) == (lane, 16, len(rows), slow, form)
    assert header.bytes == len(b"\n".join(rows))


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

    assert all(len(context) == 24 for context in found)
    assert found == [] or found == traces


def test_the_layout_of_the_header_is_fixed() -> None:
    frame = encode_frame([b"x"], lane=3, lanes=16, slow=7, form="k")

    assert HEADER.size == 40
    version, codec, name, lane, lanes, rows, size, slow, form = struct.unpack(">BB16sHHIIIc", frame[:35])
    assert (version, codec, lane, lanes, rows, size, slow, form) == (1, 0, 3, 16, 1, 1, 7, b"k")
    assert name.hex() == read_header(frame).id
    assert frame[35:40] == b"\0" * 5
    assert frame[40:] == b"x"


def test_ids_sort_by_the_time_they_were_made_and_are_version_7() -> None:
    ids = [uuid7() for _ in range(100)]

    assert len(set(ids)) == 100
    assert [name[:6] for name in ids] == sorted(name[:6] for name in ids)
    assert {(name[6] >> 4, name[8] >> 6) for name in ids} == {(7, 2)}


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_reader(garbage: bytes) -> None:
    with contextlib.suppress(UnreadableFrame, UnknownVersion):
        read_messages(garbage)


@given(messages, st.data())
def test_a_changed_byte_never_yields_another_number_of_rows(rows: list[bytes], data: st.DataObject) -> None:
    frame = bytearray(encode_frame(rows, lane=0, lanes=16, slow=0, form="k"))
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
    ],
    ids=["empty", "short", "truncated", "longer", "codec", "bomb", "lying bomb", "rows", "bytes"],
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


def test_rows_are_counted_before_they_are_taken_apart() -> None:
    """A frame of nothing but line ends, as its header says: sixteen million rows of no bytes."""
    body = b"\n" * MAX_FRAME_BYTES
    frame = HEADER.pack(1, 0, b"i" * 16, 0, 16, 5, len(body), 0, b"k") + body

    tracemalloc.start()
    with pytest.raises(UnreadableFrame, match="16777217 rows, the header says 5"):
        read_messages(frame)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 2 * MAX_FRAME_BYTES
