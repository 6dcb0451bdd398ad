"""Read COCO segmentation as masks: `{image_id, category_id, segmentation, score}` with run lengths or polygons.

Run lengths contain their image's size; for polygons it is read from `images`. Masks are PNG files in the message.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prelabel.errors import found_value
from prelabel.readers.base import BadValue, ReaderOptions, Source, messages_of
from prelabel.readers.coco import Coco, category_of, part
from prelabel.readers.pixels import mask_annotation
from prelabel.readers.rle import decode, fill


def read(path: Path, options: ReaderOptions) -> Source:
    """Return one message per image. Raises UnreadableSource."""
    coco = Coco(path, options)
    categories = coco.categories()

    def mask(result: dict[str, Any]) -> Iterator[dict[str, Any]]:
        name, segmentation = category_of(result, categories).name, part(result, "segmentation")
        if annotation := coco.annotation(name, result):
            yield annotation | {"mask": mask_annotation(*_pixels(coco, result, segmentation))}

    return messages_of(coco.walk(mask), options, path.name)


def _pixels(coco: Coco, result: dict[str, Any], segmentation: Any) -> tuple[bytes, int, int]:
    """Return pixels, width and height. Raises ValueError."""
    if isinstance(segmentation, dict):
        return decode(segmentation)
    if not isinstance(segmentation, list) or not segmentation:
        raise BadValue("segmentation", "run lengths or polygons", found_value(segmentation))
    image = coco.image(result["image_id"])
    if type(image.width) is not int or type(image.height) is not int:
        raise ValueError("segmentation: a polygon needs its image's width and height: give --images FILE")
    return fill(segmentation, image.width, image.height), image.width, image.height
