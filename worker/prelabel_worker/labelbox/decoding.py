"""The body of an answer, decoded piece by piece: its size, its parts and the work it costs are bounded. Pure."""

import zlib
from collections.abc import Iterable, Iterator

PIECE = 256 * 1024
"""Maximum bytes of a decoded piece."""
MAX_MEMBERS = 1000
"""Most gzip members of a body; servers send one. An empty one has 20 bytes and costs a decompressor."""
ACCEPTED = "gzip"
"""What we say that we can decode. Others are refused: their usual decoders take no bound."""
_STEP = 16 * 1024  # zlib copies what it leaves of its input: more at once, and many members would cost its square
_GZIP = 16 + zlib.MAX_WBITS


class UnknownEncoding(ValueError):
    """The body is encoded in a way that was not asked for."""


class BrokenBody(ValueError):
    """The body is not what its encoding says, or ends too early."""


class CostlyBody(ValueError):
    """The body has more parts than any server sends, or a line longer than any."""


def decoded(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Return the pieces without their content encoding.

    Raises UnknownEncoding at once, BrokenBody and CostlyBody on the way.
    """
    match encoding.strip().lower():
        case "" | "identity":
            return iter(pieces)
        case "gzip" | "x-gzip":
            return _unzipped(pieces)
        case _:
            raise UnknownEncoding


def lines_of(pieces: Iterable[bytes], most_bytes: int) -> Iterator[bytes]:
    """Return the lines without the empty ones, split on \\n only. Raises CostlyBody for one longer than `most_bytes`.

    Every byte is copied a bounded number of times, in however many pieces it comes.
    """
    rest = bytearray()
    for piece in pieces:
        first, newline, others = piece.partition(b"\n")
        rest += first
        if len(rest) > most_bytes:
            raise CostlyBody("a line is longer than any that Labelbox writes")
        if not newline:
            continue
        if rest:
            yield bytes(rest)
        *whole, last = others.split(b"\n")
        yield from (line for line in whole if line)
        rest = bytearray(last)
    if rest:
        yield bytes(rest)


def _unzipped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    member, members = None, 0
    for rest in _steps(pieces):
        while rest:
            if member is None or member.eof:  # a file may be several that were zipped one by one
                members += 1
                if members > MAX_MEMBERS:
                    raise CostlyBody(f"the body has more than {MAX_MEMBERS} gzip members")
                member = zlib.decompressobj(_GZIP)
            try:
                yield member.decompress(rest, PIECE)
            except zlib.error:
                raise BrokenBody from None
            rest = member.unconsumed_tail or member.unused_data
    if member is not None and not member.eof:
        raise BrokenBody


def _steps(pieces: Iterable[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        for start in range(0, len(piece), _STEP):
            yield piece[start : start + _STEP]
