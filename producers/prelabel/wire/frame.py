"""The bytes of a frame: messages of one project and lane, sent together and never changed.

A frame is a fixed header and a body (docs/explanation/data-model.md#the-frame has the table). Grouping reads only
what the header says, so it costs the same whatever the rows weigh.
"""

import os
import struct
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import zstandard

from prelabel.errors import PrelabelError

VERSION = 1
"""Newest this release knows, of frames and all that workers make of them: docs/explanation/data-model.md#versions."""
HEADER = struct.Struct(">BB16sHHIIIc5x")
PLAIN, ZSTD = 0, 1
MAX_FRAME_BYTES = 16 * 1024 * 1024
"""Of the body before compression; a reader refuses more, so a compressed bomb costs nothing."""
MAX_FRAME_ROWS = 10_000
"""One that cannot be read is one dead letter, whose commit costs a little for each row it weighs."""
_LEVEL = 1  # a sixth of the bytes for a microsecond a row; higher levels cost more than they save
_WORTH_COMPRESSING = 256


class UnreadableFrame(PrelabelError):
    """The frame's bytes are not what its header says."""


class UnknownVersion(PrelabelError):
    """The frame is of a newer version: it is left for a worker that knows it."""


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """What a frame says about itself; `bytes` is the body's size before compression."""

    version: int
    codec: int
    id: str
    lane: int
    lanes: int
    rows: int
    bytes: int
    slow: int
    form: str


def new_frame_id() -> bytes:
    """16 bytes in the layout of a UUIDv7: sorts by the millisecond it was made, unique by 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    random = bytearray(os.urandom(10))
    random[0] = 0x70 | (random[0] & 0x0F)
    random[2] = 0x80 | (random[2] & 0x3F)
    return milliseconds.to_bytes(6, "big") + bytes(random)


def encode_frame(messages: Sequence[bytes], *, lane: int, lanes: int, slow: int, form: str) -> bytes:
    """Make a frame with a new id out of messages, each one line of JSON."""
    body = b"\n".join(messages)
    size = len(body)
    codec = PLAIN
    if size >= _WORTH_COMPRESSING:
        codec, body = ZSTD, _zstd().compressor.compress(body)
    header = HEADER.pack(VERSION, codec, new_frame_id(), lane, lanes, len(messages), size, slow, form.encode("ascii"))
    return header + body


def relaned(frame: bytes, lanes: int) -> bytes:
    """A frame whose body cannot be read, with a new id and in lane 0 of so many, so that it is taken and reported."""
    header = list(HEADER.unpack_from(frame))
    header[2:5] = new_frame_id(), 0, lanes
    return HEADER.pack(*header) + frame[HEADER.size :]


def read_header(frame: bytes) -> FrameHeader:
    """What the frame says of itself. Raises UnknownVersion or UnreadableFrame."""
    if not frame:
        raise UnreadableFrame("the frame is empty")
    if frame[0] > VERSION or frame[0] == 0:
        raise UnknownVersion(f"frame version {frame[0]}; this release knows {VERSION}")
    if len(frame) < HEADER.size:
        raise UnreadableFrame(f"the frame has {len(frame)} bytes, its header alone needs {HEADER.size}")
    version, codec, frame_id, lane, lanes, rows, size, slow, form = HEADER.unpack_from(frame)
    return FrameHeader(version, codec, frame_id.hex(), lane, lanes, rows, size, slow, form.decode("latin-1"))


def read_messages(frame: bytes) -> list[bytes]:
    """The frame's messages, as many as its header says. Raises UnknownVersion or UnreadableFrame."""
    header = read_header(frame)
    body = _body(header, frame[HEADER.size :])
    if len(body) != header.bytes:
        raise UnreadableFrame(f"the body has {len(body)} bytes, the header says {header.bytes}")
    # Counted first: a list of sixteen million rows would cost more than the frame.
    rows = body.count(b"\n") + 1
    if rows != header.rows:
        raise UnreadableFrame(f"the body holds {rows} rows, the header says {header.rows}")
    return body.split(b"\n")


def _body(header: FrameHeader, stored: bytes) -> bytes:
    if header.bytes > MAX_FRAME_BYTES:
        raise UnreadableFrame(f"the body would have {header.bytes} bytes, the limit is {MAX_FRAME_BYTES}")
    if header.codec == PLAIN:
        return stored
    if header.codec != ZSTD:
        raise UnreadableFrame(f"codec {header.codec} is not known")
    try:
        # zstandard allocates what the content says of itself, whatever limit it is given: look first.
        if zstandard.frame_content_size(stored) != header.bytes:
            raise UnreadableFrame("the compressed body does not have the size the header says")
        return _zstd().decompressor.decompress(stored, max_output_size=header.bytes)
    except zstandard.ZstdError as error:
        raise UnreadableFrame(f"the body cannot be decompressed: {error}") from None


class _Zstd(threading.local):
    """One pair a thread: a zstandard object shared by threads corrupts data."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=_LEVEL)
        self.decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_FRAME_BYTES)


_ZSTD: _Zstd = _Zstd()


def _zstd() -> _Zstd:
    return _ZSTD
