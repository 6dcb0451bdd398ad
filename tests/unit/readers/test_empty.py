"""Data rows of which nothing is left, or nothing was found: each format publishes or leaves them out as asked."""

from pathlib import Path
from typing import Any

import pytest

from prelabel.mapping import PredictionMapping
from prelabel.readers import FORMATS
from tests.support.reading import CATEGORIES, read, write

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "examples/formats"
VISION = ROOT / "tests/golden/vision"
NOTHING_LEFT = "data rows without predictions"
Options = dict[str, Any]
#: A file of each format, how it is read, and how many data rows it is about.
FILES: dict[str, tuple[Path, Options, int]] = {
    "yolo": (VISION / "yolo/pose", {"images": VISION / "yolo/images.csv"}, 1),
    "roboflow": (VISION / "roboflow", {}, 3),
    "label-studio": (EXAMPLES / "harbour-label-studio.json", {}, 1),
    "huggingface-vision": (EXAMPLES / "harbour-detection.json", {}, 1),
    "geojson": (EXAMPLES / "elbe-mouth.geojson", {}, 1),
    "whisper": (EXAMPLES / "vhf-whisper.json", {}, 1),
    "pyannote": (EXAMPLES / "vhf-pyannote.json", {}, 1),
    "rttm": (EXAMPLES / "vhf.rttm", {}, 1),
    "spacy": (EXAMPLES / "report-spacy.json", {}, 1),
    "conll": (EXAMPLES / "report.bio", {"texts": EXAMPLES / "report.txt"}, 1),
    "brat": (EXAMPLES / "report.ann", {"texts": EXAMPLES / "report.txt"}, 1),
    "huggingface-labels": (EXAMPLES / "report-class.json", {}, 1),
    "huggingface-tokens": (EXAMPLES / "report-entities.json", {}, 1),
    "hocr": (EXAMPLES / "page.hocr", {}, 1),
    "alto": (EXAMPLES / "page-alto.xml", {}, 1),
    "doctr": (EXAMPLES / "page-doctr.json", {}, 1),
    "paddleocr": (EXAMPLES / "page-rapidocr.json", {}, 1),
    "table": (EXAMPLES / "vessels.csv", {}, 2),
}
BOX = {"image_id": 1, "category_id": 1, "bbox": [1, 2, 30, 40], "score": 0.2}
RUN = {"size": [2, 2], "counts": [0, 4]}
#: A result of each format of COCO.
COCO: dict[str, Options] = {
    "coco-results": BOX,
    "coco-keypoints": BOX | {"keypoints": [10, 20, 2] * 17},
    "coco-segmentation": BOX | {"segmentation": RUN},
    "coco-captions": {"image_id": 1, "caption": "a quay", "score": 0.2},
    "coco-panoptic": {
        "image_id": 1,
        "file_name": "a.png",
        "segments_info": [{"id": 7, "category_id": 1, "score": 0.2}],
    },
}


def dropping(*, publish_empty: bool) -> PredictionMapping:
    """Return a mapping that leaves out every prediction."""
    return PredictionMapping(unmapped="drop", publish_empty=publish_empty)


def without_annotations(messages: list[dict[str, Any]]) -> list[str]:
    """Return the keys of the data rows, after asserting that none has annotations."""
    assert all(message["annotations"] == [] for message in messages)
    return [message["dataRow"]["globalKey"] for message in messages]


def test_every_format_is_looked_at() -> None:
    assert {*FILES, *COCO, "mot", "datumaro"} == set(FORMATS)


@pytest.mark.parametrize("form", FILES)
def test_data_rows_of_which_nothing_is_left_are_published_or_left_out_as_asked(form: str) -> None:
    path, options, rows = FILES[form]
    mapping = dropping(publish_empty=False)

    published, bad = read(form, path, mapping=dropping(publish_empty=True), **options)
    left_out, _ = read(form, path, mapping=mapping, **options)

    assert (len(without_annotations(published)), bad) == (rows, [])
    assert (left_out, mapping.left_out[NOTHING_LEFT]) == ([], rows)


def coco(folder: Path, form: str, *results: Any, images: Any = None) -> tuple[Path, Options]:
    """Return a file of results, an object that has `images` if there are any, and how it is read."""
    content: Any = {"annotations": list(results), "categories": CATEGORIES}
    options: Options = {"mask_url": "https://masks/{file_name}"} if form == "coco-panoptic" else {}
    return write(folder, "results.json", content | ({} if images is None else {"images": images})), options


@pytest.mark.parametrize("form", COCO)
def test_an_image_of_coco_of_which_nothing_is_left_is_published_or_left_out_as_asked(form: str, tmp_path: Path) -> None:
    path, options = coco(tmp_path, form, COCO[form])
    mapping = dropping(publish_empty=False)

    published, bad = read(form, path, mapping=dropping(publish_empty=True), **options)
    left_out, _ = read(form, path, mapping=mapping, **options)

    assert (without_annotations(published), bad) == (["1"], [])
    assert (left_out, mapping.left_out[NOTHING_LEFT]) == ([], 1)


@pytest.mark.parametrize("form", COCO)
def test_an_image_that_the_file_of_coco_lists_needs_no_result(form: str, tmp_path: Path) -> None:
    path, options = coco(tmp_path, form, COCO[form], images=[{"id": 1}, {"id": 2}])
    mapping = PredictionMapping(publish_empty=False)

    published, bad = read(form, path, **options)
    left_out, _ = read(form, path, mapping=mapping, **options)

    assert [(each["dataRow"]["globalKey"], bool(each["annotations"])) for each in published] == [
        ("1", True),
        ("2", False),
    ]
    assert bad == []
    assert (len(left_out), mapping.left_out[NOTHING_LEFT]) == (1, 1)


def test_images_of_a_file_beside_the_results_may_not_have_been_looked_at(tmp_path: Path) -> None:
    images = write(tmp_path, "images.json", [{"id": 1}, {"id": 2}])
    results = write(tmp_path, "results.json", [BOX])
    categories = write(tmp_path, "categories.json", CATEGORIES)

    messages, _ = read("coco-results", results, images=images, categories=categories)

    assert [message["dataRow"]["globalKey"] for message in messages] == ["1"]


def test_the_images_of_the_file_itself_count_where_others_are_named(tmp_path: Path) -> None:
    path, _ = coco(tmp_path, "coco-results", images=[{"id": 3}])
    images = write(tmp_path, "images.json", [{"id": 1}, {"id": 2}])

    messages, _ = read("coco-results", path, images=images)

    assert without_annotations(messages) == ["3"]


def test_a_listed_image_without_the_name_that_its_key_needs_is_a_bad_record(tmp_path: Path) -> None:
    path, _ = coco(tmp_path, "coco-results", images=[{"id": 1, "file_name": "a.jpg"}, {"id": 2}])

    messages, bad = read("coco-results", path, global_key="{file_name}")

    assert without_annotations(messages) == ["a.jpg"]
    assert [(each.where, "file_name" in each.problem) for each in bad] == [("results.json, images, image 2", True)]


@pytest.mark.parametrize(
    ("wrong", "keys"),
    [
        ({**BOX, "bbox": [1, 2]}, ["2"]),  # what is wrong is about image 1
        ({**BOX, "image_id": None}, []),  # it may be about any image
    ],
)
def test_an_image_with_a_bad_result_is_not_said_to_be_empty(tmp_path: Path, wrong: Options, keys: list[str]) -> None:
    path, _ = coco(tmp_path, "coco-results", wrong, images=[{"id": 1}, {"id": 2}])

    messages, bad = read("coco-results", path)

    assert (without_annotations(messages), len(bad)) == (keys, 1)


def test_a_bad_result_does_not_hide_that_another_was_filtered(tmp_path: Path) -> None:
    path, _ = coco(tmp_path, "coco-results", BOX, {**BOX, "bbox": [1, 2]})

    messages, bad = read("coco-results", path, mapping=PredictionMapping(confidence=0.5))

    assert (messages, len(bad)) == ([], 1)


LINE = "1,1,10,20,30,40,0.2,-1,-1,-1\n"


@pytest.mark.parametrize("content", [LINE, ""])
def test_a_video_of_which_no_track_is_left_is_published_or_left_out_as_asked(tmp_path: Path, content: str) -> None:
    path, mapping = write(tmp_path, "quay.txt", content), dropping(publish_empty=False)

    published, bad = read("mot", path, mapping=dropping(publish_empty=True))
    left_out, _ = read("mot", path, mapping=mapping)

    assert (without_annotations(published), bad) == (["quay"], [])
    assert (left_out, mapping.left_out[NOTHING_LEFT]) == ([], 1)


def test_a_video_whose_lines_are_bad_is_not_said_to_be_empty(tmp_path: Path) -> None:
    messages, bad = read("mot", write(tmp_path, "quay.txt", "1,1,10,20,x,40,0.2,-1,-1,-1\n"))

    assert (messages, len(bad)) == ([], 1)


def test_a_collection_without_features_is_a_file_in_which_nothing_was_found(tmp_path: Path) -> None:
    path = write(tmp_path, "tile-7.geojson", {"type": "FeatureCollection", "features": []})

    assert without_annotations(read("geojson", path)[0]) == ["tile-7"]
    assert read("geojson", path, global_key="{tile}") == ([], [])


def test_a_table_whose_row_is_bad_does_not_say_that_its_data_row_is_empty(tmp_path: Path) -> None:
    path = write(
        tmp_path, "boxes.csv", "key,class,score,left,top,width,height\na,vessel,0.1,1,2,3,4\na,vessel,0.9,1,2,0,4\n"
    )

    messages, bad = read("table", path, mapping=PredictionMapping(confidence=0.5))

    assert (messages, len(bad)) == ([], 1)
