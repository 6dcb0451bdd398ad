"""Read PNG files as far as the check of a mask needs, with bounded work; pixels that would cost more are not read."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GRAY, RGB, PALETTE, GRAY_ALPHA, RGBA = 0, 2, 3, 4, 6
_CHANNELS = {GRAY: 1, RGB: 3, PALETTE: 1, GRAY_ALPHA: 2, RGBA: 4}
MAX_BYTES = 4 * 1024 * 1024
"""Maximum unpacked size of an image that is checked; larger images are left to Labelbox, which refuses wrong ones."""
MAX_SERIAL_BYTES = 64 * 1024
"""Maximum bytes with filters that can only be undone one by one (average, Paeth); other images are left to Labelbox."""
MOST_WORK = 128 * 1024 * 1024
"""Maximum work for all pictures of a message, in bytes that are unpacked and checked; the rest is left to Labelbox."""
ROW_WORK = 500
"""Cost of a row beside its bytes, in bytes."""
_UP_WORK, _SUB_WORK, _SERIAL_WORK = 4, 1, 400
"""Cost of undoing a filter, per byte; `sub` costs that for each time that the row can be halved."""


class PictureWork:
    """The work that the pictures of one message may still cost. Take an amount before you do the work."""

    def __init__(self, limit: int = MOST_WORK) -> None:
        self.remaining = limit

    def take(self, amount: int) -> bool:
        """Take an amount of work; return False and take nothing if less remains."""
        if amount > self.remaining:
            return False
        self.remaining -= amount
        return True


@dataclass(frozen=True, slots=True)
class Png:
    """An image: size in pixels, bits per channel, colour type, rows of bytes, and a palette of three bytes each.

    `rows` is None if they were not read.
    """

    width: int
    height: int
    depth: int
    color: int
    rows: tuple[bytes, ...] | None
    palette: bytes = b""

    def has_color(self, color: tuple[int, int, int]) -> bool | None:
        """Return whether a pixel has exactly this colour, or None if this is unknown."""
        if self.rows is None or self.depth != 8:
            return None
        step = _CHANNELS[self.color]
        if self.color in (RGB, RGBA):
            return any(_pixel_in(row, step, color) for row in self.rows)
        gray = bytes(color[:1]) if len(set(color)) == 1 else b""
        values = self._indexes_of(color) if self.color == PALETTE else gray
        return any(len(row[::step].translate(None, values)) * step < len(row) for row in self.rows)

    def has_value(self) -> bool | None:
        """Return whether any pixel has a value other than 0, or None if it is unknown; alpha does not count."""
        if self.rows is None:
            return None
        if self.depth < 8 and (spare := -self.width * self.depth % 8):  # bits after a row's last pixel
            return any(row[-1] >> spare or row[:-1] != bytes(len(row) - 1) for row in self.rows)
        size = max(1, self.depth // 8)
        step = size * _CHANNELS[self.color]
        ends = range(step - size if self.color in (GRAY_ALPHA, RGBA) else step)
        nothing = bytes(len(self.rows[0]) // step)
        return any(row[at::step] != nothing for row in self.rows for at in ends)

    def has_light(self) -> bool | None:
        """Return whether any pixel is not black, or None if it is unknown."""
        if self.color != PALETTE:
            return self.has_value()
        if self.rows is None or self.depth != 8:
            return None
        black = self._indexes_of((0, 0, 0))
        return any(row.translate(None, black) for row in self.rows)

    def _indexes_of(self, color: tuple[int, int, int]) -> bytes:
        return bytes(at for at in range(256) if self.palette[3 * at : 3 * at + 3] == bytes(color))

    def highest(self) -> int | None:
        """Return the highest value of a one-channel image, but at least 1, or None if it is unknown."""
        if self.color != GRAY or self.depth not in (1, 8):
            return None
        if self.depth == 1:
            return 1
        if self.rows is None:
            return None
        above = b"".join(row.translate(None, b"\0\1") for row in self.rows)
        return max(above) if above else 1


def read_png(data: bytes, work: PictureWork | None = None) -> Png:
    """Read a PNG file, with its pixels if `work` allows. Raises ValueError if it is no PNG file, or a broken one."""
    work = work or PictureWork()
    if not data.startswith(SIGNATURE):
        raise ValueError("no PNG signature")
    chunks = list(_chunks(data))
    if not chunks or chunks[0][0] != b"IHDR" or len(chunks[0][1]) != 13:
        raise ValueError("no image header")
    width, height, depth, color, _, _, interlace = struct.unpack(">IIBBBBB", chunks[0][1])
    if not width or not height or color not in _CHANNELS:
        raise ValueError("impossible image header")
    bits = depth * _CHANNELS[color]
    stride = (width * bits + 7) // 8
    rows = None
    size = height * (stride + 1)
    if not interlace and size <= MAX_BYTES and work.take(size + ROW_WORK * height):
        packed = b"".join(body for name, body in chunks if name == b"IDAT")
        rows = _rows(_inflate(packed, size), stride, max(1, bits // 8), work)
    palette = b"".join(body for name, body in chunks if name == b"PLTE") if color == PALETTE else b""
    return Png(width, height, depth, color, rows, palette)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        (size,) = struct.unpack_from(">I", data, at)
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        at += 12 + size


def _inflate(packed: bytes, size: int) -> bytes:
    try:
        raw = zlib.decompressobj().decompress(packed, size)
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if len(raw) < size:
        raise ValueError("pixels are missing")
    return raw


def _rows(raw: bytes, stride: int, step: int, work: PictureWork) -> tuple[bytes, ...] | None:
    """Undo the filters of all rows; `step` is the number of bytes per pixel. Returns None if that costs too much."""
    filters = raw[:: stride + 1]
    wrong = filters.translate(None, b"\0\1\2\3\4")
    if wrong:
        raise ValueError(f"unknown filter {wrong[0]}")
    serial = stride * (filters.count(3) + filters.count(4))
    halvings = max(1, (stride // step).bit_length())
    whole = stride * (_UP_WORK * filters.count(2) + _SUB_WORK * halvings * filters.count(1))
    if serial > MAX_SERIAL_BYTES or not work.take(whole + _SERIAL_WORK * serial):
        return None
    rows: list[bytes] = []
    above = bytes(stride)
    for start in range(0, len(raw), stride + 1):
        kind, row = raw[start], raw[start + 1 : start + 1 + stride]
        if kind == 1:
            row = _running_sum(row, step)
        elif kind == 2:
            row = _sum(row, above)
        elif kind:
            row = _serial(kind, row, above, step)
        rows.append(row)
        above = row
    return tuple(rows)


def _add(left: int, right: int, size: int) -> int:
    """Add all bytes of two numbers at once, modulo 256; top bits are added separately, so that no byte carries over."""
    low = int.from_bytes(b"\x7f" * size, "little")
    return ((left & low) + (right & low)) ^ ((left ^ right) & ~low)


def _sum(row: bytes, above: bytes) -> bytes:
    size = len(row)
    return _add(int.from_bytes(row, "little"), int.from_bytes(above, "little"), size).to_bytes(size, "little")


def _running_sum(row: bytes, step: int) -> bytes:
    """Add to each byte the bytes `step`, 2 x `step` … places before it; the distance doubles in each pass."""
    size = len(row)
    value, everything = int.from_bytes(row, "little"), (1 << 8 * size) - 1
    while step < size:
        value = _add(value, value << 8 * step & everything, size)
        step *= 2
    return value.to_bytes(size, "little")


def _serial(kind: int, row: bytes, above: bytes, step: int) -> bytes:
    out = bytearray(row)
    for at, up in enumerate(above):
        left = out[at - step] if at >= step else 0
        if kind == 3:
            guess = (left + up) // 2
        else:
            corner = above[at - step] if at >= step else 0
            estimate = left + up - corner
            guess = min((left, up, corner), key=lambda near: abs(estimate - near))
        out[at] = (out[at] + guess) & 255
    return bytes(out)


def _pixel_in(row: bytes, step: int, color: tuple[int, int, int]) -> bool:
    """Return whether any pixel of a row has exactly this colour, comparing all pixels at once."""
    pixels = len(row) // step
    differs = 0
    for channel, value in enumerate(color):
        differs |= int.from_bytes(row[channel::step], "little") ^ int.from_bytes(bytes([value]) * pixels, "little")
    return 0 in differs.to_bytes(pixels, "little")
