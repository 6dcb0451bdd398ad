"""Read answers of Roboflow's inference, hosted or one's own: `{"predictions": […], "image": {"width", "height"}}`.

Detections become boxes, instances polygons or masks, keypoints points, and the class of an image an answer. An answer
does not name its image: that is the name of its file, or what the Python client adds as `image_path`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prelabel.errors import found_value
from prelabel.readers.base import (
    BadRecord,
    BadValue,
    KeyedAnnotation,
    ReaderOptions,
    Source,
    bad_record,
    filled,
    messages_of,
    number,
    text_of,
)
from prelabel.readers.coco import part
from prelabel.readers.detections import Detections, Picture
from prelabel.readers.groups import Origin
from prelabel.readers.json_files import JsonRecord, as_object, json_records
from prelabel.readers.rle import decode

_FIELDS = ("file", "image_path", "inference_id")


def read(path: Path, options: ReaderOptions) -> Source:
    """Return one message per answer. Raises UnreadableInput."""
    template = options.key_template("{file}", *_FIELDS)
    detections = Detections(path.name, options)

    def annotations() -> Iterator[KeyedAnnotation | BadRecord]:
        for record in json_records(path):
            if isinstance(record, BadRecord):
                yield record
                continue
            try:
                response = as_object(record.value, "an answer of inference")
                key = _key(template, record, response)
            except ValueError as error:
                yield bad_record(record.where, error)
                continue
            yield from _annotations(response, record.where, key, detections)
        detections.check()

    return messages_of(annotations(), options, path.name, apart="{image_path}")


def _key(template: str, record: JsonRecord, response: dict[str, Any]) -> str:
    """Return the global key of an answer. Raises ValueError."""
    predictions = response.get("predictions")
    first = predictions[0] if isinstance(predictions, list) and predictions else None
    fields: dict[str, Any] = {"file": record.file}
    for name in _FIELDS[1:]:
        value = response.get(name) or (first.get(name) if isinstance(first, dict) else None)
        fields[name] = text_of(value, name) if f"{{{name}" in template else None
    return text_of(filled(template, fields), "global key")


def _annotations(
    response: dict[str, Any], where: str, key: str, detections: Detections
) -> Iterator[KeyedAnnotation | BadRecord]:
    origin = Origin("answer", where, where)
    detections.where = where
    try:
        picture = _picture(response)
        predictions = part(response, "predictions")
        if (answer := _answer(response, predictions, detections)) is not None:
            for annotation in answer:
                yield KeyedAnnotation(key, annotation, origin)
            return
        if not isinstance(predictions, list):
            raise BadValue("predictions", "an array", found_value(predictions))
    except ValueError as error:
        yield bad_record(where, error, key)
        return
    for index, prediction in enumerate(predictions):
        detections.where = f"{where}, predictions[{index}]"
        try:
            for annotation in _objects(as_object(prediction, "a prediction"), picture, detections):
                yield KeyedAnnotation(key, annotation, origin)
        except ValueError as error:
            yield bad_record(detections.where, error, key)


def _picture(response: dict[str, Any]) -> Picture:
    image = response.get("image")
    if not isinstance(image, dict) or image.get("width") is None or image.get("height") is None:
        return Picture("the image")
    return Picture("the image", number(image["width"], "image.width"), number(image["height"], "image.height"))


def _answer(response: dict[str, Any], predictions: Any, detections: Detections) -> list[dict[str, Any]] | None:
    """Return the answer of a model that classifies images, or None for other models. Raises ValueError."""
    chosen = response.get("predicted_classes")
    if isinstance(chosen, list) and isinstance(predictions, dict):
        names = [text_of(name, "predicted_classes") for name in chosen]
        scores = [predictions.get(name) for name in names]
        pairs = [
            (name, each.get("confidence") if isinstance(each, dict) else each)
            for name, each in zip(names, scores, strict=True)
        ]
        return detections.answer(pairs, several=True)
    if "top" in response and "x" not in (predictions[0] if isinstance(predictions, list) and predictions else {}):
        top = response["top"]
        return detections.answer([(text_of(top, "top"), response.get("confidence"))]) if top else []
    return None


def _objects(prediction: dict[str, Any], picture: Picture, detections: Detections) -> list[dict[str, Any]]:
    """Return the annotations of one prediction. Raises ValueError."""
    name, score = text_of(part(prediction, "class"), "class"), prediction.get("confidence")
    if isinstance(prediction.get("rle"), dict):
        return detections.mask(name, score, lambda: decode(prediction["rle"]))
    if points := prediction.get("points"):
        return detections.outlines(
            name, score, [[_position(point, "points") for point in _list(points, "points")]], picture
        )
    x, y, width, height = (number(part(prediction, side), side) for side in ("x", "y", "width", "height"))
    corners = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    annotations = detections.box(name, score, corners, picture)
    keypoints = []
    for point in _list(prediction.get("keypoints") or [], "keypoints"):
        across, down = _position(point, "keypoints")
        keypoints.append((text_of(part(point, "class"), "keypoints.class"), across, down, point.get("confidence")))
    return annotations + detections.points(keypoints, picture)


def _list(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise BadValue(name, "an array", found_value(value))
    return value


def _position(point: Any, name: str) -> tuple[float, float]:
    point = as_object(point, f"{name} with x and y")
    return number(part(point, "x"), f"{name}.x"), number(part(point, "y"), f"{name}.y")
