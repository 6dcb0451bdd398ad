"""The output of models, as `[output]` says: boxes in every notation, labels, scores, tensors; mistakes are named."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prelabel.errors import MalformedMessage
from prelabel.mapping import BadMapping, PredictionMapping
from prelabel.mapping.file import mapping_of
from prelabel.validation.gate import prepare

Table = dict[str, Any]
SIDE_BY_SIDE: Table = {"box": "boxes", "box_format": "xyxy", "label": "labels", "score": "scores"}
ITEMS: Table = {"items": "predictions", "box": "box", "box_format": "xyxy", "label": "class", "score": "p"}


def mapping(output: Table, **table: Any) -> PredictionMapping:
    return mapping_of({"project": "p", "global_key": "{record.key}", "output": output, **table})


def annotations(output: Table, body: Any, **table: Any) -> list[dict[str, Any]]:
    (message,) = mapping(output, **table).apply(body, key="k")
    if message["annotations"]:
        prepare(message)
    found: list[dict[str, Any]] = message["annotations"]
    return found


def bbox(left: float, top: float, width: float, height: float) -> dict[str, float]:
    return {"left": left, "top": top, "width": width, "height": height}


@pytest.mark.parametrize(
    ("form", "numbers"),
    [("xyxy", [10, 20, 40, 60]), ("yxyx", [20, 10, 60, 40]), ("xywh", [10, 20, 30, 40]), ("cxcywh", [25, 40, 30, 40])],
)
def test_boxes_are_read_in_each_notation(form: str, numbers: list[float]) -> None:
    body = {"boxes": [numbers], "labels": ["cat"], "scores": [0.5]}

    assert annotations({**SIDE_BY_SIDE, "box_format": form}, body) == [
        {"name": "cat", "bbox": bbox(10, 20, 30, 40), "confidence": 0.5}
    ]


def test_normalised_boxes_become_pixels_of_an_image_whose_size_the_body_has() -> None:
    output = {**SIDE_BY_SIDE, "normalised": True, "width": "shape.1", "height": "shape.0"}
    body = {"boxes": [[0.1, 0.2, 0.4, 0.6]], "labels": ["cat"], "scores": [0.5], "shape": [200, 100]}

    assert annotations(output, body)[0]["bbox"] == bbox(10, 40, 30, 80)


def test_boxes_in_pixels_of_the_model_become_pixels_of_the_image() -> None:
    body = {"boxes": [[64, 64, 320, 320]], "labels": ["cat"], "scores": [0.5]}
    size: Table = {"width": 1280, "height": 320, "model_size": [640, 640]}

    assert annotations({**SIDE_BY_SIDE, **size}, body)[0]["bbox"] == bbox(128, 32, 512, 128)
    # 1280 x 320 shrinks to 640 x 160, with a bar of 240 above and below
    body["boxes"] = [[64, 250, 320, 300]]
    assert annotations({**SIDE_BY_SIDE, **size, "letterbox": True}, body)[0]["bbox"] == bbox(128, 20, 512, 100)


def test_a_list_of_objects_with_named_sides_is_read() -> None:
    output = {
        "items": "predictions", "label": "class", "score": "confidence",
        "box": ["x", "y", "width", "height"], "box_format": "cxcywh",
    }  # fmt: skip
    item = {"x": 25, "y": 40, "width": 30, "height": 40, "class": "cat", "confidence": 0.5, "class_id": 3}

    assert annotations(output, {"predictions": [item]})[0]["bbox"] == bbox(10, 20, 30, 40)


def test_rows_of_numbers_are_read_by_their_columns() -> None:
    output = {
        "items": "output0.0", "box": ["0", "1", "2", "3"], "box_format": "xyxy", "score": "4", "label": "5",
        "labels": ["person", "cat"],
    }  # fmt: skip

    found = annotations(output, {"output0": [[[10, 20, 40, 60, 0.5, 1.0], [0, 0, 1, 1, 0.25, 0]]]})

    assert [(each["name"], each["confidence"]) for each in found] == [("cat", 0.5), ("person", 0.25)]


def test_a_body_that_is_a_list_is_read() -> None:
    body = [{"label": "cat", "score": 0.5, "box": {"xmin": 10, "ymin": 20, "xmax": 40, "ymax": 60}}]
    output = {
        "items": ".", "label": "label", "score": "score", "box_format": "xyxy",
        "box": ["box.xmin", "box.ymin", "box.xmax", "box.ymax"],
    }  # fmt: skip

    assert annotations(output, body)[0]["bbox"] == bbox(10, 20, 30, 40)


TENSORS: Table = {
    "tensors": "outputs", "count": "num_dets", "box": "det_boxes.0", "box_format": "xyxy", "score": "det_scores.0",
    "label": "det_classes.0", "labels": ["person", "cat"],
}  # fmt: skip


def tensors(count: int, *, boxes: list[float], scores: list[float], classes: list[float]) -> dict[str, Any]:
    rows = len(scores)
    return {
        "model_name": "yolo",
        "outputs": [
            {"name": "num_dets", "shape": [1, 1], "datatype": "INT32", "data": [count]},
            {"name": "det_boxes", "shape": [1, rows, 4], "datatype": "FP32", "data": boxes},
            {"name": "det_scores", "shape": [1, rows], "datatype": "FP32", "data": scores},
            {"name": "det_classes", "shape": [1, rows], "datatype": "INT32", "data": classes},
        ],
    }


def test_tensors_of_kserve_and_triton_are_read_without_their_padding() -> None:
    body = tensors(1, boxes=[10, 20, 40, 60, -1, -1, -1, -1], scores=[0.5, 0], classes=[1, -1])

    assert annotations(TENSORS, body) == [{"name": "cat", "bbox": bbox(10, 20, 30, 40), "confidence": 0.5}]


def test_tensors_without_detections_are_a_message_without_annotations() -> None:
    assert annotations(TENSORS, tensors(0, boxes=[], scores=[], classes=[])) == []


def test_nested_tensors_are_read_too() -> None:
    body = tensors(1, boxes=[], scores=[0.5], classes=[0])
    body["outputs"][1]["data"] = [[[10, 20, 40, 60]]]

    assert annotations(TENSORS, body)[0]["bbox"] == bbox(10, 20, 30, 40)


@pytest.mark.parametrize(
    ("tensor", "path", "found", "expected"),
    [
        ({"name": "x", "shape": [2, 2], "data": [1, 2, 3]}, "outputs[0].data", "an array of 3 items", "4 values"),
        ({"name": "x", "shape": [2, -2], "data": [1]}, "outputs[0].shape", "an array of 2 items", "whole numbers"),
        ({"name": "x", "shape": [1] * 9, "data": [1]}, "outputs[0].shape", "an array of 9 items", "1 to 8"),
        ({"name": "x", "shape": "1", "data": [1]}, "outputs[0].shape", 'the text "1"', "whole numbers"),
        ({"name": "x", "shape": [1]}, "outputs[0].data", "nothing", "binary values"),
        ({"shape": [1], "data": [1]}, "outputs[0]", "an object with 2 keys", "a tensor"),
        (3, "outputs[0]", "3", "a tensor"),
    ],
)
def test_a_tensor_that_is_wrong_is_named(tensor: Any, path: str, found: str, expected: str) -> None:
    with pytest.raises(MalformedMessage) as caught:
        annotations(TENSORS, {"outputs": [tensor]})

    assert (caught.value.path, caught.value.found) == (path, found)
    assert expected in caught.value.expected


def test_an_empty_shape_does_not_make_work() -> None:
    with pytest.raises(MalformedMessage):
        annotations(TENSORS, {"outputs": [{"name": "num_dets", "shape": [10**9, 10**9, 0], "data": []}]})


def test_the_class_with_the_best_score_is_taken_where_each_class_has_one() -> None:
    output = {
        "items": "rows", "box": ["0", "1", "2", "3"], "box_format": "xyxy", "score": "4", "labels": ["person", "cat"]
    }  # fmt: skip

    found = annotations(output, {"rows": [[10, 20, 40, 60, [0.2, 0.7]]]})

    assert [(each["name"], each["confidence"]) for each in found] == [("cat", 0.7)]


def test_all_predictions_may_have_one_class_and_no_score() -> None:
    output = {"box": "faces", "box_format": "xywh", "class": "face"}

    assert annotations(output, {"faces": [[10, 20, 30, 40]]}) == [{"name": "face", "bbox": bbox(10, 20, 30, 40)}]


@pytest.mark.parametrize("points", [[[1, 2], [3, 4], [5, 7]], [{"x": 1, "y": 2}, {"x": 3, "y": 4}, {"x": 5, "y": 7}],
                                    [1, 2, 3, 4, 5, 7]])  # fmt: skip
def test_polygons_are_read_in_each_notation(points: Any) -> None:
    output = {"items": "predictions", "polygon": "points", "label": "class"}

    (found,) = annotations(output, {"predictions": [{"points": points, "class": "quay"}]})

    assert found["polygon"] == [{"x": 1, "y": 2}, {"x": 3, "y": 4}, {"x": 5, "y": 7}]


@pytest.mark.parametrize("body", [{"labels": ["rain", "fog"], "scores": [0.2, 0.7]},
                                  {"labels": "fog", "scores": 0.7}])  # fmt: skip
def test_the_best_class_of_a_data_row_is_an_answer(body: Any) -> None:
    output = {"classification": "weather", "label": "labels", "score": "scores"}

    assert annotations(output, body) == [{"name": "weather", "answer": {"name": "fog", "confidence": 0.7}}]


def test_all_classes_above_the_threshold_are_the_answers_of_a_checklist() -> None:
    output = {"items": ".", "classification": "weather", "label": "label", "score": "score", "several": True}
    body = [{"label": "rain", "score": 0.9}, {"label": "fog", "score": 0.6}, {"label": "sun", "score": 0.1}]

    found = annotations(output, body, confidence=0.5, classes={"fog": {"option": "Fog"}})

    assert found == [
        {"name": "weather", "answer": [{"name": "rain", "confidence": 0.9}, {"name": "Fog", "confidence": 0.6}]}
    ]


def test_probabilities_without_labels_are_named_by_their_places() -> None:
    output = {"classification": "weather", "score": "probabilities", "labels": ["rain", "fog"]}

    assert annotations(output, {"probabilities": [0.2, 0.8]})[0]["answer"]["name"] == "fog"


def test_classes_of_an_output_are_mapped_and_thresholds_hold() -> None:
    body = {"boxes": [[0, 0, 1, 1], [0, 0, 2, 2]], "labels": ["cat", "dog"], "scores": [0.2, 0.9]}

    found = annotations(SIDE_BY_SIDE, body, confidence=0.5, classes={"dog": "Animal"})

    assert [each["name"] for each in found] == ["Animal"]


def test_arrays_of_numpy_are_read() -> None:
    body = {"boxes": np.array([[10, 20, 40, 60]], "float32"), "labels": np.array([1]), "scores": np.array([0.5])}

    found = annotations({**SIDE_BY_SIDE, "labels": ["person", "cat"]}, body)

    assert found == [{"name": "cat", "bbox": bbox(10, 20, 30, 40), "confidence": 0.5}]


def test_an_object_with_annotations_is_a_message_even_with_an_output_table() -> None:
    (message,) = mapping(SIDE_BY_SIDE, classes={"cat": "Cat"}).apply(
        {"annotations": [{"name": "cat", "bbox": bbox(1, 2, 3, 4)}]}, key="k"
    )

    assert message["annotations"][0]["name"] == "Cat"


def test_an_output_without_a_template_of_keys_says_what_is_missing() -> None:
    with pytest.raises(MalformedMessage, match="`global_key` in the mapping, or --global-key"):
        mapping_of({"output": SIDE_BY_SIDE}).apply({"boxes": [], "labels": [], "scores": []})


@pytest.mark.parametrize(
    ("change", "path", "problem"),
    [
        ({"boxes": None}, "", "arrays of one length"),
        ({"boxes": "x"}, "boxes", "expected an array"),
        ({"boxes": [[1, 2, 3]]}, "boxes[0]", "four finite numbers, xyxy"),
        ({"boxes": [[1, 2, 3, "4"]]}, "boxes[0]", 'found 1, 2, 3, the text "4"'),
        ({"boxes": [[1, 2, 3, float("nan")]]}, "boxes[0]", "found 1, 2, 3, NaN"),
        ({"boxes": [[4, 2, 3, 5]]}, "boxes[0]", "is box_format of the mapping right?"),
        ({"labels": [7]}, "boxes[0] label", "an index that [output] labels of the mapping has"),
        ({"labels": [None]}, "boxes[0] label", "the name or the index of a class"),
        ({"scores": ["x"]}, "boxes[0] score", "a finite number"),
        ({"labels": ["a", "b"]}, "", "arrays of one length, found labels: 2, scores: 1, boxes: 1"),
    ],
)
def test_a_value_that_does_not_fit_is_named(change: Table, path: str, problem: str) -> None:
    body = {"boxes": [[1, 2, 3, 4]], "labels": ["cat"], "scores": [0.5], **change}

    with pytest.raises(MalformedMessage) as caught:
        annotations({**SIDE_BY_SIDE, "labels": ["person", "cat"]}, body)

    assert caught.value.path == path
    assert problem in str(caught.value)


def test_a_path_at_which_nothing_stands_is_named_with_its_key() -> None:
    with pytest.raises(MalformedMessage) as caught:
        annotations(ITEMS, {"predictions": [{"box": [1, 2, 3, 4], "p": 1}]})

    assert caught.value.path == "predictions[0].class"
    assert "`label` in [output] of the mapping is class" in str(caught.value)


@pytest.mark.parametrize(
    ("output", "problem"),
    [
        ({}, "output: expected one of box, polygon, keypoints and classification, found none"),
        ({"box": "b", "polygon": "p"}, "found box and polygon"),
        ({"box": "b", "label": "l"}, "output.box_format: missing: one of xyxy, xywh, cxcywh, yxyx"),
        ({"box": "b", "label": "l", "box_format": "xyhw"}, "output.box_format: expected xyxy, xywh, cxcywh or yxyx"),
        ({"box": ["a", "b"], "label": "l", "box_format": "xyxy"}, "output.box: expected a path, or an array of four"),
        ({"box": "a b", "label": "l", "box_format": "xyxy"}, "output.box: expected a path such as"),
        ({"polygon": "p"}, "output.label: missing"),
        ({"polygon": "p", "label": "l", "class": "c"}, "output.class: it is the class of all predictions"),
        ({"polygon": "p", "label": "l", "normalised": True}, "output.width: missing"),
        ({"polygon": "p", "label": "l", "normalised": True, "width": 3}, "output.height: missing"),
        ({"polygon": "p", "label": "l", "width": 3, "height": 0, "normalised": True}, "output.height: expected a path"),
        ({"polygon": "p", "label": "l", "width": 3, "height": 3}, "they are for normalised = true, or model_size"),
        ({"polygon": "p", "label": "l", "letterbox": True}, "output.model_size: missing"),
        ({"polygon": "p", "label": "l", "width": 3, "height": 3, "model_size": [1]}, "expected \\[width, height\\]"),
        ({"polygon": "p", "label": "l", "several": True}, "output.several: it is for a classification only"),
        ({"classification": "c", "label": "l", "width": 3}, "output.width: it is for box, polygon and keypoints only"),
        ({"polygon": "p", "label": "l", "labels": 3}, "output.labels: expected an array of names"),
        ({"polygon": "p", "label": "l", "labels": [""]}, "output.labels: expected an array of names"),
        ({"polygon": "p", "labl": "l"}, "output.labl: unknown; .*; did you mean label?"),
    ],
)
def test_a_mistake_in_the_table_is_named(output: Table, problem: str) -> None:
    with pytest.raises(BadMapping, match=problem):
        mapping(output)


def test_a_class_that_the_labels_do_not_have_is_named_with_a_suggestion() -> None:
    with pytest.raises(BadMapping, match=r"classes\.Persn: no such class in output\.labels; did you mean person\?"):
        mapping({**SIDE_BY_SIDE, "labels": {"1": "person"}}, classes={"Persn": "Person"})


PIXEL = st.floats(0, 4000, allow_nan=False, width=32)


@given(
    left=PIXEL, top=PIXEL, size=st.tuples(st.floats(1, 2000), st.floats(1, 2000)),
    image=st.tuples(st.integers(64, 4000), st.integers(64, 4000)), model=st.tuples(*[st.integers(64, 1280)] * 2),
    form=st.sampled_from(["xyxy", "xywh", "cxcywh", "yxyx"]), place=st.sampled_from(
        ["pixels", "normalised", "stretched", "letterboxed"])
)  # fmt: skip
def test_coordinates_come_back_from_each_notation(
    left: float, top: float, size: tuple[float, float], image: tuple[int, int], model: tuple[int, int], form: str,
    place: str,
) -> None:  # fmt: skip
    width, height = size
    shrunk = min(model[0] / image[0], model[1] / image[1])
    into: dict[str, tuple[float, float, float, float]] = {
        "pixels": (1, 0, 1, 0),
        "normalised": (1 / image[0], 0, 1 / image[1], 0),
        "stretched": (model[0] / image[0], 0, model[1] / image[1], 0),
        "letterboxed": (shrunk, (model[0] - image[0] * shrunk) / 2, shrunk, (model[1] - image[1] * shrunk) / 2),
    }
    zoom_x, move_x, zoom_y, move_y = into[place]
    x1, x2 = (value * zoom_x + move_x for value in (left, left + width))
    y1, y2 = (value * zoom_y + move_y for value in (top, top + height))
    numbers = {
        "xyxy": [x1, y1, x2, y2],
        "xywh": [x1, y1, x2 - x1, y2 - y1],
        "cxcywh": [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1],
        "yxyx": [y1, x1, y2, x2],
    }[form]
    output: Table = {**SIDE_BY_SIDE, "box_format": form}
    if place != "pixels":
        output |= {"width": "size.0", "height": "size.1"}
        output |= {"normalised": True} if place == "normalised" else {"model_size": list(model)}
        output |= {"letterbox": True} if place == "letterboxed" else {}

    (found,) = annotations(output, {"boxes": [numbers], "labels": ["a"], "scores": [1], "size": list(image)})

    assert list(found["bbox"].values()) == pytest.approx([left, top, width, height], abs=0.002)
