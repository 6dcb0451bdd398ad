"""Read bodies piece by piece: unpack them, cut them into lines or records, and stop at each limit.

No piece of work is large, whatever a client sends: a few bytes can unpack to gigabytes, so packed bytes are unpacked in
steps whose output is bounded.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import zstandard

from prelabel.errors import MalformedMessage, MessageError, Reason
from prelabel.gateway.problems import Problem
from prelabel.gateway.settings import JSON_BYTES, Limits
from prelabel.printing import printable
from prelabel.validation.explain_message import not_json, too_deep
from prelabel.validation.gate import MAX_MESSAGE_BYTES

_WINDOW_BYTES = 8 * 1024 * 1024
_MOST_MEMBERS = 10_000
_ENOUGH = 64 * 1024
_MOST_LINES = 1_000_000
_PIECES = msgspec.json.Decoder(list[msgspec.Raw])
_SPACE = b" \t\r\n"

Line = bytes | None
"""A line without its end; None for one that is longer than a message may be."""
Rows = AsyncIterator[list[tuple[int, Line]]]
"""The rows of a body in parts, each with its number."""


@dataclass(frozen=True, slots=True)
class Packing:
    """A way in which bodies are packed."""

    #: Its name in errors.
    name: str
    #: Returns the reader of one member, which is a gzip member or a zstd frame.
    new: Callable[[], Any]
    #: Packed bytes of one step, so few that they unpack to at most 16 MiB.
    step: int


def _zstd() -> Any:
    return zstandard.ZstdDecompressor(max_window_size=_WINDOW_BYTES).decompressobj()


# zlib unpacks a byte to at most 1,032, zstd 4 bytes to at most 128 KiB.
_GZIP = Packing("gzip", lambda: zlib.decompressobj(wbits=31), 16 * 1024)
PACKINGS = {"gzip": _GZIP, "x-gzip": _GZIP, "zstd": Packing("zstd", _zstd, 512)}
"""Packing by its name in the header Content-Encoding."""


def packing_of(encoding: str) -> Packing | None:
    """Return how a body is packed, None if it is not. Raises Problem."""
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return None
    if name not in PACKINGS:
        raise Problem(415, f"Content-Encoding: expected gzip, zstd or none, found {printable(encoding[:80])!r}")
    return PACKINGS[name]


class Unpacker:
    """Unpacks a body as it comes; members may follow one another, as `cat a.gz b.gz` makes them."""

    def __init__(self, packing: Packing) -> None:
        self._packing = packing
        self._member: Any = None
        self._members = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what these packed bytes hold, in parts that are bounded. Raises Problem for damaged bytes."""
        step = self._packing.step
        for start in range(0, len(data), step):
            yield from self._feed(data[start : start + step])

    def _feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._member is None:
                self._members += 1
                if self._members > _MOST_MEMBERS:
                    raise Problem(
                        413, f"the body has more than {_MOST_MEMBERS:,} {self._packing.name} members: pack it as one"
                    )
                self._member = self._packing.new()
            try:
                text = self._member.decompress(data)
            except (zlib.error, zstandard.ZstdError) as error:
                raise Problem(400, f"the body cannot be unpacked as {self._packing.name}: {error}") from None
            if text:
                yield text
            if not self._member.eof:
                return
            data, self._member = self._member.unused_data, None

    def end(self) -> None:
        """Raise Problem if the last member is not whole, or if there was none."""
        if self._member is not None or not self._members:
            raise Problem(400, f"the {self._packing.name} data is cut off: the body ends before they do")


async def unpacked(chunks: AsyncIterator[bytes], packing: Packing | None, limits: Limits) -> AsyncIterator[bytes]:
    """Yield the body's bytes, unpacked. Raises Problem where the body is damaged, cut off or too large."""
    unpacker = None if packing is None else Unpacker(packing)
    sent = total = 0
    async for chunk in chunks:
        sent += len(chunk)
        if sent > limits.body_bytes:
            raise _too_large(limits.body_bytes, "as it is sent")
        for text in (chunk,) if unpacker is None else _gathered(unpacker.feed(chunk)):
            total += len(text)
            if total > limits.unpacked_bytes:
                raise _too_large(limits.unpacked_bytes, "unpacked")
            if text:
                yield text
    if unpacker is not None:
        unpacker.end()


def _gathered(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Yield small parts together: each part that is yielded costs the same."""
    waiting: list[bytes] = []
    size = 0
    for part in parts:
        waiting.append(part)
        size += len(part)
        if size >= _ENOUGH:
            yield b"".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)


def _too_large(limit: int, how: str) -> Problem:
    return Problem(413, f"the body has more than {limit:,} bytes {how}: send fewer rows in a request")


class Lines:
    """Cuts bytes into lines; keeps at most one message's bytes of an unfinished line."""

    def __init__(self, max_bytes: int = MAX_MESSAGE_BYTES) -> None:
        self._max_bytes = max_bytes
        self._rest: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[Line]:
        """Return the lines that end in these bytes."""
        first, *lines = data.split(b"\n")
        self._keep(first)
        if not lines:
            return []
        ended: list[Line] = [self._take()]
        rest = lines.pop()
        ended += [None if len(line) > self._max_bytes else line for line in lines]
        self._keep(rest)
        return ended

    def end(self) -> list[Line]:
        """Return the last line, if the bytes do not end with a line end."""
        return [self._take()] if self._size else []

    def _keep(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > self._max_bytes:
            self._rest = []
        elif part:
            self._rest.append(part)

    def _take(self) -> Line:
        line = None if self._size > self._max_bytes else b"".join(self._rest)
        self._rest, self._size = [], 0
        return line


async def lines_of(chunks: AsyncIterator[bytes]) -> Rows:
    """Yield the lines of NDJSON as they come, by their numbers in the body; blank ones are no rows."""
    lines, number = Lines(), 0
    async for chunk in chunks:
        for start in range(0, len(chunk), _ENOUGH):
            ended = lines.feed(chunk[start : start + _ENOUGH])
            yield _rows(ended, number)
            number += len(ended)
            if number > _MOST_LINES:  # blank ones are no rows, but cost time
                raise Problem(413, f"a body may have {_MOST_LINES:,} lines, also if they are blank")
            await asyncio.sleep(0)  # other requests get their turn
    yield _rows(lines.end(), number)


def _rows(lines: list[Line], before: int) -> list[tuple[int, Line]]:
    return [(before + at, line) for at, line in enumerate(lines, 1) if line is None or (line and not line.isspace())]


async def whole_of(chunks: AsyncIterator[bytes]) -> Rows:
    """Yield the body as one row, with every byte. Raises Problem if it is too large."""
    parts: list[bytes] = []
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > JSON_BYTES:
            raise Problem(
                413,
                f"a JSON document may have {JSON_BYTES:,} bytes: send more rows as application/x-ndjson, one a line",
            )
        parts.append(chunk)
    yield [(1, b"".join(parts))]


async def document_of(chunks: AsyncIterator[bytes]) -> Rows:
    """Yield the JSON document that the body is as one row. Raises Problem if it is too large."""
    async for ((number, document),) in whole_of(chunks):
        yield [(number, (document or b"").strip(_SPACE))]


async def one_or_many(chunks: AsyncIterator[bytes]) -> Rows:
    """Yield the record that a JSON document is, or those of its array. Raises Problem if it is empty or no JSON."""
    async for ((_, document),) in document_of(chunks):
        if not document:
            raise Problem(400, "the body is empty: expected a message, or an array of messages")
        yield list(enumerate(_elements(document), 1)) if document.startswith(b"[") else [(1, document)]


async def many(chunks: AsyncIterator[bytes]) -> Rows:
    """Yield the records of a JSON array. Raises Problem if the body is none."""
    async for ((_, document),) in document_of(chunks):
        yield list(enumerate(_elements(document or b""), 1))


def _elements(document: bytes) -> list[Line]:
    try:
        return [bytes(part) for part in _PIECES.decode(document)]
    except RecursionError:
        error: MessageError = too_deep()
    except (msgspec.DecodeError, UnicodeDecodeError) as refused:
        error = not_json(document, refused)
    raise Problem(400, f"the body is not a JSON array that can be read: {error}")


def too_long() -> MessageError:
    """Return the error for a line that is longer than a message may be."""
    expected = f"at most {MAX_MESSAGE_BYTES} bytes in a line"
    return MalformedMessage(Reason.MESSAGE_TOO_LARGE, "", "a longer line", expected)
