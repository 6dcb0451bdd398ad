"""Keypoints in the output of a model: a point for each that was found, as the readers of files make them."""

from pathlib import Path
from typing import Any

import pytest

from prelabel.errors import MessageError
from prelabel.mapping import BadMapping, PredictionMapping, read_mapping
from prelabel.mapping.file import mapping_of
from prelabel.validation.gate import prepare
from tests.support.reading import read, write

Table = dict[str, Any]
POSE: Table = {
    "items": "found", "box": "box", "box_format": "xyxy", "label": "cls", "score": "p", "keypoints": "keypoints",
    "keypoint_names": ["hook", "cabin"],
}  # fmt: skip
CRANE: Table = {"box": [1, 2, 30, 40], "cls": "crane", "p": 0.5}


def mapping(output: Table, **table: Any) -> PredictionMapping:
    return mapping_of({"project": "p", "global_key": "{record.key}", "output": output, **table})


def annotations(output: Table, body: Any, **table: Any) -> list[Table]:
    (message,) = mapping(output, **table).apply(body, key="k")
    prepare(message)
    found: list[Table] = message["annotations"]
    return found


def points(keypoints: Any, output: Table = POSE, **table: Any) -> list[tuple[str, list[float], float]]:
    """Return name, place and confidence of the points that the keypoints of one crane become."""
    found = annotations(output, {"found": [{**CRANE, "keypoints": keypoints}]}, **table)
    return [(each["name"], list(each["point"].values()), each["confidence"]) for each in found if "point" in each]


@pytest.mark.parametrize(
    "keypoints",
    [
        [[3, 4, 0.9], [5, 6, 0.8]],
        [3, 4, 0.9, 5, 6, 0.8],
        [{"x": 3, "y": 4, "confidence": 0.9}, {"x": 5, "y": 6, "confidence": 0.8}],
    ],
)
def test_keypoints_become_points_with_their_own_confidence_in_each_form(keypoints: Any) -> None:
    assert points(keypoints) == [("hook", [3, 4], 0.9), ("cabin", [5, 6], 0.8)]


@pytest.mark.parametrize(
    "keypoints", [[[3, 4], [5, 6]], [3, 4, 5, 6], [[3, 4, 2], [5, 6, 1]], [{"x": 3, "y": 4}, [5, 6]]]
)
def test_keypoints_without_a_confidence_have_that_of_their_detection(keypoints: Any) -> None:
    assert points(keypoints) == [("hook", [3, 4], 0.5), ("cabin", [5, 6], 0.5)]


@pytest.mark.parametrize("missing", [[0, 0], [0, 0, 0.9], [7, 8, 0], [7, 8, 0.0]])
def test_a_keypoint_that_is_not_there_is_no_point(missing: Any) -> None:
    assert points([missing, [5, 6]]) == [("cabin", [5, 6], 0.5)]


def test_the_box_stands_before_its_points() -> None:
    found = annotations(POSE, {"found": [{**CRANE, "keypoints": [[3, 4], [5, 6]]}]})

    assert [sorted(each) for each in found] == [["bbox", "confidence", "name"], *[["confidence", "name", "point"]] * 2]


def test_arrays_side_by_side_have_the_keypoints_of_each_detection() -> None:
    output: Table = {"keypoints": "kpts", "class": "crane", "score": "scores", "keypoint_names": ["hook", "cabin"]}
    body = {"kpts": [[[1, 2, 0.9], [3, 4, 0.8]], [[5, 6, 0.7], [0, 0, 0]]], "scores": [0.5, 0.4]}

    found = annotations(output, body)

    assert [(each["name"], each["confidence"]) for each in found] == [("hook", 0.9), ("cabin", 0.8), ("hook", 0.7)]


def test_keypoints_in_the_columns_of_a_row_are_read_by_a_part_of_it() -> None:
    output = {
        "items": "output0.0", "box": ["0", "1", "2", "3"], "box_format": "xyxy", "score": "4", "label": "5",
        "labels": ["crane"], "keypoints": "6:", "keypoint_names": ["hook", "cabin"],
    }  # fmt: skip

    found = annotations(output, {"output0": [[[1, 2, 30, 40, 0.5, 0, 3, 4, 0.9, 5, 6, 0.8]]]})

    assert [each["name"] for each in found] == ["crane", "hook", "cabin"]
    assert annotations({**output, "keypoints": "6:10"}, {"output0": [[[1, 2, 30, 40, 0.5, 0, 3, 4, 5, 6, 9]]]})[1:] == [
        {"name": "hook", "point": {"x": 3, "y": 4}, "confidence": 0.5},
        {"name": "cabin", "point": {"x": 5, "y": 6}, "confidence": 0.5},
    ]


def test_keypoints_of_an_image_in_the_middle_of_bars_become_pixels_of_the_image() -> None:
    size = {"width": 1280, "height": 320, "model_size": [640, 640], "letterbox": True}

    # 1280 x 320 shrinks to 640 x 160, with a bar of 240 above and below
    found = annotations({**POSE, **size}, {"found": [{"box": [64, 250, 320, 300], "cls": "crane", "p": 0.5,
                                                     "keypoints": [[64, 250], [320, 300]]}]})  # fmt: skip

    assert [each["point"] for each in found[1:]] == [{"x": 128, "y": 20}, {"x": 640, "y": 120}]


def test_seventeen_keypoints_without_names_are_those_of_coco_and_others_are_numbered() -> None:
    unnamed = {key: value for key, value in POSE.items() if key != "keypoint_names"}

    assert [name for name, _, _ in points([[1, 2]] * 17, unnamed)][::16] == ["nose", "right_ankle"]
    assert [name for name, _, _ in points([[1, 2]] * 2, unnamed)] == ["crane keypoint 0", "crane keypoint 1"]


def test_a_keypoint_has_its_own_feature_and_minimum() -> None:
    classes = {"hook": {"feature": "Hook"}, "cabin": {"feature": "Cabin", "confidence": 0.7}}

    assert points([[3, 4, 0.6], [5, 6, 0.6]], classes=classes) == [("Hook", [3, 4], 0.6)]


@pytest.mark.parametrize("table", [{"confidence": 0.6}, {"classes": {"crane": {"drop": True}}}])
def test_the_keypoints_of_a_detection_that_is_left_out_are_left_out_too(table: Table) -> None:
    assert annotations(POSE, {"found": [{**CRANE, "keypoints": [[3, 4, 0.9], [5, 6, 0.9]]}]}, **table) == []


def test_yolo_s_files_become_the_same_points(tmp_path: Path) -> None:
    write(tmp_path, "data.yaml", "names: [crane]\nkpt_shape: [2, 3]\nkpt_names: {0: [hook, cabin]}\n")
    write(tmp_path, "images.csv", "file_name,width,height\n7.jpg,100,200\n")
    labels = write(tmp_path, "7.txt", "0 0.5 0.5 0.25 0.5 0.25 0.5 2 0.75 0.25 0.9 0.5\n")
    output = {**POSE, "box_format": "cxcywh", "normalised": True, "width": 100, "height": 200, "labels": ["crane"]}
    body = {"cls": 0, "p": 0.5, "box": [0.5, 0.5, 0.25, 0.5], "keypoints": [0.25, 0.5, 2, 0.75, 0.25, 0.9]}

    messages, bad = read("yolo", labels, images=tmp_path / "images.csv")

    assert (bad, messages[0]["annotations"]) == ([], annotations(output, {"found": [body]}))


@pytest.mark.parametrize(
    ("keypoints", "problem"),
    [
        ([1, 2, 3], ": expected 6 numbers, x, y and confidence of 2 keypoints, or 4 without confidence, found 3 "
         "numbers (keypoint_names of the mapping says how many there are)"),
        ([[1, 2]], ": expected 2, as many as keypoint_names of the mapping has, found 1 keypoint"),
        ([[1], [2]], "[0]: expected [x, y], [x, y, confidence] or {x, y, confidence}, found an array of 1 item"),
        ([[1, "2"], [3, 4]], '[0]: expected a finite number, found the text "2"'),
        ([{"x": 1}, {"x": 1, "y": 2}], "[0]: expected a finite number, found null"),
        (7, ": expected an array, found 7"),
    ],
)  # fmt: skip
def test_keypoints_that_cannot_be_read_are_named(keypoints: Any, problem: str) -> None:
    with pytest.raises(MessageError) as caught:
        points(keypoints)

    assert str(caught.value) == f"found[0].keypoints{problem}"


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({"classification": "c", "label": "l", "keypoints": "k"}, "output.keypoints: they are of detections"),
        ({"polygon": "p", "label": "l", "keypoint_names": ["a"]}, "output.keypoints: missing"),
        ({"keypoints": "k", "label": "l", "keypoint_names": ["a", "a"]}, "expected an array of different names"),
        ({"keypoints": "k", "label": "l", "keypoint_names": [3]}, "expected an array of different names"),
        ({"keypoints": "k"}, "output.label: missing"),
        ({"keypoints": "6:a b", "label": "l"}, "output.keypoints: expected a path"),
    ],
)
def test_a_table_of_keypoints_that_is_wrong_is_refused(table: Table, problem: str) -> None:
    with pytest.raises(BadMapping, match=problem):
        mapping(table)


def test_a_class_that_is_neither_a_label_nor_a_keypoint_is_refused_with_a_suggestion() -> None:
    output = {**POSE, "labels": ["crane"]}

    mapping(output, classes={"hook": "Hook", "crane": "Crane"})
    with pytest.raises(BadMapping, match=r"classes\.hok: no such class in output\.labels; did you mean hook\?"):
        mapping(output, classes={"hok": "Hook"})


def test_the_ontology_must_have_the_keypoints_and_no_class_of_which_only_those_are_published(tmp_path: Path) -> None:
    names = {"tools": [{"name": "Hook"}, {"name": "cabin"}], "classifications": []}
    ontology = write(tmp_path, "ontology.json", names)
    text = """[classes]
hook = "Hook"
[output]
keypoints = "k"
label = "cls"
labels = ["crane"]
keypoint_names = ["hook", "%s"]
"""

    read_mapping(write(tmp_path, "mapping.toml", text % "cabin"), ontology=ontology)
    with pytest.raises(BadMapping, match=r"the ontology has no feature 'cabn'; did you mean cabin\?"):
        read_mapping(write(tmp_path, "mapping.toml", text % "cabn"), ontology=ontology)
