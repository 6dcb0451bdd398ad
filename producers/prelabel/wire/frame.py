"""Write and read the bytes of a frame: messages of one project and lane, sent together and never changed.

A frame is a fixed header and a body (docs/explanation/data-model.md#the-frame has the table). Workers group by the
header alone, so grouping costs the same however large the messages are.
"""

import struct
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import zstandard

from prelabel.errors import PrelabelError
from prelabel.ids import uuid7
from prelabel.tracing import CONTEXT_BYTES

VERSION = 1
"""The newest version of frames, and of the data that workers store about them, that this release knows.

See docs/explanation/data-model.md#versions.
"""
HEADER = struct.Struct(">BB16sHHIIIc5x")
PLAIN, ZSTD = 0, 1
MAX_FRAME_BYTES = 16 * 1024 * 1024
"""Maximum size of the body before compression. A reader refuses more, so a decompression bomb costs nothing."""
MAX_FRAME_ROWS = 10_000
"""Maximum rows. An unreadable frame becomes one dead letter, and committing it costs a little for each of its rows."""
_LEVEL = 1  # a sixth of the bytes for a microsecond a row; higher levels take more time than they save
_WORTH_COMPRESSING = 256
_SKIPPABLE = struct.Struct("<II")  # of zstd: a magic number and the size of what follows
_SKIPPABLE_MAGIC = 0x184D2A57
_TRACES_MARK = b"prelabel-traces"


class UnreadableFrame(PrelabelError):
    """The frame's bytes contradict its header."""


class UnknownVersion(PrelabelError):
    """The frame has a newer version: leave it for a worker that knows it."""


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """The fields of a frame's header."""

    #: The version of the frame, and of its messages.
    version: int
    #: How the body is compressed: `PLAIN` or `ZSTD`.
    codec: int
    #: 32 hexadecimal digits; Redis counts each id once.
    id: str
    #: The lane of all its data rows.
    lane: int
    #: The lane count that it was cut for.
    lanes: int
    #: Number of messages in the body.
    rows: int
    #: Size of the body before compression.
    bytes: int
    #: Number of slow annotations in all its messages.
    slow: int
    #: How the first message names its data row: `i` by id, `k` by global key.
    form: str


def rows_in(frames: Iterable[bytes]) -> int:
    """Return how many rows the frames have, by their headers."""
    return sum(int.from_bytes(frame[22:26], "big") for frame in frames)


def id_of(frame: bytes) -> bytes:
    """Return the id of a frame, 16 bytes."""
    return frame[2:18]


def lanes_of(frame: bytes) -> int:
    """Return the lane count that a frame was cut for."""
    return int.from_bytes(frame[20:22], "big")


def cut_at(frame: bytes) -> float:
    """Return when a frame was cut, in seconds since the epoch, by the clock of the machine that cut it."""
    return int.from_bytes(frame[2:8], "big") / 1000


def encode_frame(
    messages: Sequence[bytes], *, lane: int, lanes: int, slow: int, form: str, traces: Sequence[bytes] = ()
) -> bytes:
    """Make a frame with a new id out of messages, each one line of JSON; `traces` are as in `prelabel.tracing`."""
    body = b"\n".join(messages)
    size = len(body)
    codec = PLAIN
    if size >= _WORTH_COMPRESSING or traces:
        codec, body = ZSTD, _ZSTD.compressor.compress(body)
    header = HEADER.pack(VERSION, codec, uuid7(), lane, lanes, len(messages), size, slow, form.encode("ascii"))
    return header + body + (_tail(traces) if traces else b"")


def _tail(traces: Sequence[bytes]) -> bytes:
    """Return trace contexts as a skippable frame of zstd (RFC 8878, 3.1.2), which readers that know nothing of it skip.

    It is read from its end.
    """
    content = b"".join(traces) + bytes([len(traces)]) + _TRACES_MARK
    return _SKIPPABLE.pack(_SKIPPABLE_MAGIC, len(content)) + content


def traces_of(frame: bytes) -> list[bytes]:
    """Return the trace contexts at the end of a frame; none if it has no such end."""
    if len(frame) < HEADER.size or frame[1] != ZSTD or not frame.endswith(_TRACES_MARK):
        return []
    end = len(frame) - len(_TRACES_MARK) - 1
    start = end - CONTEXT_BYTES * frame[end]
    content = len(frame) - start
    at = start - _SKIPPABLE.size
    if at < HEADER.size or _SKIPPABLE.unpack_from(frame, at) != (_SKIPPABLE_MAGIC, content):
        return []
    return [frame[at : at + CONTEXT_BYTES] for at in range(start, end, CONTEXT_BYTES)]


def relaned(frame: bytes, lanes: int) -> bytes:
    """Give an unreadable frame a new id and lane 0, so that Redis accepts it and a worker reports it."""
    header = list(HEADER.unpack_from(frame))
    header[2:5] = uuid7(), 0, lanes
    return HEADER.pack(*header) + frame[HEADER.size :]


def read_header(frame: bytes) -> FrameHeader:
    """Return the header of a frame. Raises UnknownVersion or UnreadableFrame."""
    if not frame:
        raise UnreadableFrame("the frame is empty")
    if frame[0] > VERSION or frame[0] == 0:
        raise UnknownVersion(f"frame version {frame[0]}; this release knows {VERSION}")
    if len(frame) < HEADER.size:
        raise UnreadableFrame(f"the frame has {len(frame)} bytes, its header alone needs {HEADER.size}")
    version, codec, frame_id, lane, lanes, rows, size, slow, form = HEADER.unpack_from(frame)
    return FrameHeader(version, codec, frame_id.hex(), lane, lanes, rows, size, slow, form.decode("latin-1"))


def read_messages(frame: bytes) -> list[bytes]:
    """Return the messages of a frame, as many as its header says. Raises UnknownVersion or UnreadableFrame."""
    header = read_header(frame)
    body = _body(header, frame[HEADER.size :])
    if len(body) != header.bytes:
        raise UnreadableFrame(f"the body has {len(body)} bytes, the header says {header.bytes}")
    # Count the rows before splitting them: a list of sixteen million rows would cost more than the frame.
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
        # zstandard allocates the size that the content declares, even above `max_output_size`, so check it first.
        if zstandard.frame_content_size(stored) != header.bytes:
            raise UnreadableFrame("the compressed body does not have the size the header says")
        return _ZSTD.decompressor.decompress(stored, max_output_size=header.bytes)
    except zstandard.ZstdError as error:
        raise UnreadableFrame(f"the body cannot be decompressed: {error}") from None


class _Zstd(threading.local):
    """A compressor and a decompressor for each thread: zstandard objects corrupt data if threads share them."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=_LEVEL)
        self.decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_FRAME_BYTES)


_ZSTD = _Zstd()
