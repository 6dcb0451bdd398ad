"""Read outputs of Hugging Face's pipelines for objects in images, written as JSON.

`object-detection` has `{score, label, box: {xmin, ymin, xmax, ymax}}`, `image-segmentation` `{score, label, mask}` with
the mask as a PNG file in base64. An output does not name its image: it is in a file of the image's name, or in a record
`{"file_name": …, "predictions": […]}`, in lines or an array. Classes of whole images are read by `huggingface_text`.
"""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prelabel.errors import found_value
from prelabel.readers.base import (
    BadRecord,
    BadValue,
    ReaderOptions,
    Scores,
    Source,
    bad_record,
    number,
    text_of,
)
from prelabel.readers.by_document import read_documents
from prelabel.readers.coco import part
from prelabel.readers.detections import Detections, Picture
from prelabel.readers.documents import Document, array_of, joined, object_of
from prelabel.readers.pixels import gray_mask

_SIDES = ("xmin", "ymin", "xmax", "ymax")
_ADDRESS = "data:image/png;base64,"
_IMAGE = Picture("the image")


def read(path: Path, options: ReaderOptions) -> Source:
    """Return one message per image. Raises UnreadableInput."""
    detections = Detections(path.name, options)

    def annotations(document: Document, _: Scores) -> Iterator[dict[str, Any] | BadRecord]:
        value = document.value
        if isinstance(value, dict):
            value = [value] if _is_prediction(value) else part(value, "predictions")
        for index, prediction in enumerate(array_of(value, "predictions")):
            where = f"[{index}]"
            detections.where = f"{document.where}{where}"
            try:
                yield from _objects(object_of(prediction, "the prediction"), detections)
            except ValueError as error:
                yield bad_record(where, error)

    return read_documents(
        path,
        options,
        annotations,
        split=lambda path: joined(path, _is_prediction),
        finish=detections.check,
        apart="{file_name}",
    )


def _is_prediction(value: Any) -> bool:
    return isinstance(value, dict) and "label" in value and "predictions" not in value


def _objects(prediction: dict[str, Any], detections: Detections) -> list[dict[str, Any]]:
    """Return the annotations of one prediction. Raises ValueError."""
    name, score = text_of(part(prediction, "label"), "label"), prediction.get("score")
    if "mask" in prediction:
        return detections.mask(name, score, lambda: gray_mask(_decoded(prediction["mask"])), _IMAGE)
    if "box" not in prediction:
        raise ValueError(
            "box is missing, and so is mask: classes of whole images are read with --format huggingface-labels"
        )
    box = object_of(prediction["box"], "box")
    return detections.box(name, score, [number(part(box, side), f"box.{side}") for side in _SIDES], _IMAGE)


def _decoded(mask: Any) -> bytes:
    """Return the bytes of a PNG file. Raises ValueError."""
    if not isinstance(mask, str):
        raise BadValue("mask", "a PNG file in base64", found_value(mask))
    try:
        return base64.b64decode(mask.removeprefix(_ADDRESS), validate=True)
    except ValueError:
        raise BadValue("mask", "a PNG file in base64", found_value(mask)) from None
