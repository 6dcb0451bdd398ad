"""Read COCO panoptic: `{image_id, file_name, segments_info: [{id, category_id, score}]}` and one PNG file per image.

A segment's colour in the PNG file is its id: red + 256 green + 65536 blue. With `mask_url`, Labelbox fetches the file
and no pixels are read here; without it, every segment becomes a mask inside the message.
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from prelabel.annotations.address import is_address
from prelabel.errors import found_value
from prelabel.readers.base import (
    BadRecord,
    BadValue,
    ReaderOptions,
    Source,
    UnreadableSource,
    bad_record,
    fields_of,
    filled,
    text_of,
)
from prelabel.readers.coco import Coco, part
from prelabel.readers.pixels import Colors, mask_annotation
from prelabel.text_input import stem_of

_BACKGROUND = (0, 0, 0)


def read(path: Path, options: ReaderOptions) -> Source:
    """Return one message per image. Raises UnreadableSource."""
    coco = Coco(path, options)
    coco.read_categories()
    pictures = _Pictures(path, options)

    def segments(result: dict[str, Any]) -> Iterator[dict[str, Any] | BadRecord]:
        listed = part(result, "segments_info")
        if not isinstance(listed, list):
            raise BadValue("segments_info", "an array", found_value(listed))
        colors = pictures.colors(result)
        if colors is not None:
            coco.check_mask(result["image_id"], colors.width, colors.height)
        painted: set[tuple[int, int, int]] = set()
        for index, segment in enumerate(listed):
            try:
                if not isinstance(segment, dict):
                    raise ValueError(f"expected an object, found {found_value(segment)}")
                color = _color(part(segment, "id"))
                if color in painted:
                    raise ValueError(
                        f"id: {segment['id']} is that of another segment too, so both have the same pixels"
                    )
                painted.add(color)
                if annotation := coco.annotation(coco.category(segment).name, segment):
                    yield annotation | {"mask": pictures.mask(result, colors, color)}
            except ValueError as error:
                yield bad_record(f".segments_info[{index}]", error)
        if colors is not None and (other := colors.other_than(painted | {_BACKGROUND})) is not None:
            yield BadRecord("", f"the PNG has pixels of segment {_id(other)}, which is not in segments_info")

    return coco.messages(segments)


class _Pictures:
    """The PNG files of the images, in a folder or at an address."""

    def __init__(self, path: Path, options: ReaderOptions) -> None:
        self._folder = options.masks or path.with_name(stem_of(path))
        self._url = options.mask_url
        if self._url is None and not self._folder.is_dir():
            raise UnreadableSource(f"{self._folder} is no folder: give --masks FOLDER or --mask-url TEMPLATE")
        if self._url is None:
            return
        fields = set(fields_of(self._url))
        if not is_address(self._url) or not fields or fields - {"file_name", "image_id"}:
            raise UnreadableSource(f"mask url {self._url!r}: expected https://…{{file_name}} or {{image_id}}")

    def colors(self, result: dict[str, Any]) -> Colors | None:
        """Return the image's pixels if they are needed. Raises ValueError."""
        if self._url is not None:
            return None
        name = part(result, "file_name")
        # Predictions may come from others: they must not name files elsewhere on this machine.
        if not isinstance(name, str) or PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise ValueError("file_name: expected the name of a file in the folder of masks")
        try:
            return Colors(self._folder / name)
        except OSError as error:
            raise ValueError(f"{self._folder / name}: {error.strerror}") from None
        except ValueError as error:
            raise ValueError(f"{self._folder / name}: {error}") from None

    def mask(self, result: dict[str, Any], colors: Colors | None, color: tuple[int, int, int]) -> dict[str, Any]:
        """Return the `mask` of an annotation. Raises ValueError."""
        if colors is not None:
            return mask_annotation(colors.mask(color), colors.width, colors.height)
        url = self._url or ""
        fields = {name: text_of(str(part(result, name)), name) for name in fields_of(url)}
        return {"instanceURI": filled(url, fields), "colorRGB": list(color)}


def _color(segment_id: Any) -> tuple[int, int, int]:
    """Return the colour of a segment. Raises ValueError."""
    if type(segment_id) is not int or not 0 < segment_id < 1 << 24:
        expected = "1 to 16777215, a colour that is not black, which is the background"
        raise BadValue("id", expected, found_value(segment_id))
    return segment_id & 255, segment_id >> 8 & 255, segment_id >> 16


def _id(color: tuple[int, int, int]) -> int:
    red, green, blue = color
    return red | green << 8 | blue << 16
