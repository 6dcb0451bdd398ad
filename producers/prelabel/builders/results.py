"""Build all annotations of an image from the result objects of Ultralytics, supervision and Hugging Face's pipelines.

The libraries are not imported: their objects are used through their attributes. Annotations have the names of classes
as their names; a mapping turns these into features. Coordinates are pixels of the image that the model was given.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from prelabel.annotations.base import Annotation
from prelabel.annotations.classifications import Option, Radio
from prelabel.annotations.mask import Mask
from prelabel.annotations.objects import Point, Polygon
from prelabel.builders.boxes import box_from_corners
from prelabel.builders.keypoints import Place, found_keypoints
from prelabel.builders.masks import mask_from_array
from prelabel.builders.pixels import Plane, binary_png, checked
from prelabel.builders.values import refused, whole
from prelabel.errors import found_value

_NOT_BLACK = b"\0" + b"\1" * 255


def annotations_from_ultralytics(
    result: Any,
    *,
    outlines: Literal["polygons", "masks"] = "polygons",
    keypoint_names: Sequence[str] | None = None,
    question: str = "label",
) -> list[Annotation]:
    """Return the annotations of one `Results` of Ultralytics: boxes, segments, a pose, rotated boxes or a class.

    A rotated box becomes a polygon. A segment becomes a polygon, or with `outlines="masks"` a mask, for which the model
    must have run with `retina_masks=True`, so that masks have the image's size. A pose becomes its box and a point for
    each keypoint that was found, with the keypoint's own confidence; COCO's names are used for 17 keypoints. The most
    likely class of an image becomes the answer to `question`. Raises InvalidAnnotation.
    """
    if not hasattr(result, "names") or not hasattr(result, "boxes"):
        raise refused("result", type(result).__name__, "Results of Ultralytics", "a model returns a list: take each")
    if result.probs is not None:
        top, score = whole(result.probs.top1, "probs.top1"), _decimal(result.probs.top1conf)
        return [Radio(question, Option(_class(result.names, top), confidence=score))]
    boxes = result.obb if getattr(result, "obb", None) is not None else result.boxes
    if boxes is None:
        return []
    found = list(zip(_listed(boxes.cls), _listed(boxes.conf), strict=True))
    named = [(_class(result.names, int(index)), float(score)) for index, score in found]
    if boxes is not result.boxes:
        return [
            Polygon(name, corners, confidence=score)
            for (name, score), corners in zip(named, _listed(boxes.xyxyxyxy), strict=True)
        ]
    if result.masks is not None:
        return _segments(result, named, outlines)
    corners = _listed(boxes.xyxy)
    annotations: list[Annotation] = [
        box_from_corners(name, box, confidence=score) for (name, score), box in zip(named, corners, strict=True)
    ]
    if getattr(result, "keypoints", None) is not None:
        for (name, score), person in zip(named, _keypoints(result.keypoints), strict=True):
            annotations += _points(name, score, person, keypoint_names)
    return annotations


def annotations_from_supervision(
    detections: Any, names: Mapping[int, str] | Sequence[str] | None = None
) -> list[Annotation]:
    """Return the annotations of a `Detections` of supervision: masks, else polygons of oriented boxes, else boxes.

    `names` has the class of each `class_id`, if the detections do not have `class_name` in their `data`. Raises
    InvalidAnnotation.
    """
    if not hasattr(detections, "xyxy") or not hasattr(detections, "class_id"):
        raise refused("detections", type(detections).__name__, "Detections of supervision")
    data = detections.data or {}
    count = len(detections.xyxy)
    classes = _listed(data["class_name"]) if "class_name" in data else _by_id(detections.class_id, names, count)
    scores = [None] * count if detections.confidence is None else _listed(detections.confidence)
    named = list(zip(map(str, classes), scores, strict=True))
    if detections.mask is not None:
        return [
            mask_from_array(name, mask, **_confidence(score))
            for (name, score), mask in zip(named, detections.mask, strict=True)
        ]
    if "xyxyxyxy" in data:
        oriented = _listed(data["xyxyxyxy"])
        return [
            Polygon(name, corners, **_confidence(score)) for (name, score), corners in zip(named, oriented, strict=True)
        ]
    boxes = _listed(detections.xyxy)
    return [box_from_corners(name, box, **_confidence(score)) for (name, score), box in zip(named, boxes, strict=True)]


def annotations_from_huggingface(output: Iterable[Any], *, question: str = "label") -> list[Annotation]:
    """Return the annotations of one image's output of a pipeline of Hugging Face.

    Boxes of `object-detection`, masks of `image-segmentation`; of `image-classification`, the most likely class as the
    answer to `question`. Raises InvalidAnnotation.
    """
    annotations: list[Annotation] = []
    for at, prediction in enumerate(output):
        if not isinstance(prediction, Mapping) or not isinstance(prediction.get("label"), str):
            expected = "an object with label and score"
            raise refused(
                f"output[{at}]", found_value(prediction), expected, "of several images, take each one's output"
            )
        name, fields = prediction["label"], _confidence(prediction.get("score"))
        if "box" in prediction:
            box = prediction["box"]
            corners = [box.get(side) for side in ("xmin", "ymin", "xmax", "ymax")] if isinstance(box, Mapping) else box
            annotations.append(box_from_corners(name, corners, **fields))
        elif "mask" in prediction:
            annotations.append(Mask(name, png=binary_png(_plane(prediction["mask"], f"output[{at}].mask")), **fields))
        elif not annotations:  # the first one has the highest score
            annotations.append(Radio(question, Option(name, **fields)))
    return annotations


def _segments(result: Any, named: list[tuple[str, float]], outlines: str) -> list[Annotation]:
    """Return polygons or masks; an outline without three points is left out, as Ultralytics does in its files."""
    if outlines == "masks":
        shape = tuple(result.masks.data.shape[1:])
        if shape != tuple(result.orig_shape):
            sizes = f"{shape[0]} x {shape[1]}", f"{result.orig_shape[0]} x {result.orig_shape[1]} as the image"
            raise refused("masks", sizes[0], sizes[1], "predict with retina_masks=True")
        return [
            mask_from_array(name, mask, confidence=score)
            for (name, score), mask in zip(named, _array(result.masks.data) != 0, strict=True)
        ]
    polygons = [_listed(outline) for outline in result.masks.xy]
    return [
        Polygon(name, polygon, confidence=score)
        for (name, score), polygon in zip(named, polygons, strict=True)
        if len(polygon) > 2
    ]


def _keypoints(keypoints: Any) -> list[list[Place]]:
    """Return x, y and confidence of each keypoint of each person."""
    places = _listed(keypoints.xy)
    scores = [[None] * len(person) for person in places] if keypoints.conf is None else _listed(keypoints.conf)
    return [
        [(x, y, score) for (x, y), score in zip(person, own, strict=True)]
        for person, own in zip(places, scores, strict=True)
    ]


def _points(name: str, score: float, person: list[Place], names: Sequence[str] | None) -> list[Annotation]:
    if names is not None and len(names) != len(person):
        raise refused("keypoint_names", f"{len(names)} names", f"a name for each of {len(person)} keypoints")
    return [
        Point(part, x=x, y=y, confidence=score if own is None else own)
        for part, (x, y, own) in found_keypoints(name, person, names or ())
    ]


def _by_id(class_ids: Any, names: Mapping[int, str] | Sequence[str] | None, count: int) -> list[str]:
    if count and (class_ids is None or names is None):
        raise refused("names", "nothing", "the class of each class_id", "or data['class_name'] in the detections")
    table = dict(enumerate(names)) if names is not None and not isinstance(names, Mapping) else names or {}
    return [_class(table, int(index)) for index in _listed(class_ids)] if count else []


def _class(names: Mapping[int, str], index: int) -> str:
    if index not in names:
        raise refused("class", index, f"one of {len(names)} classes")
    return str(names[index])


def _confidence(score: Any) -> dict[str, Any]:
    return {} if score is None else {"confidence": _decimal(score)}


def _decimal(value: Any) -> float:
    return float(value.item() if hasattr(value, "item") else value)


def _listed(values: Any) -> list[Any]:
    return list(values.tolist() if hasattr(values, "tolist") else values)


def _array(values: Any) -> Any:
    """Return a numpy array of a tensor, wherever the tensor is."""
    return values.cpu().numpy() if hasattr(values, "cpu") else values


def _plane(mask: Any, path: str) -> Plane:
    """Return the pixels of a gray PIL image that are not black. Raises InvalidAnnotation."""
    if getattr(mask, "mode", None) != "L":
        raise refused(path, type(mask).__name__, "a gray image of PIL (mode L)")
    width, height = mask.size
    return checked(Plane(width, height, mask.tobytes().translate(_NOT_BLACK)), path)
