"""Read COCO detection results, an array of `{image_id, category_id, bbox: [x, y, width, height], score}`.

The boxes of an image become one message; coordinates are pixels from the top left, as in Labelbox.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prelabel.errors import found_value
from prelabel.readers.base import BadValue, ReaderOptions, Source, number
from prelabel.readers.coco import Coco, part
from prelabel.readers.extents import Extent


def read(path: Path, options: ReaderOptions) -> Source:
    """Return one message per image. Raises UnreadableSource."""
    coco = Coco(path, options)
    coco.read_categories()

    def box(result: dict[str, Any]) -> Iterator[dict[str, Any]]:
        name, bbox = coco.category(result).name, box_of(part(result, "bbox"))
        coco.check_extent(result["image_id"], extent_of(bbox))
        if annotation := coco.annotation(name, result):
            yield annotation | {"bbox": bbox}

    return coco.messages(box)


def box_of(bbox: Any) -> dict[str, float]:
    """Return `[x, y, width, height]` in Labelbox's form. Raises ValueError."""
    if not isinstance(bbox, list) or len(bbox) != 4:
        raise BadValue("bbox", "[x, y, width, height]", found_value(bbox))
    left, top, width, height = (number(value, "bbox") for value in bbox)
    if width <= 0 or height <= 0:
        sizes = f"{found_value(width)} and {found_value(height)}"
        raise BadValue("bbox", "a width and height above 0", sizes)
    return {"top": top, "left": left, "height": height, "width": width}


def extent_of(bbox: dict[str, float]) -> Extent:
    """Return the extent of a box in Labelbox's form."""
    left, top = bbox["left"], bbox["top"]
    return Extent(left, top, left + bbox["width"], top + bbox["height"])
