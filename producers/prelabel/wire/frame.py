"""Write and read the bytes of a frame: messages of one project, sent together and never changed.

A frame is a fixed header and a body (docs/explanation/data-model.md#the-frame has the tables). Its messages are of one
lane, or, in a small frame, of several: then a table behind the header says which of them are of which lane. Workers
group by header and table alone, so grouping costs the same however large the messages are.
"""

import struct
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import zstandard

from prelabel.errors import PrelabelError
from prelabel.ids import uuid7
from prelabel.tracing import CONTEXT_BYTES

VERSION = 3
"""The newest version of frames, and of the data that workers store about them, that this release knows.

See docs/explanation/data-model.md#versions.
"""
ONE_LANE, SHARED = 1, VERSION
"""The versions of frames: the rows of one lane, and few rows of several lanes."""
HEADER = struct.Struct(">BB16sHHIIIc5x")
_SEGMENT = struct.Struct(">HHII")
_FIRST_ROW = slice(36, 38)  # of the header; zero but in the copies of unreadable frames
PLAIN, ZSTD = 0, 1
MAX_FRAME_BYTES = 16 * 1024 * 1024
"""Maximum size of the body before compression. A reader refuses more, so a decompression bomb costs nothing."""
MAX_FRAME_ROWS = 10_000
"""Maximum rows. An unreadable frame becomes one dead letter, and committing it costs a little for each of its rows."""
MAX_SHARED_ROWS = 128
"""Maximum rows of a frame that several lanes share: a worker unpacks all of it, also for the rows of one lane."""
MAX_SHARED_BYTES = 256 * 1024
"""The same in bytes before compression."""
_PARAMETERS = zstandard.ZstdCompressionParameters.from_level(1, hash_log=13)
"""A sixth of the bytes for less than a microsecond a row; higher levels take more time than they save.

By the level alone, zstd looks for shorter matches in bodies of this size. That costs a tenth more and finds less.
"""
_WORTH_COMPRESSING = 256
_SKIPPABLE = struct.Struct("<II")  # of zstd: a magic number and the size of what follows
_SKIPPABLE_MAGIC = 0x184D2A57
_TRACES_MARK = b"prelabel-traces"


Body = bytes | memoryview


class UnreadableFrame(PrelabelError):
    """The frame's bytes contradict its header."""


class UnknownVersion(PrelabelError):
    """The frame has a newer version: leave it for a worker that knows it."""


class Segment(NamedTuple):
    """Rows of a frame that follow each other and are of one lane."""

    #: Their lane.
    lane: int
    #: Number of their messages.
    rows: int
    #: Size of these messages before compression, with the line breaks between them.
    bytes: int
    #: Number of slow annotations in them.
    slow: int


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """The fields of a frame's header, and its table of segments."""

    #: The version of the frame, and of its messages.
    version: int
    #: How the body is compressed: `PLAIN` or `ZSTD`.
    codec: int
    #: 32 hexadecimal digits; Redis counts each id once.
    id: str
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
    #: Its rows by lane, in the order of the body; one segment in version 1.
    segments: tuple[Segment, ...]

    def lane_at(self, row: int) -> int:
        """Return the lane of a row; that of the last row for a row that the frame does not have."""
        end = 0
        for segment in self.segments:
            end += segment.rows
            if row < end:
                break
        return segment.lane

    @property
    def size(self) -> int:
        """The bytes before the body: the header, and the table of segments."""
        return HEADER.size + (len(self.segments) * _SEGMENT.size if self.version == SHARED else 0)


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


class FrameBody(NamedTuple):
    """What a frame of one lane is made of."""

    #: The lane of the messages.
    lane: int
    #: The number of messages.
    rows: int
    #: The messages: lines of JSON, with line breaks between them.
    body: Body
    #: The number of their annotations that Labelbox imports slowly.
    slow: int
    #: How the first of them names its data row, see `FrameHeader.form`.
    form: str
    #: As in `prelabel.tracing`.
    traces: Sequence[bytes] = ()


def encode_frames(bodies: Sequence[FrameBody], *, lanes: int) -> list[bytes]:
    """Make frames with new ids."""
    codecs = [_codec(each.body, each.traces) for each in bodies]
    packed = iter(_compressed([each.body for each, codec in zip(bodies, codecs, strict=True) if codec == ZSTD]))
    frames = []
    for (lane, rows, body, slow, form, traces), codec in zip(bodies, codecs, strict=True):
        header = HEADER.pack(ONE_LANE, codec, uuid7(), lane, lanes, rows, len(body), slow, form.encode("ascii"))
        stored = next(packed) + _tail(traces) if codec == ZSTD else body
        frames.append(header + stored)
    return frames


def encode_shared_frame(
    parts: Iterable[tuple[int, int, Body, int]], *, lanes: int, form: str, traces: Sequence[bytes] = ()
) -> bytes:
    """Make a frame with a new id out of the messages of several lanes, at most `MAX_SHARED_ROWS`.

    `parts` has the lane, the number of its messages, these as `FrameBody.body`, and their slow annotations, by
    ascending lane.
    """
    bodies, segments = [], []
    for lane, rows, part, slow in parts:
        bodies.append(part)
        segments.append(Segment(lane, rows, len(part), slow))
    body = b"\n".join(bodies)
    codec = _codec(body, traces)
    stored = _ZSTD.compressor.compress(body) + _tail(traces) if codec == ZSTD else body
    rows, slow = sum([segment.rows for segment in segments]), sum([segment.slow for segment in segments])
    numbers = len(segments), lanes, rows, len(body), slow
    table = b"".join([_SEGMENT.pack(*segment) for segment in segments])
    return HEADER.pack(SHARED, codec, uuid7(), *numbers, form.encode("ascii")) + table + stored


def _codec(body: Body, traces: Sequence[bytes]) -> int:
    return ZSTD if traces or len(body) >= _WORTH_COMPRESSING else PLAIN


def _compressed(bodies: "list[bytes | bytearray | memoryview]") -> list[bytes]:
    """Compress bodies, all in one call: after each call, a thread may wait long for the interpreter's lock."""
    if not bodies:
        return []
    packed = _ZSTD.compressor.multi_compress_to_buffer(bodies)
    return [packed[at].tobytes() for at in range(len(packed))]


def _tail(traces: Sequence[bytes]) -> bytes:
    """Return trace contexts as a skippable frame of zstd (RFC 8878, 3.1.2), which readers that know nothing of it skip.

    It is read from its end. Nothing for no contexts.
    """
    if not traces:
        return b""
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
    """Give an unreadable frame a new id and lane 0, so that Redis accepts it and a worker reports it.

    Its table of segments, which may be what cannot be read, is left out: it becomes a frame of one lane.
    """
    header = list(HEADER.unpack_from(frame))
    start = HEADER.size + (header[3] * _SEGMENT.size if header[0] == SHARED else 0)
    header[0], header[2:5] = ONE_LANE, (uuid7(), 0, lanes)
    return HEADER.pack(*header) + frame[start:]


def copy_from_row(frame: bytes, first: int) -> bytes:
    """Return the copy of an unreadable frame that a dead letter of its rows from `first` on keeps.

    So the dead letter alone says which rows of the frame it has, whichever part of the frame cannot be read.
    """
    if len(frame) < HEADER.size:
        return frame
    return frame[: _FIRST_ROW.start] + first.to_bytes(2, "big") + frame[_FIRST_ROW.stop :]


def first_row(copy: bytes) -> int:
    """Return the first row of the frame that the dead letter with this copy has."""
    return int.from_bytes(copy[_FIRST_ROW], "big")


def read_header(frame: bytes) -> FrameHeader:
    """Return the header of a frame. Raises UnknownVersion or UnreadableFrame."""
    if not frame:
        raise UnreadableFrame("the frame is empty")
    if frame[0] not in (ONE_LANE, SHARED):
        raise UnknownVersion(f"frame version {frame[0]}; this release knows {ONE_LANE} and {SHARED}")
    if len(frame) < HEADER.size:
        raise UnreadableFrame(f"the frame has {len(frame)} bytes, its header alone needs {HEADER.size}")
    version, codec, frame_id, lane, lanes, rows, size, slow, form = HEADER.unpack_from(frame)
    whole = Segment(lane, rows, size, slow)
    segments = _segments(frame, whole) if version == SHARED else (whole,)
    return FrameHeader(version, codec, frame_id.hex(), lanes, rows, size, slow, form.decode("latin-1"), segments)


def _segments(frame: bytes, whole: Segment) -> tuple[Segment, ...]:
    """Read the table of segments; `whole` has the sums, and the number of segments in place of a lane."""
    number = whole.lane
    end = HEADER.size + number * _SEGMENT.size
    if whole.rows > MAX_SHARED_ROWS or whole.bytes > MAX_SHARED_BYTES or not 0 < number <= whole.rows:
        raise UnreadableFrame(f"a frame of {number} lanes, {whole.rows} rows and {whole.bytes} bytes exceeds a limit")
    if len(frame) < end:
        raise UnreadableFrame(f"the frame has {len(frame)} bytes, its header and table need {end}")
    segments = tuple(Segment(*values) for values in _SEGMENT.iter_unpack(frame[HEADER.size : end]))
    _, rows, sizes, slow = zip(*segments, strict=True)
    if (sum(rows), sum(sizes) + number - 1, sum(slow)) != whole[1:]:
        raise UnreadableFrame("the table of lanes has other sums than the header")
    return segments


def read_messages(frame: bytes) -> list[bytes]:
    """Return the messages of a frame, as many as its header says. Raises UnknownVersion or UnreadableFrame."""
    header = read_header(frame)
    body = _body(header, frame[header.size :])
    if len(body) != header.bytes:
        raise UnreadableFrame(f"the body has {len(body)} bytes, the header says {header.bytes}")
    messages: list[bytes] = []
    start = 0
    for segment in header.segments:
        end = start + segment.bytes
        part = body[start:end]
        # Split into no more rows than are named: a list of sixteen million rows would cost more than the frame.
        rows = part.split(b"\n", segment.rows)
        if len(rows) != segment.rows:
            held = part.count(b"\n") + 1
            raise UnreadableFrame(f"the body holds {held} rows, the header says {segment.rows}")
        if body[end : end + 1] not in (b"\n", b""):
            raise UnreadableFrame("a lane's messages do not end where the table says")
        messages += rows
        start = end + 1
    return messages


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
        self.compressor = zstandard.ZstdCompressor(compression_params=_PARAMETERS)
        self.decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_FRAME_BYTES)


_ZSTD = _Zstd()
