"""Real outputs of models and trackers, nobody's of this project, read whole; counts and pixels compared."""

import base64
import json
from typing import Any

import pytest

from prelabel.annotations.png import read_png
from prelabel.readers.coco_keypoints import PERSON
from tests.support.reading import built, classification, read, real, tool


def names() -> list[str]:
    return [each["name"] for each in json.loads(real("coco-panoptic/categories.json").read_text())]


def annotations(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for message in messages for each in message["annotations"]]


def area(annotation: dict[str, Any]) -> int:
    rows = read_png(base64.b64decode(annotation["mask"]["png"])).rows
    assert rows is not None
    return sum(map(sum, rows))


def test_detections() -> None:
    path = real("coco/instances_val2014_fakebbox100_results.json")
    messages, bad = read("coco-results", path, categories=real("coco-panoptic/categories.json"))

    assert (len(messages), len(annotations(messages)), bad) == (99, 734, [])
    assert len(built(messages, "IMAGE", tools=tool("rectangle", *names()))) == 734


def test_compressed_run_lengths() -> None:
    path = real("coco/instances_val2014_fakesegm100_results.json")
    messages, bad = read("coco-segmentation", path, categories=real("coco-panoptic/categories.json"))

    assert (len(messages), len(annotations(messages)), bad) == (99, 734, [])
    lines = built(messages[:5], "IMAGE", tools=tool("raster-segmentation", *names()))
    assert len(lines) == len(annotations(messages[:5]))
    sizes = {each["image_id"]: each["segmentation"]["size"] for each in json.loads(path.read_text())}
    for message in messages:
        png = read_png(base64.b64decode(message["annotations"][0]["mask"]["png"]))
        assert [png.height, png.width] == sizes[int(message["dataRow"]["globalKey"])]


def test_keypoints() -> None:
    path = real("coco/person_keypoints_val2014_fakekeypoints100_results.json")
    messages, bad = read("coco-keypoints", path, categories=real("coco-panoptic/categories.json"))

    visible = sum(v > 0 for each in json.loads(path.read_text()) for v in each["keypoints"][2::3])
    assert (len(messages), len(annotations(messages)), bad) == (47, visible, [])
    assert len(built(messages, "IMAGE", tools=tool("point", *PERSON))) == visible


def test_captions() -> None:
    messages, bad = read("coco-captions", real("coco/captions_val2014_fakecap_results.json"))

    assert (len(messages), len(annotations(messages)), bad) == (1000, 1000, [])
    lines = built(messages, "IMAGE", classifications=[classification("text", "caption")])
    assert lines[0]["answer"] == "Man riding a motor bike on a dirt road on the countryside."


@pytest.mark.parametrize("form", ["png", "run lengths"])
def test_panoptic_segments_have_the_pixels_that_the_file_counts(form: str) -> None:
    panoptic = real("coco-panoptic/panoptic_examples.json")
    if form == "png":
        messages, bad = read("coco-panoptic", panoptic, masks=real("coco-panoptic/masks"), global_key="{file_name}")
    else:
        path = real("coco-panoptic/panoptic_coco_detection_format.json")
        messages, bad = read("coco-segmentation", path, global_key="{file_name}")

    assert bad == []
    expected = [s["area"] for each in json.loads(panoptic.read_text())["annotations"] for s in each["segments_info"]]
    assert [area(each) for each in annotations(messages)] == expected
    assert [each["dataRow"]["globalKey"] for each in messages] == ["000000142238.jpg", "000000439180.jpg"]
    assert len(built(messages, "IMAGE", tools=tool("raster-segmentation", *names()))) == 50


@pytest.mark.parametrize(
    ("name", "tracks", "boxes", "last"), [("TUD-Campus", 13, 222, 71), ("TUD-Stadtmitte", 12, 749, 179)]
)
def test_tracks(name: str, tracks: int, boxes: int, last: int) -> None:
    messages, bad = read("mot", real(f"mot/{name}.test.txt"), global_key="{file}.mp4")

    assert bad == []
    (message,) = messages
    assert message["dataRow"] == {"globalKey": f"{name}.test.mp4"}
    lines = built(messages, "VIDEO", tools=tool("rectangle", "object"))
    frames = [k["frame"] for line in lines for segment in line["segments"] for k in segment["keyframes"]]
    assert (len(lines), len(frames), min(frames), max(frames)) == (tracks, boxes, 1, last)


def test_turns_of_speakers() -> None:
    messages, bad = read("rttm", real("rttm/mixture.rttm"))

    assert bad == []
    speakers = ("FEE016", "FEE013", "MEO015", "MEE014")
    (line,) = built(messages, "AUDIO", classifications=[classification("checklist", "speaker", *speakers)])
    assert {option["name"] for option in line["answer"]} == set(speakers)
    assert sum(len(option["frames"]) for option in line["answer"]) == 17
    assert line["answer"][0]["frames"][0] == {"start": 0, "end": 5289}
