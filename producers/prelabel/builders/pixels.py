"""Read masks from arrays and COCO's run lengths as planes (one byte per pixel, row by row), and write PNG files.

All operations work on whole byte strings, so neither numpy nor an imaging library is needed.
"""

import struct
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from prelabel.annotations.png import GRAY, RGB, SIGNATURE
from prelabel.builders.values import refused, whole
from prelabel.errors import found_value

MAX_PIXELS = 9_000 * 9_000
"""Maximum size of an image: above it, annotations may become irretrievable (docs/reference/labelbox-format.md#1-9)."""
_MAX_SHIFT = 60  # bits; the run lengths of an image need far fewer


@dataclass(frozen=True, slots=True)
class Plane:
    """A mask: width and height in pixels, and its bytes."""

    width: int
    height: int
    data: bytes


def plane_of_array(array: Any, path: str = "mask") -> Plane:
    """Return the plane of an array (height, width) of bool, or of whole numbers: 0 and 1, or 0 and 255.

    Raises InvalidAnnotation for anything else, and for an empty mask, which Labelbox would refuse.
    """
    shape, kind = getattr(array, "shape", None), getattr(getattr(array, "dtype", None), "kind", None)
    if shape is None or kind is None:
        raise refused(path, type(array).__name__, "a numpy array (height, width)", "a tensor has .cpu().numpy()")
    if len(shape) != 2:
        raise refused(f"{path}.shape", repr(tuple(shape)), "(height, width)", "one mask at a time")
    if kind not in "bui":
        raise refused(f"{path}.dtype", str(array.dtype), "bool or uint8", "compare with a threshold first")
    height, width = int(shape[0]), int(shape[1])
    if kind != "b":
        _check_values(array, path)
    return checked(Plane(width, height, (array != 0).tobytes()), path)


def _check_values(array: Any, path: str) -> None:
    highest = int(array.max()) if array.size else 0
    if highest > 1 and (highest != 255 or bool(((array != 0) & (array != highest)).any())):
        raise refused(path, f"a pixel of {highest}", "pixels of 0 and 1, or of 0 and 255", "pick one label: array == 3")
    if array.size and int(array.min()) < 0:
        raise refused(path, f"a pixel of {int(array.min())}", "pixels of 0 and 1, or of 0 and 255")


def plane_of_rle(rle: Any, path: str = "rle") -> Plane:
    """Return the plane of COCO's run lengths, as `read_rle` does. Raises InvalidAnnotation, also for an empty mask."""
    return checked(read_rle(rle, path), path)


def read_rle(rle: Any, path: str = "rle") -> Plane:
    """Return the plane of COCO's `{"size": [height, width], "counts": …}`, counts as a list or compressed.

    Runs go down the columns, and the first is background. Raises InvalidAnnotation.
    """
    if not isinstance(rle, Mapping) or "size" not in rle or "counts" not in rle:
        raise refused(path, found_value(rle), "an object with size and counts")
    size = rle["size"]
    if not isinstance(size, list | tuple) or len(size) != 2:
        raise refused(f"{path}.size", found_value(size), "[height, width]")
    height, width = whole(size[0], f"{path}.size[0]"), whole(size[1], f"{path}.size[1]")
    if min(height, width) <= 0 or height * width > MAX_PIXELS:
        raise refused(f"{path}.size", f"{height} x {width}", f"a height and a width, at most {MAX_PIXELS} pixels")
    counts = rle["counts"]
    if not isinstance(counts, str | bytes | list | tuple):
        raise refused(f"{path}.counts", found_value(counts), "run lengths, as an array or compressed")
    runs = read_counts(counts, path) if isinstance(counts, str | bytes) else list(counts)
    for at, run in enumerate(runs):
        if whole(run, f"{path}.counts[{at}]") < 0:
            raise refused(f"{path}.counts[{at}]", run, "0 or more")
    if sum(runs) != height * width:
        raise refused(f"{path}.counts", f"{sum(runs)} pixels", f"{height} x {width} = {height * width} pixels")
    columns = b"".join(bytes([at & 1]) * run for at, run in enumerate(runs))
    return Plane(width, height, b"".join(columns[row::height] for row in range(height)))


def read_counts(text: str | bytes, path: str = "rle") -> list[int]:
    """Decode COCO's compressed run lengths. Raises InvalidAnnotation.

    A character has 6 bits: 5 bits of a number, which begins with its lowest bits, and a bit that says whether the
    number continues. From the fourth run on, a number is the difference to the run two places before it.
    """
    runs: list[int] = []
    value = shift = 0
    for at, letter in enumerate(text.encode("utf-8") if isinstance(text, str) else text):
        bits = letter - 48
        if not 0 <= bits < 64 or shift > _MAX_SHIFT:
            raise refused(f"{path}.counts[{at}]", repr(chr(letter)), "a character from '0' to 'o'")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value = shift = 0
    if shift:
        raise refused(f"{path}.counts", "an unfinished number", "compressed run lengths")
    return runs


def checked(plane: Plane, path: str) -> Plane:
    """Return a plane as it is. Raises InvalidAnnotation if it is empty, or larger than an asset may be."""
    if plane.width * plane.height > MAX_PIXELS:
        raise refused(path, f"{plane.width} x {plane.height}", f"at most {MAX_PIXELS} pixels")
    if 1 not in plane.data:
        raise refused(path, "an empty mask", "a pixel that belongs to the object", "leave the object out")
    return plane


def binary_png(plane: Plane) -> bytes:
    """Return a PNG with one channel of 8 bits and pixels of 0 and 1, as Labelbox's own client writes it.

    Source: docs/reference/labelbox-format.md#2-10.
    """
    width = plane.width
    rows = (plane.data[start : start + width] for start in range(0, len(plane.data), width))
    return _png(plane.width, plane.height, GRAY, rows)


def color_png(width: int, height: int, indices: bytes, colors: Iterable[tuple[int, int, int]]) -> bytes:
    """Return a PNG with three channels; index 1 has the first colour, index 0 is black."""
    tables = [bytes([0, *(color[channel] for color in colors)]).ljust(256, b"\0") for channel in range(3)]
    pixels = bytearray(3 * len(indices))
    for channel, table in enumerate(tables):
        pixels[channel::3] = indices.translate(table)
    stride = 3 * width
    return _png(width, height, RGB, (bytes(pixels[at : at + stride]) for at in range(0, len(pixels), stride)))


def _png(width: int, height: int, color: int, rows: Iterable[bytes]) -> bytes:
    """Return a PNG of unfiltered rows: masks are long runs, which deflate compresses well without a filter."""
    packed = zlib.compress(b"".join(b"\0" + row for row in rows), 6)
    header = struct.pack(">IIBBBBB", width, height, 8, color, 0, 0, 0)
    return SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
