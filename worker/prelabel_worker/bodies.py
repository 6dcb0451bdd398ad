"""The body of an answer, decoded piece by piece: however well it was compressed, no piece is above a bound. Pure."""

import zlib
from collections.abc import Iterable, Iterator

PIECE = 256 * 1024
"""Most bytes of a decoded piece."""
ACCEPTED = "gzip"
"""What we say that we can decode. Others are refused: their usual decoders take no bound."""
_GZIP = 16 + zlib.MAX_WBITS


class UnknownEncoding(ValueError):
    """The body is encoded in a way that was not asked for."""


class BrokenBody(ValueError):
    """The body is not what its encoding says, or ends too early."""


def decoded(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The pieces without their content encoding. Raises UnknownEncoding at once, and BrokenBody on the way."""
    match encoding.strip().lower():
        case "" | "identity":
            return iter(pieces)
        case "gzip" | "x-gzip":
            return _unzipped(pieces)
        case _:
            raise UnknownEncoding


def _unzipped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    member = None
    for piece in pieces:
        rest = piece
        while rest:
            if member is None or member.eof:  # a file may be several that were zipped one by one
                member = zlib.decompressobj(_GZIP)
            try:
                yield member.decompress(rest, PIECE)
            except zlib.error:
                raise BrokenBody from None
            rest = member.unconsumed_tail or member.unused_data
    if member is not None and not member.eof:
        raise BrokenBody
