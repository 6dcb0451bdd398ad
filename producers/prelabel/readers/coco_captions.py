"""Read COCO captions: each `{image_id, caption}` becomes a free text of the class `caption`.

An image can have one answer only: its first caption is used, each further caption is a bad record.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prelabel.readers.base import ReaderOptions, Source, text_of
from prelabel.readers.coco import Coco, part

CLASS = "caption"


def read(path: Path, options: ReaderOptions) -> Source:
    """Return one message per image. Raises UnreadableSource."""
    coco = Coco(path, options)
    answered: set[Any] = set()

    def text(result: dict[str, Any]) -> Iterator[dict[str, Any]]:
        caption = text_of(part(result, "caption"), "caption")
        if annotation := coco.annotation(CLASS, result):
            if result["image_id"] in answered:
                raise ValueError(f"caption: image {result['image_id']} has one already")
            answered.add(result["image_id"])
            yield annotation | {"answer": caption.strip()}

    return coco.messages(text)
