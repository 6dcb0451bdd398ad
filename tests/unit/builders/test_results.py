"""Annotations of the result objects of Ultralytics, supervision and Hugging Face's pipelines.

Where a library is installed, its own objects are used. Elsewhere, and in CI, the same tests use objects with the
attributes that the libraries document, filled with numpy arrays.
"""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from prelabel.annotations import Annotation
from prelabel.builders import annotations_from_huggingface, annotations_from_supervision, annotations_from_ultralytics
from prelabel.errors import InvalidAnnotation

NAMES = {0: "vessel", 1: "bollard"}
BOXES = [[190.0, 281, 611, 492], [503, 634, 538, 677]]
SCORES, CLASSES = [0.9375, 0.5], [0.0, 1]
MASKS = np.zeros((2, 8, 12), np.uint8)
MASKS[0, 2:6, 3:9] = 1
MASKS[1, :2, :2] = 1


def results(**parts: Any) -> Any:
    empty = {"boxes": None, "masks": None, "keypoints": None, "obb": None, "probs": None}
    return SimpleNamespace(**{"names": NAMES, "orig_shape": (8, 12)} | empty | parts)


def boxes(**more: Any) -> Any:
    return SimpleNamespace(xyxy=np.array(BOXES), conf=np.array(SCORES), cls=np.array(CLASSES), **more)


def wire(annotations: list[Annotation]) -> list[dict[str, Any]]:
    return [each.model_dump(by_alias=True, exclude_none=True) for each in annotations]


def test_boxes_of_ultralytics() -> None:
    assert wire(annotations_from_ultralytics(results(boxes=boxes()))) == [
        {"name": "vessel", "confidence": 0.9375, "bbox": {"top": 281, "left": 190, "height": 211, "width": 421}},
        {"name": "bollard", "confidence": 0.5, "bbox": {"top": 634, "left": 503, "height": 43, "width": 35}},
    ]


def test_segments_of_ultralytics_become_polygons_or_masks() -> None:
    outlines = [np.array([[3, 2], [8, 2], [8, 5], [3, 5]]), np.array([[0, 0], [1, 1]])]
    result = results(boxes=boxes(), masks=SimpleNamespace(xy=outlines, data=MASKS))

    assert [(each["name"], len(each["polygon"])) for each in wire(annotations_from_ultralytics(result))] == [
        ("vessel", 4)
    ]
    masks = wire(annotations_from_ultralytics(result, outlines="masks"))
    assert [each["name"] for each in masks] == ["vessel", "bollard"]
    with pytest.raises(InvalidAnnotation, match="retina_masks=True"):
        annotations_from_ultralytics(results(**vars(result) | {"orig_shape": (80, 120)}), outlines="masks")


def test_rotated_boxes_of_ultralytics_become_polygons() -> None:
    corners = np.array([[[1.0, 2], [3, 2], [3, 4], [1, 4]]])
    obb = SimpleNamespace(xyxyxyxy=corners, conf=np.array([0.5]), cls=np.array([1]))

    (polygon,) = wire(annotations_from_ultralytics(results(obb=obb)))

    assert (polygon["name"], polygon["polygon"][0]) == ("bollard", {"x": 1, "y": 2})


def test_a_pose_of_ultralytics_becomes_a_box_and_the_keypoints_that_are_there() -> None:
    one = SimpleNamespace(xyxy=np.array(BOXES[:1]), conf=np.array([0.75]), cls=np.array([0]))
    keypoints = SimpleNamespace(xy=np.array([[[200.0, 420], [0, 0]]]), conf=np.array([[0.25, 0.125]]))

    found = wire(annotations_from_ultralytics(results(boxes=one, keypoints=keypoints), keypoint_names=["bow", "stern"]))

    assert found[1:] == [{"name": "bow", "confidence": 0.25, "point": {"x": 200, "y": 420}}]
    with pytest.raises(InvalidAnnotation, match="a name for each of 2 keypoints"):
        annotations_from_ultralytics(results(boxes=one, keypoints=keypoints), keypoint_names=["bow"])


def test_the_class_of_an_image_answers_a_question() -> None:
    probs = SimpleNamespace(top1=1, top1conf=np.float32(0.5))

    assert wire(annotations_from_ultralytics(results(probs=probs), question="weather")) == [
        {"name": "weather", "answer": {"name": "bollard", "confidence": 0.5}}
    ]


def test_a_list_of_results_is_refused() -> None:
    with pytest.raises(InvalidAnnotation, match="a model returns a list"):
        annotations_from_ultralytics([results()])


def detections(**parts: Any) -> Any:
    plain = {"xyxy": np.array(BOXES), "class_id": np.array([0, 1]), "confidence": np.array(SCORES), "mask": None}
    return SimpleNamespace(**plain | {"data": {"class_name": np.array(["vessel", "bollard"])}} | parts)


def test_detections_of_supervision() -> None:
    assert wire(annotations_from_supervision(detections())) == wire(
        annotations_from_ultralytics(results(boxes=boxes()))
    )
    masks = annotations_from_supervision(detections(mask=MASKS.astype(bool)))
    assert [set(each) for each in wire(masks)] == [{"name", "confidence", "mask"}] * 2
    oriented = detections().data | {"xyxyxyxy": np.array([[[1, 2], [3, 2], [3, 4], [1, 4]]] * 2)}
    assert len(wire(annotations_from_supervision(detections(data=oriented)))[0]["polygon"]) == 4
    (first, _) = wire(annotations_from_supervision(detections(data={}, confidence=None), ["ship", "post"]))
    assert (first["name"], "confidence" in first) == ("ship", False)


def test_detections_without_names_are_refused() -> None:
    with pytest.raises(InvalidAnnotation, match="the class of each class_id"):
        annotations_from_supervision(detections(data={}))
    with pytest.raises(InvalidAnnotation, match="one of 1 classes"):
        annotations_from_supervision(detections(data={}), ["ship"])


def test_outputs_of_pipelines() -> None:
    box = {"label": "vessel", "score": 0.5, "box": {"xmin": 1, "ymin": 2, "xmax": 4, "ymax": 6}}
    mask = {"label": "film", "score": None, "mask": Image.fromarray(MASKS[0] * 255)}
    classes = [{"label": "fog", "score": 0.75}, {"label": "clear", "score": 0.25}]

    assert wire(annotations_from_huggingface([box])) == [
        {"name": "vessel", "confidence": 0.5, "bbox": {"top": 2, "left": 1, "height": 4, "width": 3}}
    ]
    assert set(wire(annotations_from_huggingface([mask]))[0]) == {"name", "mask"}
    assert wire(annotations_from_huggingface(classes)) == [
        {"name": "label", "answer": {"name": "fog", "confidence": 0.75}}
    ]
    with pytest.raises(InvalidAnnotation, match="of several images"):
        annotations_from_huggingface([[box]])


def test_the_objects_of_ultralytics_themselves() -> None:
    torch = pytest.importorskip("torch", reason="ultralytics is not installed; make frameworks runs it")
    engine = pytest.importorskip(
        "ultralytics.engine.results", reason="ultralytics is not installed; make frameworks runs it"
    )
    rows = torch.tensor([[*box, score, name] for box, score, name in zip(BOXES, SCORES, CLASSES, strict=True)])
    image = np.zeros((800, 1280, 3), np.uint8)

    result = engine.Results(image, path="000184.png", names=NAMES, boxes=rows)

    assert wire(annotations_from_ultralytics(result)) == wire(annotations_from_ultralytics(results(boxes=boxes())))
    assert annotations_from_ultralytics(engine.Results(image, path="a", names=NAMES, boxes=rows[:0])) == []
    supervision = pytest.importorskip("supervision", reason="supervision is not installed")
    same = annotations_from_supervision(supervision.Detections.from_ultralytics(result))
    assert wire(same) == wire(annotations_from_ultralytics(result))
    assert annotations_from_supervision(supervision.Detections.empty()) == []
