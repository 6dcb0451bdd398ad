"""The pixels of Label Studio's brush: its own run lengths of an image of four channels, as a list of bytes."""

from typing import Any

from prelabel.errors import found_value
from prelabel.readers.base import BadValue
from prelabel.readers.pixels import check_size

_CHANNELS = 4
_PATH = "value.rle"


class _Bits:
    """Reads a number of bits at a time."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> int:
        """Return the next bits as a number. Raises ValueError at the end."""
        end = self._at + count
        if end > 8 * len(self._data):
            raise BadValue(_PATH, "the bytes of all runs", f"an end after {len(self._data)} bytes")
        first, last = self._at // 8, -(-end // 8)
        value = int.from_bytes(self._data[first:last], "big") >> (8 * last - end)
        self._at = end
        return value & ((1 << count) - 1)


def brush_pixels(rle: Any, width: int, height: int) -> tuple[bytes, int, int]:
    """Return the pixels that a brush painted, as 0 and 1 row by row, with width and height. Raises ValueError.

    A run is a bit, the width of its length (one of four that the head names), its length less one, and its values: one
    for all if the bit is 1. The last channel says how much of a pixel is painted.
    """
    check_size(width, height)
    bits = _Bits(_bytes(rle))
    total, size = bits.take(32), bits.take(5) + 1
    lengths = [bits.take(4) + 1 for _ in range(4)]
    if total != _CHANNELS * width * height:
        expected = f"{_CHANNELS} x {width} x {height} = {_CHANNELS * width * height} values"
        raise BadValue(_PATH, expected, f"{total} values")
    if size != 8:
        raise BadValue(_PATH, "values of 8 bits", f"{size} bits")
    values = bytearray()
    while len(values) < total:
        same = bits.take(1)
        count = 1 + bits.take(lengths[bits.take(2)])
        if len(values) + count > total:
            raise BadValue(_PATH, f"{total} values", "more")
        values += bytes([bits.take(8)]) * count if same else bytes(bits.take(8) for _ in range(count))
    painted = bytes([0]) + bytes([1]) * 255
    return bytes(values[_CHANNELS - 1 :: _CHANNELS]).translate(painted), width, height


def _bytes(rle: Any) -> bytes:
    try:
        return bytes(rle) if isinstance(rle, list) else bytes([256])
    except (TypeError, ValueError):
        raise BadValue(_PATH, "a list of bytes", found_value(rle)) from None
