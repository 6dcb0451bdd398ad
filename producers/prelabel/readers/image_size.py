"""Find out the size of an image from its header: PNG, JPEG, GIF, BMP, WebP and TIFF. No pixel is read."""

import struct
from pathlib import Path
from typing import BinaryIO

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
"""Suffixes of image files, in the order in which they are looked for."""
_MAX_SEGMENTS = 1000
_MAX_TAGS = 1000
_ORIENTATION, _WIDTH, _HEIGHT = 0x0112, 0x0100, 0x0101
_LYING = range(5, 9)
"""Orientations of Exif in which width and height are exchanged when the image is shown."""
_NO_FRAMES = (0xC4, 0xC8, 0xCC)
"""Markers between 0xC0 and 0xCF that begin no frame."""

Size = tuple[int, int]


def read_size(path: Path) -> Size:
    """Return (width, height) in pixels, as the image is shown: turned if its Exif orientation says so.

    Raises ValueError if the file is no such image, OSError if it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(32)
        try:
            size = _size(head, file)
        except struct.error:
            size = None
    if size is None or min(size) < 1:
        raise ValueError(f"{path}: no size found: expected a PNG, JPEG, GIF, BMP, WebP or TIFF file")
    return size


def _size(head: bytes, file: BinaryIO) -> Size | None:
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return _pair(struct.unpack_from(">II", head, 16))
    if head.startswith(b"\xff\xd8"):
        return _jpeg(file)
    if head.startswith((b"GIF87a", b"GIF89a")):
        return _pair(struct.unpack_from("<HH", head, 6))
    if head.startswith(b"BM"):
        width, height = struct.unpack_from("<ii", head, 18)
        return width, abs(height)  # rows from the top have a negative height
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return _webp(head)
    if head.startswith((b"II*\0", b"MM\0*")):
        file.seek(0)
        tags = _tags(file, 0)
        size = tags.get(_WIDTH, 0), tags.get(_HEIGHT, 0)
        return size[::-1] if tags.get(_ORIENTATION) in _LYING else size
    return None


def _pair(values: tuple[int, ...]) -> Size:
    width, height = values
    return width, height


def _jpeg(file: BinaryIO) -> Size | None:
    """Return the size in the first frame's header, which comes after segments such as Exif."""
    lying, at = False, 2
    for _ in range(_MAX_SEGMENTS):
        file.seek(at)
        marker, kind = struct.unpack(">BB", file.read(2))
        if marker != 0xFF:
            return None
        if kind == 0xFF:  # a fill byte
            at += 1
            continue
        (length,) = struct.unpack(">H", file.read(2))
        if 0xC0 <= kind <= 0xCF and kind not in _NO_FRAMES:
            height, width = struct.unpack(">xHH", file.read(5))
            return (height, width) if lying else (width, height)
        if kind == 0xE1 and file.read(6) == b"Exif\0\0":
            lying = lying or _tags(file, file.tell()).get(_ORIENTATION) in _LYING
        at += 2 + length
    return None


def _webp(head: bytes) -> Size | None:
    form = head[12:16]
    if form == b"VP8X":
        return 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
    if form == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if form == b"VP8 ":
        width, height = struct.unpack_from("<HH", head, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def _tags(file: BinaryIO, start: int) -> dict[int, int]:
    """Return the tags of the first directory of TIFF data, as Exif has it too, whose value is one whole number."""
    head = file.read(8)
    order = "<" if head.startswith(b"II") else ">"
    (at,) = struct.unpack_from(f"{order}I", head, 4)
    file.seek(start + at)
    (count,) = struct.unpack(f"{order}H", file.read(2))
    tags: dict[int, int] = {}
    for _ in range(min(count, _MAX_TAGS)):
        tag, kind, _, value = struct.unpack(f"{order}HHI4s", file.read(12))
        if kind in (3, 4):
            (tags[tag],) = struct.unpack_from(f"{order}{'H' if kind == 3 else 'I'}", value)
    return tags
