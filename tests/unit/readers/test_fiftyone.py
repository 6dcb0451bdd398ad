"""Labels of FiftyOne → messages.

Where FiftyOne is installed, its own samples and labels are used; elsewhere, and in CI, objects of its documented form.
"""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from prelabel.fiftyone import read_samples
from prelabel.mapping import PredictionMapping
from prelabel.readers import BadRecord, ReaderOptions, Record, UnreadableSource
from prelabel.validation.gate import prepare
from tests.support.reading import mask_area, message_of

HARBOUR = Path(__file__).parents[3] / "examples/assets/harbour.png"
_NOTHING = {"confidence": None, "mask": None, "mask_path": None, "closed": False, "filled": False}
try:
    import fiftyone
except ImportError:
    fiftyone = None


def label(kind: str, **fields: Any) -> Any:
    """Return a label of FiftyOne, or an object with the name and attributes of one."""
    if fiftyone is not None:
        return getattr(fiftyone, kind)(**fields)
    return type(kind, (SimpleNamespace,), {})(**_NOTHING | fields)


class Sample(dict[str, Any]):
    """A sample: fields by name, and some as attributes."""

    filepath, metadata, id = "/data/cam-1/184.jpg", SimpleNamespace(width=100, height=50), "65f0"


def sample(labels: Any) -> Any:
    if fiftyone is None:
        return Sample(found=labels)
    made = fiftyone.Sample(filepath=Sample.filepath, metadata=fiftyone.ImageMetadata(width=100, height=50))
    made["found"] = labels
    return made


def read(*labels: Any, options: ReaderOptions | None = None, **more: Any) -> tuple[list[Any], list[BadRecord]]:
    samples = [sample(each) for each in labels]
    records = list(read_samples(samples, "found", options or ReaderOptions("p"), **more))
    messages = [message_of(record) for record in records if isinstance(record, Record)]
    for message in messages:
        prepare(message)
    annotations = [annotation for message in messages for annotation in message["annotations"]]
    return annotations, [record for record in records if isinstance(record, BadRecord)]


def test_detections_become_boxes_of_their_image() -> None:
    boxes = [
        label("Detection", label="vessel", bounding_box=[0.1, 0.2, 0.3, 0.4], confidence=0.5),
        label("Detection", label="gull", bounding_box=[0.1, 0.2, 0.3, 0.4], confidence=0.1),
    ]
    options = ReaderOptions("p", mapping=PredictionMapping(confidence=0.3))

    assert read(label("Detections", detections=boxes), options=options) == (
        [{"name": "vessel", "confidence": 0.5, "bbox": {"top": 10, "left": 10, "height": 20, "width": 30}}],
        [],
    )


def test_the_mask_of_a_detection_is_put_where_its_box_is() -> None:
    mask = np.array([[True, False], [True, True]])
    film = label("Detection", label="film", bounding_box=[0.1, 0.2, 0.2, 0.4], mask=mask)

    (annotation,), bad = read(label("Detections", detections=[film]))

    assert bad == []
    assert mask_area(annotation) == 3 * 10 * 10


def test_polylines_become_polygons_or_lines() -> None:
    shape = [(0.0, 0.8), (1.0, 0.7), (1.0, 0.9)]
    closed = label("Polyline", label="quay", points=[shape], closed=True, filled=True)
    opened = label("Polyline", label="rope", points=[shape[:2]], closed=False, filled=False)

    quay, rope = read(label("Polylines", polylines=[closed, opened]))[0]

    assert quay == {"name": "quay", "polygon": [{"x": 0, "y": 40}, {"x": 100, "y": 35}, {"x": 100, "y": 45}]}
    assert rope == {"name": "rope", "line": [{"x": 0, "y": 40}, {"x": 100, "y": 35}]}


def test_keypoints_that_are_there_become_points() -> None:
    person = label("Keypoint", label="vessel", points=[(0.5, 0.5), (float("nan"), 0.1)], confidence=[0.5, 0.6])
    keypoints = label("Keypoints", keypoints=[person])

    expected = {"name": "bow", "confidence": 0.5, "point": {"x": 50, "y": 25}}
    assert read(keypoints, keypoint_names=["bow", "stern"])[0] == [expected]
    assert read(keypoints)[0] == [expected | {"name": "vessel"}]


def test_classes_of_an_image_answer_the_question_of_the_fields_name() -> None:
    fog = label("Classification", label="fog", confidence=0.5)

    assert read(fog)[0] == [{"name": "found", "answer": {"name": "fog", "confidence": 0.5}}]
    several = read(label("Classifications", classifications=[fog]), options=ReaderOptions("p", question="weather"))[0]
    assert several == [{"name": "weather", "answer": [{"name": "fog", "confidence": 0.5}]}]


def test_a_segmentation_becomes_a_mask_for_each_value_with_a_name() -> None:
    segmentation = label("Segmentation", mask=np.array([[0, 7], [8, 8]], np.uint8))

    masks, bad = read(segmentation, mask_targets={7: "film", 8: "quay", 9: "sky"})

    assert ([each["name"] for each in masks], bad) == (["film", "quay"], [])
    assert "give the names of the values" in read(segmentation)[1][0].problem


def test_a_label_that_cannot_be_read_is_named_and_the_others_are_read() -> None:
    good = label("Detection", label="a", bounding_box=[0.1, 0.2, 0.3, 0.4])
    pixels = label("Detection", label="b", bounding_box=[10, 20, 30, 40])

    annotations, (bad,) = read(label("Detections", detections=[good, pixels]))

    assert len(annotations) == 1
    assert bad.where == "sample /data/cam-1/184.jpg, found[1]"
    assert (bad.key, bad.path, bad.found) == ("184.jpg", "bounding_box", "10.0")
    assert "found: expected Detection" in read(label("Heatmap", map=np.zeros((2, 2))))[1][0].problem


def test_without_metadata_the_size_is_read_from_the_file() -> None:
    box = label("Detections", detections=[label("Detection", label="a", bounding_box=[0, 0, 0.5, 0.5])])
    stored, gone = sample(box), sample(box)
    stored.filepath, gone.filepath = str(HARBOUR), "/nowhere/1.jpg"
    stored.metadata = gone.metadata = None

    record, bad = sorted(
        read_samples([stored, gone], "found", ReaderOptions("p")), key=lambda each: type(each).__name__
    )[::-1]

    assert isinstance(record, Record)
    assert isinstance(bad, BadRecord)
    assert message_of(record)["annotations"][0]["bbox"]["width"] == 640
    assert "No such file" in bad.problem


def test_two_samples_with_one_file_name_are_not_joined() -> None:
    fog = label("Classification", label="fog")
    other = sample(fog)
    other.filepath = "/data/cam-2/184.jpg"

    with pytest.raises(UnreadableSource, match=r"global key '184\.jpg' is that of sample"):
        list(read_samples([sample(fog), other], "found", ReaderOptions("p")))


@pytest.mark.skipif(fiftyone is not None, reason="FiftyOne was imported by this test")
def test_the_library_is_not_imported() -> None:
    assert "fiftyone" not in sys.modules
