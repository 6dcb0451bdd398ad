"""Formats of models and tools for images, on their own outputs and on files of a few lines made by hand.

`tests/golden/vision` has the outputs: YOLO's text written by Ultralytics 8.4 (`Results.save_txt`), Hugging Face's by
pipelines of transformers 5.24 with small models, Label Studio's with the encoder and the check of its SDK, data sets
written by datumaro 1.13; Roboflow's answers have the documented form.
"""

import base64
import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from prelabel.mapping import PredictionMapping, Target
from prelabel.readers import UnreadableSource, datumaro_dataset
from tests.support.reading import built, mask_area, read, tool, write

GOLDEN = Path(__file__).parents[2] / "golden/vision"
SIZES = GOLDEN / "yolo/images.csv"
HARBOUR = Path(__file__).parents[3] / "examples/assets/harbour.png"


def only(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    (message,) = messages
    annotations: list[dict[str, Any]] = message["annotations"]
    return annotations


# -- YOLO --------------------------------------------------------------------------------------------------------------


def yolo(folder: Path, lines: str, names: str = "names: [vessel, bollard]\n", **options: Any) -> Any:
    write(folder, "data.yaml", names)
    write(folder, "images.csv", "file_name,width,height\n7.jpg,200,100\n")
    return read("yolo", write(folder, "7.txt", lines), **{"images": folder / "images.csv"} | options)


def test_boxes_of_ultralytics_become_pixels_of_their_image() -> None:
    messages, bad = read("yolo", GOLDEN / "yolo/detect", images=SIZES)

    assert bad == []
    assert messages[0]["dataRow"] == {"globalKey": "000184.png"}
    first = only(messages)[0]
    assert first == {"name": "vessel", "confidence": 0.93, "bbox": pytest.approx(first["bbox"])}
    assert [round(first["bbox"][side]) for side in ("left", "top", "width", "height")] == [190, 281, 421, 211]
    assert len(built(messages, "IMAGE", tools=tool("rectangle", "vessel", "bollard"))) == 5


def test_segments_of_ultralytics_become_polygons_or_masks() -> None:
    polygons, bad = read("yolo", GOLDEN / "yolo/segment", images=SIZES)
    masks, _ = read("yolo", GOLDEN / "yolo/segment", images=SIZES, outlines="masks")

    assert bad == []
    assert [len(each["polygon"]) for each in only(polygons)] == [122, 60]
    assert [each["name"] for each in only(masks)] == ["vessel", "vessel"]
    # The larger hull has 421 x 72 pixels without its slopes, and a house of 93 x 63.
    assert mask_area(only(masks)[0]) == pytest.approx((421 + 355) / 2 * 72 + 93 * 63, rel=0.02)


def test_a_rotated_box_becomes_a_polygon_of_its_corners() -> None:
    messages, bad = read("yolo", GOLDEN / "yolo/obb", images=SIZES, task="obb")

    assert bad == []
    hull, crane = only(messages)
    assert [(round(each["x"]), round(each["y"])) for each in hull["polygon"]] == [
        (610, 492), (610, 420), (190, 420), (190, 492)
    ]  # fmt: skip
    assert (crane["name"], crane["confidence"], len(crane["polygon"])) == ("crane", 0.77, 4)


def test_a_pose_becomes_a_box_and_points_with_their_own_confidence() -> None:
    mapping = PredictionMapping(confidence=0.5)
    messages, bad = read("yolo", GOLDEN / "yolo/pose", images=SIZES, mapping=mapping)

    assert bad == []
    assert [(each["name"], each["confidence"]) for each in only(messages)] == [
        ("vessel", 0.93), ("stern", 0.99), ("bow", 0.93), ("mooring", 0.8)
    ]  # fmt: skip
    assert mapping.left_out["below the minimum confidence"] == 1  # the fairlead, which the model hardly saw


def test_the_keypoints_of_a_detection_that_is_left_out_are_left_out_too() -> None:
    mapping = PredictionMapping({"vessel": Target(drop=True)})
    messages, bad = read("yolo", GOLDEN / "yolo/pose", images=SIZES, mapping=mapping)

    assert (only(messages), bad) == ([], [])


def test_seven_columns_are_not_guessed_at() -> None:
    with pytest.raises(UnreadableSource, match="Type --task detect or --task segment"):
        read("yolo", GOLDEN / "yolo/track", images=SIZES)

    messages, bad = read("yolo", GOLDEN / "yolo/track", images=SIZES, task="detect")
    assert ([each["confidence"] for each in only(messages)], bad) == ([0.93, 0.88, 0.71, 0.69, 0.41], [])


def test_the_number_of_a_track_is_no_corner() -> None:
    with pytest.raises(UnreadableSource, match="looks like the number of a track"):
        read("yolo", GOLDEN / "yolo/segment-track", images=SIZES)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("0 0.5 0.5 0.2", "expected 5 columns, or 6 with a confidence, or 7 with a track too, found 4"),
        ("2 0.5 0.5 0.2 0.2", "class 2 has no name: the names are of 0 to 1"),
        ("-1 0.5 0.5 0.2 0.2", "class: expected the number of a class"),
        ("0 0.5 x 0.2 0.2", "expected a number"),
        ("0 0.5 nan 0.2 0.2", "expected a number"),
        ("0 50 50 20 20", "expected a share of the image's size, 0 to 1, found 50"),
        ("0 0.5 0.5 0 0.2", "expected a width and height above 0"),
        ("0 0.5 0.5 0.2 0.2 1.7", "score: expected 0 to 1"),
        ("0 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1", "three or more different corners"),
    ],
)
def test_a_bad_line_is_named_and_the_others_are_read(tmp_path: Path, line: str, problem: str) -> None:
    messages, (bad,) = yolo(tmp_path, f"0 0.5 0.5 0.2 0.2 0.9\n{line}\n")

    assert (bad.where, bad.key) == ("7.txt, line 2", "7.jpg")
    assert problem in bad.problem
    assert only(messages) == [
        {"name": "vessel", "confidence": 0.9, "bbox": {"top": 40, "left": 80, "height": 20, "width": 40}}
    ]


def test_an_image_without_objects_supersedes_and_one_of_bad_lines_does_not(tmp_path: Path) -> None:
    write(tmp_path, "classes.txt", "vessel\n")
    write(tmp_path, "sizes.csv", "file_name,width,height\n7.jpg,9,9\n8.jpg,9,9\n")
    for name, lines in (("7.txt", ""), ("8.txt", "0 0.5\n")):
        write(tmp_path, name, lines)

    messages, bad = read("yolo", tmp_path, images=tmp_path / "sizes.csv")

    assert [(each["dataRow"]["globalKey"], each["annotations"]) for each in messages] == [("7.jpg", [])]
    assert [each.key for each in bad] == ["8.jpg"]


def test_a_file_of_pixels_is_refused_as_a_whole(tmp_path: Path) -> None:
    with pytest.raises(UnreadableSource, match="Are they pixels"):
        yolo(tmp_path, "0 100 50 20 20\n0 50 50 20 20\n")


def test_sizes_and_names_of_the_images_are_read_from_the_images_beside_the_labels(tmp_path: Path) -> None:
    for part in ("images/val", "labels/val"):
        (tmp_path / part).mkdir(parents=True)
    shutil.copy(HARBOUR, tmp_path / "images/val/quay.PNG")
    write(tmp_path, "data.yaml", "names:\n  0: vessel\n")
    write(tmp_path, "labels/val/quay.txt", "0 0.5 0.5 0.25 0.25\n")
    write(tmp_path, "labels/val/gone.txt", "0 0.5 0.5 0.25 0.25\n")

    messages, (bad,) = read("yolo", tmp_path, global_key="{path}-{file}-{file_name}")

    assert messages[0]["dataRow"] == {"globalKey": "val/quay-quay-val/quay.PNG"}
    assert only(messages)[0]["bbox"] == {"top": 300, "left": 480, "height": 200, "width": 320}
    assert "no image 'val/gone' with one of the suffixes" in bad.problem


def test_two_labels_with_one_global_key_are_not_joined(tmp_path: Path) -> None:
    for part in ("a", "b"):
        (tmp_path / part).mkdir()
        write(tmp_path, f"{part}/7.txt", "0 0.5 0.5 0.2 0.2\n")
    write(tmp_path, "classes.txt", "vessel\n")
    write(tmp_path, "sizes.csv", "file_name,width,height\na/7.jpg,9,9\nb/7.jpg,9,9\n")

    with pytest.raises(UnreadableSource, match=r"type --global-key '\{path\}'"):
        read("yolo", tmp_path, images=tmp_path / "sizes.csv", global_key="{file}")


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        ("names: 3\n", "expected names"),
        ("names: {a: b}\n", "names: expected numbers from 0"),
        ("names: [a]\nkpt_shape: [4]\n", "kpt_shape"),
        ("names: [a, 3]\n", "names.1"),
        ("names: [\n", "not YAML"),
        ("names: !!python/object/apply:os.system [true]\n", "not YAML"),
    ],
)
def test_a_bad_file_of_names_is_refused(tmp_path: Path, names: str, problem: str) -> None:
    with pytest.raises(UnreadableSource, match=problem):
        yolo(tmp_path, "0 0.5 0.5 0.2 0.2\n", names)


def test_what_is_missing_beside_yolos_text_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "7.txt", "0 0.5 0.5 0.2 0.2\n")
    with pytest.raises(UnreadableSource, match="give --categories"):
        read("yolo", path)
    write(tmp_path, "classes.txt", "vessel\n")
    _, (bad,) = read("yolo", path)
    assert "give --images" in bad.problem
    with pytest.raises(UnreadableSource, match="columns file_name, width, height, found name, size"):
        read("yolo", path, images=write(tmp_path, "sizes.csv", "name,size\n"))


# -- Roboflow ----------------------------------------------------------------------------------------------------------


def test_answers_of_inference_become_what_their_model_finds() -> None:
    messages, bad = read("roboflow", GOLDEN / "roboflow")

    assert bad == []
    kinds = {message["dataRow"]["globalKey"]: message["annotations"] for message in messages}
    assert [set(each) - {"confidence"} for each in kinds["000184"]] == [
        {"name", "polygon"}, {"name", "bbox"}, {"name", "bbox"}, {"name", "point"}, {"name", "point"}
    ]  # fmt: skip
    assert kinds["000184"][1]["bbox"] == {"top": 634, "left": 503, "height": 43, "width": 35}
    assert kinds["000185"] == [{"name": "label", "answer": {"name": "clear", "confidence": 0.81}}]
    assert [option["name"] for option in kinds["000186"][0]["answer"]] == ["crane", "mooring"]


def test_an_answer_of_an_image_of_another_size_refuses_the_file(tmp_path: Path) -> None:
    answer = json.loads((GOLDEN / "roboflow/000184.json").read_text()) | {"image": {"width": 320, "height": 200}}

    with pytest.raises(UnreadableSource, match="has 320 x 200 pixels"):
        read("roboflow", write(tmp_path, "a.json", answer))


def test_run_lengths_and_bad_predictions_of_inference(tmp_path: Path) -> None:
    box = {"x": 5, "y": 5, "width": 4, "height": 4, "confidence": 0.5}
    predictions = [box | {"class": "a"}, box, 7, {"class": "film", "rle": {"size": [2, 3], "counts": [1, 2, 1, 1, 1]}}]
    lines = [{"image_path": "b/7.jpg", "predictions": predictions}, {"predictions": []}, {"image_path": "c/8.jpg"}]
    path = write(tmp_path, "answers.jsonl", "".join(json.dumps(line) + "\n" for line in lines))

    messages, bad = read("roboflow", path, global_key="{image_path}")

    assert [(each.where, each.problem) for each in bad] == [
        ("answers.jsonl, line 1, predictions[1]", "class is missing"),
        ("answers.jsonl, line 1, predictions[2]", "the prediction: expected an object, found 7"),
        ("answers.jsonl, line 2", "image_path: expected a text or a whole number for the global key, found null"),
        ("answers.jsonl, line 3", "predictions is missing"),
    ]
    assert [each["name"] for each in only(messages)] == ["a", "film"]


# -- Label Studio ------------------------------------------------------------------------------------------------------


def regions(*results: dict[str, Any], **task: Any) -> list[dict[str, Any]]:
    prediction = {"model_version": "harbour-1", "result": list(results)}
    return [{"id": 1, "data": {"image": "s3://b/a%20b.jpg"}, "predictions": [prediction]} | task]


def region(kind: str, value: dict[str, Any], **more: Any) -> dict[str, Any]:
    sizes = {"original_width": 200, "original_height": 100, "from_name": "box", "to_name": "image"}
    return {"type": kind, "value": value, "score": 0.5} | sizes | more


def test_predictions_of_label_studio_become_pixels() -> None:
    messages, bad = read("label-studio", GOLDEN / "label-studio/tasks.json")

    assert bad == []
    assert messages[0]["dataRow"] == {"globalKey": "000184.png"}
    box, crane, quay, bollard, film, weather = only(messages)
    assert box["bbox"] == {"top": 281, "left": 190, "height": 211, "width": 421}
    # Turned by -28 degrees around the left upper corner, so the other end is above it and to the right.
    assert crane["polygon"][0] == {"x": 975, "y": 180}
    assert crane["polygon"][1] == {"x": pytest.approx(1142.76), "y": pytest.approx(90.8)}
    assert [point["y"] for point in quay["polygon"]] == [640, 591, 619, 668]
    assert bollard["point"] == {"x": 520, "y": 646}
    assert mask_area(film) == 3523  # as many as OpenCV painted of the ellipse
    assert weather == {"name": "weather", "answer": {"name": "clear", "confidence": 0.9}}


@pytest.mark.parametrize(
    ("kind", "value", "problem"),
    [
        ("ellipselabels", {}, "type: expected rectanglelabels"),
        ("rectangle", {}, "has no label"),
        ("rectanglelabels", {"x": 1, "y": 1, "width": 1, "height": 1}, "rectanglelabels: expected an array"),
        ("rectanglelabels", {"x": 1, "y": 1, "width": 1, "rectanglelabels": ["a"]}, "height is missing"),
        ("polygonlabels", {"points": [[1, 2, 3]], "polygonlabels": ["a"]}, "pairs of x and y"),
        ("brushlabels", {"format": "png", "brushlabels": ["a"]}, "value.format: expected rle"),
        ("brushlabels", {"format": "rle", "rle": [1, 2], "brushlabels": ["a"]}, "an end after 2 bytes"),
        ("brushlabels", {"format": "rle", "rle": [0] * 30, "brushlabels": ["a"]}, "80000 values, found 0 values"),
        ("brushlabels", {"format": "rle", "rle": [900], "brushlabels": ["a"]}, "a list of bytes"),
        ("choices", {"choices": []}, "an array that is not empty"),
    ],
)
def test_a_bad_region_is_named(tmp_path: Path, kind: str, value: dict[str, Any], problem: str) -> None:
    good = region("keypointlabels", {"x": 50, "y": 50, "width": 1, "keypointlabels": ["tip"]})

    messages, (bad,) = read("label-studio", write(tmp_path, "t.json", regions(region(kind, value), good)))

    assert (bad.where, bad.key) == ("t.json[0], result[0]", "a b.jpg")
    assert problem in bad.problem
    assert only(messages) == [{"name": "tip", "confidence": 0.5, "point": {"x": 100, "y": 50}}]


def test_of_several_predictions_the_model_that_was_named_is_read(tmp_path: Path) -> None:
    tip = region("keypointlabels", {"x": 50, "y": 50, "width": 1, "keypointlabels": ["tip"]})
    both = [{"model_version": name, "result": [tip] * at} for at, name in enumerate(("old", "new"), 1)]
    path = write(tmp_path, "t.json", regions(predictions=both, annotations=[{"result": []}]))

    _, (bad,) = read("label-studio", path)
    assert "found 2, of the models 'old', 'new'. Give one of these as --model" in bad.problem

    mapping = PredictionMapping()
    messages, bad_ones = read("label-studio", path, model="new", mapping=mapping)
    assert (len(only(messages)), bad_ones) == (2, [])
    assert mapping.left_out["annotations that people made in Label Studio"] == 1


# -- Hugging Face ------------------------------------------------------------------------------------------------------


def test_outputs_of_pipelines_become_boxes_and_masks() -> None:
    path = GOLDEN / "huggingface/outputs.jsonl"
    messages, bad = read("huggingface-vision", path, global_key="{file_name}")

    assert bad == []
    assert [message["dataRow"]["globalKey"] for message in messages] == ["000184.png", "000185.png"]
    assert len(messages[0]["annotations"]) == 6
    masks = messages[1]["annotations"]
    assert [each["name"] for each in masks] == ["sky", "water", "quay"]
    assert sum(map(mask_area, masks)) == 1280 * 800  # each pixel has one class
    assert read("huggingface-vision", GOLDEN / "huggingface/detection")[0][0]["dataRow"] == {"globalKey": "000184"}


@pytest.mark.parametrize(
    ("prediction", "problem"),
    [
        ({"label": "a", "score": 0.5}, "--format huggingface-labels"),
        ({"label": "a", "box": [1, 2, 3, 4]}, "box: expected an object"),
        ({"label": "a", "box": {"xmin": 4, "ymin": 0, "xmax": 3, "ymax": 9}}, "a width and height above 0"),
        ({"label": "a", "mask": "<PIL.Image.Image mode=L>"}, "a PNG file in base64"),
        ({"label": "a", "mask": base64.b64encode(b"GIF89a").decode()}, "no PNG file"),
    ],
)
def test_a_bad_prediction_of_a_pipeline_is_named(tmp_path: Path, prediction: Any, problem: str) -> None:
    good = {"label": "b", "box": {"xmin": 1, "ymin": 2, "xmax": 30, "ymax": 40}}

    messages, (bad,) = read("huggingface-vision", write(tmp_path, "7.json", [prediction, good]))

    assert bad.where == "7.json[0]"
    assert problem in bad.problem
    assert len(only(messages)) == 1


# -- GeoJSON -----------------------------------------------------------------------------------------------------------


def feature(geometry: Any, **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def test_features_become_points_lines_and_polygons() -> None:
    messages, (bad,) = read("geojson", GOLDEN / "geojson/elbe-mouth.geojson")

    assert messages[0]["dataRow"] == {"globalKey": "elbe-mouth"}
    lines = built(
        messages, "TMS_GEO", tools=[*tool("point", "bollard"), *tool("line", "rope"), *tool("polygon", "quay")]
    )
    assert [next(key for key in ("point", "line", "polygon") if key in line) for line in lines] == [
        "point", "line", "polygon", "polygon"
    ]  # fmt: skip
    assert (bad.where, bad.found) == ("elbe-mouth.geojson, features[3]", "2 rings")


def test_features_in_lines_are_put_into_the_data_rows_that_their_properties_name(tmp_path: Path) -> None:
    point = {"type": "Point", "coordinates": [8.7, 53.8]}
    lines = [
        feature(point, label="a", tile="t/1"),
        feature(point, classification={"name": "b"}, tile="t/2"),
        feature(point, label="c", tile="t/1", confidence=0.5),
        feature(point, label="d"),
        feature(point, tile="t/1"),
        feature({"type": "Circle", "coordinates": []}, label="e", tile="t/1"),
        feature(None, label="f", tile="t/1"),
    ]
    path = write(tmp_path, "f.geojsonl", "".join(json.dumps(line) + "\n" for line in lines))

    messages, bad = read("geojson", path, global_key="{tile}")

    names = {message["dataRow"]["globalKey"]: [a["name"] for a in message["annotations"]] for message in messages}
    assert names == {"t/1": ["a", "c"], "t/2": ["b"]}
    assert [each.where for each in bad] == [f"f.geojsonl, line {number}" for number in (4, 5, 6, 7)]


@pytest.mark.parametrize("last", [False, True])
def test_coordinates_of_another_system_refuse_the_file(tmp_path: Path, last: bool) -> None:
    system = {"crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::25832"}}}
    features = {"features": [feature({"type": "Point", "coordinates": [485000, 5966000]}, label="a")]}
    collection = {"type": "FeatureCollection"} | (features | system if last else system | features)

    with pytest.raises(UnreadableSource, match=r"EPSG::25832.*ogr2ogr"):
        read("geojson", write(tmp_path, "a.geojson", collection))


# -- datumaro ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "dataset", "kinds"),
    [
        ("voc", "voc", ["bbox", "bbox"]),
        ("kitti", "kitti_detection", ["bbox", "bbox"]),
        ("label_me", "label_me", ["bbox", "bbox", "polygon"]),
        ("cvat", "cvat", ["bbox", "bbox", "polygon", "point", "line", "mask"]),
    ],
)
def test_data_sets_are_read_through_datumaro(tmp_path: Path, name: str, dataset: str, kinds: list[str]) -> None:
    pytest.importorskip("datumaro", reason="the extra datumaro is not installed; make frameworks runs it")
    path = shutil.copytree(GOLDEN / "datumaro" / name, tmp_path / name)
    (path / "images").mkdir(exist_ok=True)
    shutil.copy(HARBOUR, path / "images/000184.png")  # CVAT's are not read without their images

    messages, bad = read("datumaro", path, dataset=dataset)

    assert bad == []
    assert messages[0]["dataRow"] == {"globalKey": "000184"}
    assert [next(kind for kind in kinds if kind in each) for each in only(messages)] == kinds
    assert only(messages)[0]["bbox"] == {"top": 281, "left": 190, "height": 211, "width": 421}


def test_a_score_that_the_library_has_as_text_is_a_number() -> None:
    """Attributes in Pascal VOC's XML are texts; the objects here have the attributes that the reader uses."""
    box, words = (SimpleNamespace(attributes={"score": value}) for value in ("0.5", "high"))

    assert datumaro_dataset._score(box) == 0.5
    assert datumaro_dataset._score(words) == "high"  # which is named as a bad record


def test_the_box_around_an_outline_is_left_out() -> None:
    """The library has an object of COCO as a box and an outline, which have an id and a group in common."""

    def found(kind: str, group: int) -> Any:
        return SimpleNamespace(type=SimpleNamespace(name=kind), id=group, group=group, label=0)

    alone, outline, around, ungrouped, label = (
        found("bbox", 1), found("polygon", 2), found("bbox", 2), found("bbox", 0), found("label", 0)
    )  # fmt: skip

    assert datumaro_dataset._objects([alone, outline, around, ungrouped, label]) == [alone, outline, ungrouped]


def test_what_datumaro_cannot_read_is_named(tmp_path: Path) -> None:
    pytest.importorskip("datumaro", reason="the extra datumaro is not installed; make frameworks runs it")
    path = shutil.copytree(GOLDEN / "datumaro/voc", tmp_path / "voc")
    annotations = path / "Annotations/000184.xml"
    text = annotations.read_text()
    annotations.write_text(text.replace("<xmin>190", "<xmin>left", 1))
    messages, (bad,) = read("datumaro", path, dataset="voc")
    assert (bad.where, [each["name"] for each in only(messages)]) == ("voc, item val/000184", ["bollard"])

    annotations.write_text('<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>' + text)
    messages, (bad,) = read("datumaro", path, dataset="voc")
    assert (messages, "EntitiesForbidden" in bad.problem) == ([], True)

    with pytest.raises(UnreadableSource, match="Failed to find dataset"):
        read("datumaro", tmp_path / "nothing", dataset="voc")


@pytest.mark.parametrize("dataset", [None, "cifar"])
def test_only_data_sets_that_run_nothing_are_read(tmp_path: Path, dataset: str | None) -> None:
    with pytest.raises(UnreadableSource, match=r"--dataset: expected one of .*label_me"):
        read("datumaro", tmp_path, dataset=dataset)


# -- all ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["yolo", "roboflow", "label-studio", "huggingface-vision", "geojson"])
def test_an_empty_folder_is_refused(tmp_path: Path, form: str) -> None:
    write(tmp_path, "classes.txt", "a\n")
    with pytest.raises(UnreadableSource, match="expected files"):
        read(form, tmp_path)
