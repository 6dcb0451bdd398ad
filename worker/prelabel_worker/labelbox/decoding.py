"""Decode the body of an answer piece by piece, with bounds on its size, its parts and the work. No I/O."""

import zlib
from collections.abc import Iterable, Iterator

PIECE = 256 * 1024
"""Maximum bytes of a decoded piece."""
MAX_MEMBERS = 1000
"""Maximum gzip members of a body; servers send one. An empty member has only 20 bytes but costs a decompressor."""
ACCEPTED = "gzip"
"""The only content encoding that requests accept: decoders of the others cannot limit the size of their output."""
# zlib copies the input that it has not used yet. With larger steps, a body of many members would take quadratic time.
_STEP = 16 * 1024
_GZIP = 16 + zlib.MAX_WBITS


class UnknownEncoding(ValueError):
    """The body has a content encoding that the request did not accept."""


class BrokenBody(ValueError):
    """The body does not match its content encoding, or ends too early."""


class CostlyBody(ValueError):
    """The body has more gzip members, a longer line or more bytes than any server sends."""


def decoded(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Return the pieces without their content encoding.

    Raises UnknownEncoding at the call; BrokenBody and CostlyBody while the pieces are read.
    """
    match encoding.strip().lower():
        case "" | "identity":
            return iter(pieces)
        case "gzip" | "x-gzip":
            return _unzipped(pieces)
        case _:
            raise UnknownEncoding


def line_blocks(pieces: Iterable[bytes], most_bytes: int) -> Iterator[bytes]:
    """Yield the body in blocks of whole lines, each with the lines that end in one piece; lines end with \\n only.

    Raises CostlyBody for a line longer than `most_bytes`. Each byte is copied a bounded number of times, no matter into
    how many pieces the body is cut.
    """
    rest = bytearray()
    for piece in pieces:
        first, newline, others = piece.partition(b"\n")
        rest += first
        if len(rest) > most_bytes:
            raise CostlyBody("a line is longer than any that Labelbox writes")
        if not newline:
            continue
        end = others.rfind(b"\n") + 1
        yield b"".join((rest, b"\n", others[:end]))
        rest = bytearray(others[end:])
    if rest:
        yield bytes(rest)


def lines_of(block: bytes) -> list[bytes]:
    """Return the lines of a block that are not empty."""
    return list(filter(None, block.split(b"\n")))


def _unzipped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    member, members = None, 0
    for rest in _steps(pieces):
        while rest:
            if member is None or member.eof:  # a gzip file may consist of several members
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
