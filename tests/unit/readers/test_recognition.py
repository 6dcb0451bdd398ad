"""A file of another format is recognised by its beginning, and the option that reads it is named."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from prelabel.readers import FORMATS
from prelabel.readers.recognition import Likeness, recognise
from prelabel.text_input import open_text
from tests.support.reading import write

RESULT = {"image_id": 1, "category_id": 2, "score": 0.5}
BOX = RESULT | {"bbox": [1, 2, 3, 4]}
SPEAKER = "SPEAKER rec 1 0.5 1.0 <NA> <NA> pilot <NA> <NA>\n"
FOUND = {"x": 1, "y": 2, "width": 3, "height": 4, "class": "a"}
MESSAGE = {"projectId": "p", "dataRow": {"globalKey": "a"}, "annotations": [{"name": "n", "bbox": {}}]}
LINE = {"dataRow": {"globalKey": "a"}, "name": "n", "point": {"x": 1, "y": 2}}


def likeness(folder: Path, content: Any) -> Likeness | None:
    path = write(folder, "predictions", content)
    with open_text(path) as stream:
        recognised = recognise(stream, path)
        assert stream.tell() == 0
    return recognised


@pytest.mark.parametrize(
    ("content", "formats"),
    [
        ([BOX], ["coco-results"]),
        ([BOX | {"segmentation": []}], ["coco-results"]),
        ([BOX | {"segmentation": {"size": [1, 1], "counts": [1]}}], ["coco-segmentation", "coco-results"]),
        ([RESULT | {"segmentation": [[1, 2, 3]]}], ["coco-segmentation"]),
        ([RESULT | {"keypoints": [1, 2, 2] * 17}], ["coco-keypoints"]),
        ([{"image_id": 1, "caption": "a quay"}], ["coco-captions"]),
        ([{"image_id": 1, "file_name": "1.png", "segments_info": [{"id": 3, "category_id": 1}]}], ["coco-panoptic"]),
        (
            {"info": {}, "images": [{"id": 1}], "categories": [{"id": 2}], "annotations": [BOX]},
            ["coco-results"],
        ),
        ({"images": [{"id": at} for at in range(20_000)], "categories": [], "annotations": [BOX]}, ["coco-results"]),
        (json.dumps([BOX], indent=2), ["coco-results"]),
        (";; a comment\n\n" + SPEAKER, ["rttm"]),
        ("SPKR-INFO rec 1 <NA> <NA> <NA> unknown pilot <NA> <NA>\n" + SPEAKER, ["rttm"]),
        ("1,3,794.27,247.59,71.245,174.88,-1,-1,-1,-1\n", ["mot"]),
        ("1, 3, 794, 247, 71, 174\r1, 4, 1, 2, 3, 4\r", ["mot"]),
        (json.dumps({"text": "a", "segments": [{"start": 0, "end": 1, "text": "a"}]}), ["whisper"]),
        (json.dumps({"text": "a", "chunks": [{"timestamp": [0, 1], "text": "a"}]}, indent=2), ["whisper"]),
        (json.dumps({"diarization": [{"speaker": "a", "start": 0, "end": 1}]}), ["pyannote"]),
        (json.dumps({"pyannote": "Annotation", "content": [{"segment": {"start": 0, "end": 1}}]}), ["pyannote"]),
        (json.dumps({"text": "a", "ents": [{"start": 0}], "tokens": [{"id": 0}]}) + "\n", ["spacy"]),
        ((json.dumps({"text": "a", "cats": {"x": 1}, "tokens": [{"id": 0}]}) + "\n") * 2, ["spacy"]),
        ([{"entity_group": "a", "score": 1, "word": "a", "start": 0, "end": 1}], ["huggingface-tokens"]),
        ([{"label": "a", "score": 0.5}], ["huggingface-labels", "huggingface-vision"]),
        ("-DOCSTART- -X- O O\n\nLisbeth NNP B-NP B-SHIP\n", ["conll"]),
        ("# sent_id = 1\n1\tLisbeth\n", ["conll"]),
        ("The O\nLisbeth B-SHIP\nleft O\n", ["conll"]),
        ("T1\tSHIP 0 7\tLisbeth\n", ["brat"]),
        ("<?xml version='1.0'?><html><div class='ocr_page' title='bbox 0 0 9 9'/></html>", ["hocr"]),
        ("<alto:alto xmlns:alto='x'/>", ["alto"]),
        ({"pages": [{"page_idx": 0, "dimensions": [1, 1], "blocks": [{"geometry": [[0, 0], [1, 1]]}]}]}, ["doctr"]),
        ({"rec_texts": ["a"], "rec_scores": [1], "rec_polys": [[[0, 0], [1, 1]]]}, ["paddleocr"]),
        ([[[[1, 2], [3, 2], [3, 4], [1, 4]], "a", 0.9]], ["paddleocr"]),
        ([{"box": [[1, 2], [3, 2], [3, 4], [1, 4]], "txt": "a", "score": 0.9}], ["paddleocr"]),
        ("image,label,score,xmin,ymin,xmax,ymax\n", ["table"]),
        ("global_key;annotations\n", ["table"]),
        ("0 0.5 0.5 0.2 1\n12 0 1.0 3e-05 0.1 0.93\n", ["yolo"]),
        ({"predictions": [FOUND], "image": {"width": 9, "height": 9}}, ["roboflow"]),
        ({"inference_id": "a", "predictions": [{"class": "a"}], "top": "a", "confidence": 0.5}, ["roboflow"]),
        ([{"id": 1, "data": {}, "predictions": [{"result": [{"from_name": "a", "to_name": "b"}]}]}], ["label-studio"]),
        ([{"label": "a", "box": {"xmin": 1, "ymin": 1, "xmax": 2, "ymax": 2}}], ["huggingface-vision"]),
        ([{"label": "a", "score": None, "mask": "iVBO"}], ["huggingface-vision"]),
        ({"type": "FeatureCollection", "features": [{"type": "Feature"}]}, ["geojson"]),
        (json.dumps(MESSAGE) + "\n", ["messages"]),
        (json.dumps(LINE) + "\n", ["ndjson"]),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_each_format_is_recognised_packed_or_not(
    tmp_path: Path, content: Any, formats: list[str], packed: bool
) -> None:
    text = content if isinstance(content, str) else json.dumps(content)

    recognised = likeness(tmp_path, gzip.compress(text.encode(), mtime=0) if packed else text)

    assert recognised is not None
    assert list(recognised.formats) == formats
    assert f"this looks like {formats[0]}: give --format {formats[0]}" in recognised.text


def test_every_format_of_the_table_can_be_recognised() -> None:
    cases = test_each_format_is_recognised_packed_or_not.pytestmark[1].args[1]

    assert set(FORMATS) - {"datumaro"} <= {formats[0] for _, formats in cases}


def test_a_file_without_categories_is_told_where_they_go(tmp_path: Path) -> None:
    alone = likeness(tmp_path, [BOX])
    with_names = likeness(tmp_path, {"categories": [{"id": 2, "name": "n"}], "annotations": [BOX]})

    assert alone is not None
    assert alone.text.endswith("give --format coco-results, with --categories FILE")
    assert with_names is not None
    assert with_names.text.endswith("give --format coco-results")


def test_a_file_of_coco_whose_results_are_out_of_sight_is_named_as_such(tmp_path: Path) -> None:
    path = write(tmp_path, "predictions", {"categories": [{"id": 1}], "images": [{"id": 1}], "annotations": []})

    with open_text(path) as stream:
        recognised = recognise(stream)

    assert recognised is not None
    assert "this looks like a file of COCO: give --format coco-results" in recognised.text


@pytest.mark.parametrize(
    ("content", "advice"),
    [
        (json.dumps([MESSAGE]), "jq -c '.[]'"),
        (json.dumps([LINE], indent=1), "jq -c '.[]'"),
        (json.dumps(MESSAGE, indent=2), "jq -c ."),
    ],
)
def test_messages_that_are_not_one_a_line_are_named_with_what_makes_them_so(
    tmp_path: Path, content: str, advice: str
) -> None:
    recognised = likeness(tmp_path, content)

    assert recognised is not None
    assert recognised.formats == ()
    assert advice in recognised.text


@pytest.mark.parametrize(
    "content", ["", "\n", "{", "[", "[1, 2]\n", "{}\n", "1,2,3\n", "a,b,c,d,e,f\n", "SPEAKER\n", "null"]
)
def test_a_file_that_looks_like_nothing_is_left_to_the_reader(tmp_path: Path, content: str) -> None:
    assert likeness(tmp_path, content) is None


@pytest.mark.parametrize(
    "first", ["[1, 2]", "{", "{not json}", "", "1,2", '{"images": [1]}', '[{"image_id": 1, "bbox": [1]}]']
)
def test_a_bad_first_line_hides_no_messages_behind_it(tmp_path: Path, first: str) -> None:
    recognised = likeness(tmp_path, f"{first}\n{json.dumps(MESSAGE)}\n")

    assert recognised is None or recognised.formats in ((), ("messages",))
    if first != "{":
        assert recognised is None or recognised.formats == ("messages",)
