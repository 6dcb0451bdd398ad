"""Read COCO segmentation as masks: `{image_id, category_id, segmentation, score}` with run lengths or polygons.

Run lengths contain their image's size; for polygons it is read from `images`. Masks are PNG files in the message.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prelabel.errors import found_value
from prelabel.readers.base import BadValue, ReaderOptions, Source
from prelabel.readers.coco import Coco, part
from prelabel.readers.extents import Extent
from prelabel.readers.pixels import mask_annotation
from prelabel.readers.rle import decode, fill


def read(path: Path, options: ReaderOptions) -> Source:
    """Return one message per image. Raises UnreadableSource."""
    coco = Coco(path, options)
    coco.read_categories()

    def mask(result: dict[str, Any]) -> Iterator[dict[str, Any]]:
        name, segmentation = coco.category(result).name, part(result, "segmentation")
        if annotation := coco.annotation(name, result):
            yield annotation | {"mask": mask_annotation(*_pixels(coco, result, segmentation))}

    return coco.messages(mask)


def _pixels(coco: Coco, result: dict[str, Any], segmentation: Any) -> tuple[bytes, int, int]:
    """Return pixels, width and height. Raises ValueError."""
    if isinstance(segmentation, dict):
        pixels, width, height = decode(segmentation)
        coco.check_mask(result["image_id"], width, height)
        return pixels, width, height
    if not isinstance(segmentation, list) or not segmentation:
        raise BadValue("segmentation", "run lengths or polygons", found_value(segmentation))
    image = coco.image(result["image_id"])
    if image.width is None or image.height is None:
        raise ValueError(f"segmentation: a polygon needs its image's width and height: {coco.give_images()}")
    pixels = fill(segmentation, image.width, image.height)
    across = [x for polygon in segmentation for x in polygon[::2]]
    down = [y for polygon in segmentation for y in polygon[1::2]]
    coco.check_extent(result["image_id"], Extent(min(across), min(down), max(across), max(down)))
    return pixels, image.width, image.height
