"""Whatever stands in a file: a message that the gate takes, a bad record or a refusal, and never another error."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prelabel.readers import UnreadableSource
from prelabel.text_input import UnreadableInput
from tests.support.reading import CATEGORIES, read

NUMBERS = st.integers(-3, 40) | st.floats(allow_nan=False, allow_infinity=False) | st.integers()
ODD: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
SIZES = st.lists(st.integers(0, 9), min_size=2, max_size=2)
RUNS = st.lists(st.integers(-1, 9), max_size=6) | st.text("0123456789OPVo\u00ff", max_size=8)
SEGMENTS = st.fixed_dictionaries({}, optional={"id": st.integers(-1, 300) | ODD, "category_id": st.just(1) | ODD})
RESULTS = st.fixed_dictionaries(
    {"image_id": st.integers(0, 3) | ODD, "category_id": st.sampled_from([1, 18]) | ODD},
    optional={
        "bbox": st.lists(NUMBERS, min_size=3, max_size=4) | ODD,
        "segmentation": st.fixed_dictionaries({}, optional={"size": SIZES | ODD, "counts": RUNS | ODD})
        | st.lists(st.lists(NUMBERS, max_size=8), max_size=3)
        | ODD,
        "keypoints": st.lists(NUMBERS, min_size=51, max_size=51) | ODD,
        "caption": st.text() | ODD,
        "file_name": st.text(max_size=8) | ODD,
        "segments_info": st.lists(SEGMENTS | ODD, max_size=3) | ODD,
        "score": st.floats(0, 1) | ODD,
    },
)
FORMS = ["coco-results", "coco-segmentation", "coco-keypoints", "coco-captions", "coco-panoptic"]


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(RESULTS | ODD, max_size=5))
def test_every_result_becomes_an_annotation_or_a_bad_record(form: str, results: list[Any]) -> None:
    images = [{"id": at, "width": 6, "height": 5} for at in range(4)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "found.json"
        path.write_text(json.dumps({"annotations": results, "images": images, "categories": CATEGORIES}))
        (Path(folder) / "found").mkdir()
        try:
            _, bad = read(form, path)
        except UnreadableSource:
            return

    assert all(each.where.startswith("found.json[") and each.problem for each in bad)


CELLS = st.integers(-2, 30).map(str) | st.floats().map(str) | st.sampled_from(["", "x", "<NA>", "SPEAKER", ";;", "rec"])


@pytest.mark.slow
@pytest.mark.parametrize(("form", "between"), [("mot", ","), ("rttm", " ")])
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(CELLS, max_size=10), max_size=6))
def test_every_line_becomes_an_annotation_or_a_bad_record(form: str, between: str, lines: list[list[str]]) -> None:
    first = ["SPEAKER", "rec"] if form == "rttm" else []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "found.txt"
        path.write_text("".join(between.join(first + cells) + "\n" for cells in lines))
        try:
            _, bad = read(form, path)
        except UnreadableSource:
            return

    assert all(each.where.startswith("found.txt, line ") and each.problem for each in bad)


SEGMENTS_OF_SPEECH = st.fixed_dictionaries(
    {},
    optional={
        "start": NUMBERS | ODD,
        "end": NUMBERS | ODD,
        "text": st.text(max_size=5) | ODD,
        "avg_logprob": NUMBERS | ODD,
        "speaker": st.text(max_size=3) | ODD,
        "timestamp": st.lists(NUMBERS | st.none(), min_size=2, max_size=2) | ODD,
        "segment": st.fixed_dictionaries({}, optional={"start": NUMBERS, "end": NUMBERS}) | ODD,
        "label": st.text(max_size=3) | ODD,
        "entity_group": st.text(max_size=3) | ODD,
        "entity": st.sampled_from(["B-S", "I-S", "O", "X"]) | ODD,
        "score": st.floats(0, 1) | ODD,
        "geometry": st.lists(st.lists(NUMBERS, min_size=2, max_size=2), max_size=4) | ODD,
        "words": st.lists(ODD, max_size=2),
    },
)
PARTS = st.lists(SEGMENTS_OF_SPEECH | ODD, max_size=3)
KEYS = (
    *("segments", "chunks", "transcription", "diarization", "content", "ents", "output", "pages", "rec_texts"),
    *("rec_scores", "rec_polys", "blocks"),
)
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(KEYS, PARTS | ODD)
    | {
        "text": st.text(max_size=9) | ODD,
        "cats": st.dictionaries(st.text(max_size=3), NUMBERS | ODD, max_size=3) | ODD,
        "spans": st.dictionaries(st.text(max_size=3), PARTS, max_size=2) | ODD,
        "page_index": st.integers(-1, 2) | ODD,
        "pages": st.lists(
            st.fixed_dictionaries(
                {"dimensions": st.just([4, 4]) | ODD, "blocks": st.lists(SEGMENTS_OF_SPEECH, max_size=2) | ODD}
            ),
            max_size=2,
        ),
    },
)
TEXT_FORMS = ["whisper", "pyannote", "spacy", "huggingface-tokens", "huggingface-labels", "doctr", "paddleocr"]


@pytest.mark.slow
@pytest.mark.parametrize("form", TEXT_FORMS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(DOCUMENTS | PARTS | ODD)
def test_every_document_becomes_a_message_or_bad_records(form: str, value: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "found.json"
        path.write_text(json.dumps(value))
        try:
            _, bad = read(form, path)
        except UnreadableSource:
            return

    assert all(each.where.startswith("found.json") and each.problem for each in bad)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["conll", "brat", "table"])
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_every_text_becomes_messages_or_bad_records(form: str, data: st.DataObject) -> None:
    words = {
        "conll": ["a", "B-S", "I-S", "O", "-DOCSTART-", "# newdoc", " ", "\t", "\n", "\n\n", "1", "3"],
        "brat": ["T1\t", "T2\t", "A1\t", "R1\t", "#", "S 0 3", " ", "\t", "\n", ";4 5", "T1", "Arg1:T1", "Arg2:T2"],
        "table": [",", "\n", '"', "a", "1", "3", "key,class,start,end\n", "annotations", "[]", ";"],
    }
    pieces = data.draw(st.lists(st.sampled_from(words[form]) | st.text(max_size=3), max_size=30))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "found.txt"
        path.write_text("".join(pieces), encoding="utf-8", errors="replace")
        try:
            _, bad = read(form, path)
        except (UnreadableSource, UnreadableInput):  # the first letters may look like UTF-16
            return

    assert all(each.where.startswith("found.txt") and each.problem for each in bad)
