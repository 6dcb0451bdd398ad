"""Reads from PNG images what the checks of masks need: the size, and the colours that occur in small images."""

import base64
import binascii
import struct
import zlib
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
_PALETTE = 3
_DEPTHS = (1, 2, 4, 8, 16)
# Rows are decoded byte by byte in Python: a quarter of a megabyte takes a tenth of a second.
_BYTES = 1 << 18

Color = tuple[int, ...]


class Image(NamedTuple):
    """`colors` are the channels without alpha; None if they were not read, as those of less or more than 8 bits.

    `filled` says whether any pixel has a value other than 0, `lit` whether any is not black; alpha does not count. They
    differ for palettes. Both are None if this is not known.
    """

    width: int
    height: int
    colors: frozenset[Color] | None
    filled: bool | None = None
    lit: bool | None = None


class NotPng(Exception):
    """The content is not a PNG image."""


@lru_cache(maxsize=4)  # the lines of a data row share a composite
def read(encoded: str) -> Image:
    """Return the image in a base64 text. Raises NotPng, or binascii.Error for invalid base64."""
    try:
        content = base64.b64decode(encoded, validate=True)
    except ValueError as error:  # binascii.Error is one too; any other ValueError means non-ASCII characters
        raise binascii.Error from error
    if not content.startswith(_SIGNATURE):
        raise NotPng
    chunks = list(_chunks(content))
    if not chunks or chunks[0][0] != b"IHDR" or len(chunks[0][1]) != 13:
        return Image(0, 0, None)  # only the signature is required
    width, height, depth, kind, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[0][1])
    channels = _CHANNELS.get(kind, 0)
    if depth not in _DEPTHS or interlaced or not 0 < width * height * channels * depth <= 8 * _BYTES:
        return Image(width, height, None)
    packed = b"".join(data for name, data in chunks if name == b"IDAT")
    rows = _rows(packed, (width * channels * depth + 7) // 8, height, max(1, channels * depth // 8))
    opaque = channels - (channels in (2, 4))  # the last of two or four channels is alpha
    if depth != 8:
        filled = any(_filled(row, width, depth, channels, opaque) for row in rows)
        return Image(width, height, None, filled, None if kind == _PALETTE else filled)
    # zip the slices of the channels into one tuple per pixel
    colors = frozenset(
        color for row in rows for color in zip(*(row[at::channels] for at in range(opaque)), strict=True)
    )
    filled = any(map(any, colors))
    if kind == _PALETTE:
        palette = b"".join(data for name, data in chunks if name == b"PLTE")
        colors = frozenset(tuple(palette[3 * index : 3 * index + 3]) for (index,) in colors)
    return Image(width, height, colors, filled, any(map(any, colors)))


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = len(_SIGNATURE)
    while place + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, place)
        yield content[place + 4 : place + 8], content[place + 8 : place + 8 + length]
        place += 12 + length


def _filled(row: bytes, width: int, depth: int, channels: int, opaque: int) -> bool:
    """Return whether a pixel of a row has a value; bits after the last pixel and alpha do not count."""
    if depth < 8:
        return any(row[:-1]) or bool(row[-1] >> -width * depth % 8)
    size = depth // 8
    return any(any(row[at :: channels * size]) for at in range(opaque * size))


def _rows(packed: bytes, stride: int, height: int, step: int) -> list[bytes]:
    """Return the rows without their filters; `step` is the number of bytes per pixel. Raises NotPng."""
    try:
        raw = zlib.decompressobj().decompress(packed, (stride + 1) * height)
    except zlib.error:
        raise NotPng from None
    if len(raw) < (stride + 1) * height:
        raise NotPng
    rows: list[bytes] = []
    above = bytes(stride)
    for start in range(0, len(raw), stride + 1):
        above = _unfiltered(raw[start], raw[start + 1 : start + 1 + stride], above, step)
        rows.append(above)
    return rows


def _unfiltered(kind: int, row: bytes, above: bytes, step: int) -> bytes:
    """Undo the filter of a row (PNG specification, section 9.2)."""
    if kind == 0:
        return row
    done = bytearray(row)
    for place in range(len(row)):
        left = done[place - step] if place >= step else 0
        up = above[place]
        if kind == 1:
            guess = left
        elif kind == 2:
            guess = up
        elif kind == 3:
            guess = (left + up) // 2
        else:
            guess = _paeth(left, up, above[place - step] if place >= step else 0)
        done[place] = (row[place] + guess) & 255
    return bytes(done)


def _paeth(left: int, up: int, corner: int) -> int:
    towards = left + up - corner
    distances = abs(towards - left), abs(towards - up), abs(towards - corner)
    return (left, up, corner)[distances.index(min(distances))]
