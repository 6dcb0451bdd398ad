"""Read COCO keypoints as points: `{image_id, category_id, keypoints: [x, y, visibility, …], score}`.

Labelbox cannot import skeletons, so every keypoint that is visible or labelled (visibility above 0) becomes a point
whose class is the keypoint's name. Which person a point belongs to is lost.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prelabel.builders.keypoints import COCO_KEYPOINTS
from prelabel.errors import found_value
from prelabel.readers.base import BadValue, ReaderOptions, Source, number
from prelabel.readers.coco import Category, Coco, part
from prelabel.readers.extents import Extent

PERSON = COCO_KEYPOINTS
"""COCO's names of keypoints, for files of categories that have none."""


def read(path: Path, options: ReaderOptions) -> Source:
    """Return one message per image. Raises UnreadableSource."""
    coco = Coco(path, options)
    coco.read_categories()

    def points(result: dict[str, Any]) -> Iterator[dict[str, Any]]:
        visible = _visible(part(result, "keypoints"), coco.category(result))
        if visible:
            across, down = [x for _, x, _ in visible], [y for _, _, y in visible]
            coco.check_extent(result["image_id"], Extent(min(across), min(down), max(across), max(down)))
        for name, x, y in visible:
            if annotation := coco.annotation(name, result):
                yield annotation | {"point": {"x": x, "y": y}}

    return coco.messages(points)


def _visible(values: Any, category: Category) -> list[tuple[str, float, float]]:
    """Return name and place of the keypoints that are visible. Raises ValueError."""
    names = category.keypoints or PERSON
    if not isinstance(values, list) or len(values) != 3 * len(names):
        expected = f"x, y and visibility of the {len(names)} of {category.name}"
        raise BadValue("keypoints", expected, found_value(values))
    numbers = [number(value, "keypoints") for value in values]
    triples = zip(names, numbers[::3], numbers[1::3], numbers[2::3], strict=True)
    return [(name, x, y) for name, x, y, visibility in triples if visibility > 0]
