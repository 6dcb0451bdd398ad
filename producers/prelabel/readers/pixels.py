"""Write masks as PNG files, and find the pixels of a colour in a PNG file, without numpy.

`prelabel.annotations.png` reads only files that are fast to check. This module reads any PNG file of three 8-bit
channels that is not interlaced, even with filters that can only be undone byte by byte, at about a microsecond a byte.
"""

import base64
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

from prelabel.annotations.png import GRAY, RGB, SIGNATURE
from prelabel.builders.pixels import MAX_PIXELS, Plane, binary_png

_ANY = b"\0" + b"\1" * 255
_BITS = [bytes(byte >> bit & 1 for bit in range(7, -1, -1)) for byte in range(256)]
"""The eight pixels of a byte that has a bit for each."""


def mask_annotation(pixels: bytes, width: int, height: int) -> dict[str, str]:
    """Return the `mask` of an annotation from pixels of 0 and 1, row by row. Raises ValueError for an empty mask."""
    if 1 not in pixels:
        raise ValueError("the mask has no pixel")
    return {"png": base64.b64encode(binary_png(Plane(width, height, pixels))).decode()}


def gray_mask(data: bytes) -> tuple[bytes, int, int]:
    """Return the pixels of a gray PNG file that are not black, as 0 and 1 row by row, with width and height.

    Raises ValueError for another file.
    """
    width, height, depth, color, *form = _header(data)
    if (depth, color, *form) not in ((8, GRAY, 0, 0, 0), (1, GRAY, 0, 0, 0)):
        raise ValueError("expected a gray PNG of 8 bits or 1, not interlaced")
    stride = (width * depth + 7) // 8
    pixels = _unfiltered(_inflated(data, height * (stride + 1)), stride, 1)
    if depth == 8:
        return pixels.translate(_ANY), width, height
    rows = (pixels[at : at + stride] for at in range(0, len(pixels), stride))
    return b"".join(b"".join(_BITS[byte] for byte in row)[:width] for row in rows), width, height


def _header(data: bytes) -> tuple[int, ...]:
    """Return width, height and the five numbers of a PNG file's form. Raises ValueError."""
    if not data.startswith(SIGNATURE) or data[12:16] != b"IHDR" or len(data) < 33:
        raise ValueError("no PNG file")
    header = struct.unpack_from(">IIBBBBB", data, 16)
    check_size(header[0], header[1])
    return header


def check_size(width: int, height: int) -> None:
    """Raise ValueError for a size that no image has, or that would take too much memory."""
    if width < 1 or height < 1 or width * height > MAX_PIXELS:
        raise ValueError(f"a size of {width} x {height}: expected 1 to {MAX_PIXELS} pixels")


class Colors:
    """The pixels of an RGB image, by colour."""

    def __init__(self, path: Path) -> None:
        """Read a PNG file. Raises ValueError if it is not such an image, OSError if it cannot be read."""
        data = path.read_bytes()
        self.width, self.height, *form = _header(data)
        if form != [8, RGB, 0, 0, 0]:
            raise ValueError("expected a PNG of three 8-bit channels, not interlaced")
        pixels = _unfiltered(_inflated(data, self.height * (3 * self.width + 1)), 3 * self.width, 3)
        self._planes = [pixels[channel::3] for channel in range(3)]

    def mask(self, color: tuple[int, int, int]) -> bytes:
        """Return 1 where a pixel has exactly this colour, else 0, row by row."""
        matches: int = (1 << 8 * self.width * self.height) - 1
        for plane, value in zip(self._planes, color, strict=True):
            table = bytes(byte == value for byte in range(256))
            matches &= int.from_bytes(plane.translate(table), "big")
        return matches.to_bytes(self.width * self.height, "big")

    def other_than(self, colors: set[tuple[int, int, int]]) -> tuple[int, int, int] | None:
        """Return a colour of the image that is not one of these, or None. Only the colours of a row are in memory."""
        for start in range(0, self.width * self.height, self.width):
            row = set(zip(*(plane[start : start + self.width] for plane in self._planes), strict=True))
            if others := row - colors:
                return min(others)
        return None


def _inflated(data: bytes, size: int) -> bytes:
    """Return the filtered rows; no more is inflated than the header announces."""
    inflate, raw, at = zlib.decompressobj(), bytearray(), len(SIGNATURE)
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        if data[at + 4 : at + 8] == b"IDAT" and len(raw) < size:
            try:
                raw += inflate.decompress(data[at + 8 : at + 8 + length], size - len(raw))
            except zlib.error as error:
                raise ValueError(f"broken PNG: {error}") from None
        at += 12 + length
    if len(raw) < size:
        raise ValueError("broken PNG: pixels are missing")
    return bytes(raw)


def _unfiltered(raw: bytes, stride: int, step: int) -> bytes:
    """Undo the filter of each row, whose number is the byte before the row; a pixel has `step` bytes."""
    above, rows = bytes(stride), []
    for start in range(0, len(raw), stride + 1):
        row = bytearray(raw[start + 1 : start + 1 + stride])
        if raw[start] not in _FILTERS:
            raise ValueError(f"broken PNG: unknown filter {raw[start]}")
        _FILTERS[raw[start]](row, above, step)
        rows.append(above := bytes(row))
    return b"".join(rows)


def _none(row: bytearray, above: bytes, step: int) -> None:
    pass


def _sub(row: bytearray, above: bytes, step: int) -> None:
    for at in range(step, len(row)):
        row[at] = (row[at] + row[at - step]) & 255


def _up(row: bytearray, above: bytes, step: int) -> None:
    for at, up in enumerate(above):
        row[at] = (row[at] + up) & 255


def _average(row: bytearray, above: bytes, step: int) -> None:
    for at, up in enumerate(above):
        row[at] = (row[at] + ((row[at - step] if at >= step else 0) + up) // 2) & 255


def _paeth(row: bytearray, above: bytes, step: int) -> None:
    """Add whichever of left, above and corner is nearest to left + above - corner; ties go to the earlier one."""
    for at, up in enumerate(above):
        left, corner = (row[at - step], above[at - step]) if at >= step else (0, 0)
        by_left, by_up, by_corner = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
        nearest = left if by_left <= by_up and by_left <= by_corner else up if by_up <= by_corner else corner
        row[at] = (row[at] + nearest) & 255


_FILTERS: dict[int, Callable[[bytearray, bytes, int], None]] = {0: _none, 1: _sub, 2: _up, 3: _average, 4: _paeth}
