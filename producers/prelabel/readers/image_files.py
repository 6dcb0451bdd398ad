"""The names and sizes of images that predictions are about, for formats whose coordinates are shares of the image.

They come from a folder of images, of which only the headers are read, from a CSV file with the columns `file_name`,
`width` and `height`, or from a file of COCO with `images`.
"""

import csv
import io
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from prelabel.readers.base import UnreadableSource, text_of
from prelabel.readers.coco import read_images
from prelabel.readers.image_size import SUFFIXES, read_size
from prelabel.text_input import read_text

_COLUMNS = ("file_name", "width", "height")


@dataclass(frozen=True, slots=True)
class ImageFile:
    """An image's file name, with the folders below the root of all images, and its size in pixels."""

    name: str
    width: int
    height: int


class ImageFiles(Protocol):
    """Finds an image by the path that its predictions have, without a suffix."""

    def find(self, stem: str) -> ImageFile:
        """Return the image. Raises ValueError if there is none."""


def open_images(path: Path) -> ImageFiles:
    """Return the images in a folder or named by a file. Raises UnreadableInput."""
    if path.is_dir():
        return _Folder(path)
    if path.name.removesuffix(".gz").endswith(".json"):
        return _Table(path, _from_coco(path))
    return _Table(path, _from_csv(path))


class _Folder:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, stem: str) -> ImageFile:
        for suffix in (each for lower in SUFFIXES for each in (lower, lower.upper())):
            file = self._folder / f"{stem}{suffix}"
            if file.is_file():
                return ImageFile(f"{stem}{suffix}", *self._size(file))
        raise ValueError(f"no image {stem!r} with one of the suffixes {' '.join(SUFFIXES)} is in {self._folder}")

    def _size(self, file: Path) -> tuple[int, int]:
        try:
            return read_size(file)
        except OSError as error:
            raise ValueError(f"{file}: {error.strerror}") from None


class _Table:
    def __init__(self, path: Path, files: list[ImageFile]) -> None:
        self._path = path
        self._files: dict[str, ImageFile] = {}
        for file in files:
            stem = str(PurePosixPath(file.name).with_suffix(""))
            if self._files.setdefault(stem, file) != file:
                raise UnreadableSource(f"{path}: both {self._files[stem].name!r} and {file.name!r} are images {stem!r}")

    def find(self, stem: str) -> ImageFile:
        file = self._files.get(stem)
        if file is None:
            raise ValueError(f"image {stem!r} is not in {self._path}")
        return file


def _from_csv(path: Path) -> list[ImageFile]:
    rows = csv.DictReader(io.StringIO(_decoded(path)))
    if not set(_COLUMNS) <= set(rows.fieldnames or ()):
        found = ", ".join(rows.fieldnames or ())[:80] or "nothing"
        raise UnreadableSource(
            f"{path}: expected a folder of images, COCO's `images`, or a CSV file whose first line has the columns "
            f"{', '.join(_COLUMNS)}, found {found}"
        )
    files = []
    for row in rows:
        try:
            name = text_of(row["file_name"], "file_name")
            files.append(ImageFile(name, _pixels(row["width"], "width"), _pixels(row["height"], "height")))
        except ValueError as error:
            raise UnreadableSource(f"{path}, line {rows.line_num}: {error}") from None
    return files


def _decoded(path: Path) -> str:
    try:
        return read_text(path).decode()
    except UnicodeDecodeError:
        raise UnreadableSource(f"{path}: not UTF-8: convert the file with iconv") from None


def _pixels(cell: str | None, name: str) -> int:
    if cell is None or not cell.strip().isdecimal() or not 0 < int(cell) < 2**31:
        raise ValueError(f"{name}: expected a whole number of pixels, found {cell!r}")
    return int(cell)


def _from_coco(path: Path) -> list[ImageFile]:
    return [
        ImageFile(image.file_name, image.width, image.height)
        for image in read_images(path, alone=True).values()
        if image.file_name is not None and image.width is not None and image.height is not None
    ]
