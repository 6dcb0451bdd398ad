"""Read answers of Roboflow's inference, hosted or one's own: `{"predictions": […], "image": {"width", "height"}}`.

Detections become boxes, instances polygons or masks, keypoints points, and the class of an image an answer. An answer
does not name its image: that is the name of its file, or what the Python client adds as `image_path`.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from prelabel.readers.base import BadRecord, ReaderOptions, Scores, Source, bad_record, number, text_of
from prelabel.readers.by_document import read_documents
from prelabel.readers.coco import part
from prelabel.readers.detections import Detections, Picture
from prelabel.readers.documents import JSON, Document, array_of, documents, object_of
from prelabel.readers.rle import decode


def read(path: Path, options: ReaderOptions) -> Source:
    """Return one message per answer. Raises UnreadableInput."""
    detections = Detections(path.name, options)

    def annotations(document: Document, _: Scores) -> Iterator[dict[str, Any] | BadRecord]:
        response = object_of(document.value, "the answer")
        detections.where = document.where
        picture, predictions = _picture(response), part(response, "predictions")
        answer = _answer(response, predictions, detections)
        if answer is not None:
            yield from answer
            return
        for index, prediction in enumerate(array_of(predictions, "predictions")):
            where = f", predictions[{index}]"
            detections.where = f"{document.where}{where}"
            try:
                yield from _objects(object_of(prediction, "the prediction"), picture, detections)
            except ValueError as error:
                yield bad_record(where, error)

    return read_documents(path, options, annotations, split=_responses, finish=detections.check, apart="{image_path}")


def _responses(path: Path) -> Iterator[Document | BadRecord]:
    """Yield the answers, with the `image_path` of their first prediction."""
    for document in documents(path, *JSON):
        value = document.value if isinstance(document, Document) else None
        predictions = value.get("predictions") if isinstance(value, dict) else None
        first = predictions[0] if isinstance(predictions, list) and predictions else None
        if isinstance(first, dict) and "image_path" in first and isinstance(document, Document):
            yield replace(document, value={"image_path": first["image_path"]} | document.value)
        else:
            yield document


def _picture(response: dict[str, Any]) -> Picture:
    image = response.get("image")
    if not isinstance(image, dict) or image.get("width") is None or image.get("height") is None:
        return Picture("the image")
    return Picture("the image", number(image["width"], "image.width"), number(image["height"], "image.height"))


def _answer(response: dict[str, Any], predictions: Any, detections: Detections) -> list[dict[str, Any]] | None:
    """Return the answer of a model that classifies images, or None for other models. Raises ValueError."""
    if isinstance(predictions, dict) and "predicted_classes" in response:
        names = [
            text_of(name, "predicted_classes") for name in array_of(response["predicted_classes"], "predicted_classes")
        ]
        scores = [predictions.get(name) for name in names]
        pairs = [
            (name, score.get("confidence") if isinstance(score, dict) else score)
            for name, score in zip(names, scores, strict=True)
        ]
        return detections.answer(pairs, several=True)
    if "top" in response:
        return (
            detections.answer([(text_of(response["top"], "top"), response.get("confidence"))])
            if response["top"]
            else []
        )
    return None


def _objects(prediction: dict[str, Any], picture: Picture, detections: Detections) -> list[dict[str, Any]]:
    """Return the annotations of one prediction. Raises ValueError."""
    name, score = text_of(part(prediction, "class"), "class"), prediction.get("confidence")
    if "rle" in prediction:
        return detections.mask(name, score, lambda: decode(prediction["rle"]), picture)
    if points := prediction.get("points"):
        outline = [_position(point, "points") for point in array_of(points, "points")]
        return detections.outlines(name, score, [outline], picture)
    x, y, width, height = (number(part(prediction, side), side) for side in ("x", "y", "width", "height"))
    corners = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    annotations = detections.box(name, score, corners, picture)
    if not annotations:  # the keypoints of what is left out would belong to nothing
        return []
    keypoints = []
    for point in array_of(prediction.get("keypoints") or [], "keypoints"):
        across, down = _position(point, "keypoints")
        keypoints.append((text_of(part(point, "class"), "keypoints.class"), across, down, point.get("confidence")))
    return annotations + detections.points(keypoints, picture)


def _position(point: Any, name: str) -> tuple[float, float]:
    point = object_of(point, name)
    return number(part(point, "x"), f"{name}.x"), number(part(point, "y"), f"{name}.y")
