"""Confidences that are outside 0 to 1 by the rounding of 32-bit floats."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prelabel import BoundingBox, MessageError
from prelabel.annotations.confidence import ROUNDING, rounded
from prelabel.builders import box_from_corners
from prelabel.mapping import Target, read_mapping
from prelabel.readers import FORMATS, BadRecord, PredictionMapping, ReaderOptions
from prelabel.validation.gate import prepare, read_message

JUST_ABOVE = 1.0000001192092896
"""The 32-bit float after 1."""
JUST_BELOW = -5.96e-08
BOX = {"name": "box", "bbox": {"top": 1, "left": 2, "height": 3, "width": 4}}
RADIO = {"name": "state", "answer": {"name": "on"}}
CONFIDENT: list[tuple[dict[str, Any], tuple[str | int, ...]]] = [
    (BOX, ()),
    (RADIO, ()),
    (RADIO, ("answer",)),
    (BOX | {"classifications": [RADIO]}, ("classifications", 0)),
    (BOX | {"classifications": [RADIO]}, ("classifications", 0, "answer")),
    ({"name": "flags", "answer": [{"name": "a"}]}, ("answer", 0)),
    ({"name": "track", "segments": [{"keyframes": [{"frame": 1, "point": {"x": 1, "y": 2}}]}]},
     ("segments", 0, "keyframes", 0)),
    ({"name": "who", "answer": [{"name": "a", "frames": [{"start": 1, "end": 2}]}]}, ("answer", 0)),
]  # fmt: skip


def message(annotation: dict[str, Any], place: tuple[str | int, ...], value: float) -> dict[str, Any]:
    copy: dict[str, Any] = orjson.loads(orjson.dumps(annotation))
    at: Any = copy
    for step in place:
        at = at[step]
    at["confidence"] = value
    return {"projectId": "p", "dataRow": {"globalKey": "k"}, "annotations": [copy]}


def confidences(value: Any) -> list[float]:
    if isinstance(value, list):
        return [found for item in value for found in confidences(item)]
    if not isinstance(value, dict):
        return []
    own = [value["confidence"]] if "confidence" in value else []
    return own + [found for item in value.values() for found in confidences(item)]


@pytest.mark.parametrize(("annotation", "place"), CONFIDENT)
@pytest.mark.parametrize(("value", "sent"), [(JUST_ABOVE, 1.0), (JUST_BELOW, 0.0), (1 + ROUNDING, 1.0), (0.5, 0.5)])
@pytest.mark.parametrize("message_id", [None, "m"])
def test_a_confidence_outside_by_rounding_is_sent_as_0_or_1(
    annotation: dict[str, Any], place: tuple[str | int, ...], value: float, sent: float, message_id: str | None
) -> None:
    written = message(annotation, place, value) | ({"messageId": message_id} if message_id else {})

    assert confidences(orjson.loads(prepare(written).raw)) == [sent]


@pytest.mark.parametrize(("annotation", "place"), CONFIDENT)
@pytest.mark.parametrize("value", [1.000001, 1.01, -1e-6, 2])
def test_a_confidence_that_is_further_outside_is_refused_with_all_its_digits(
    annotation: dict[str, Any], place: tuple[str | int, ...], value: float
) -> None:
    with pytest.raises(MessageError) as refused:
        read_message(orjson.dumps(message(annotation, place, value)))

    assert refused.value.path.endswith("confidence")
    assert float(refused.value.found) == value


@given(st.floats())
def test_what_is_rounded_is_within_0_to_1_and_nothing_else_changes(value: float) -> None:
    if -ROUNDING <= value <= 1 + ROUNDING:
        assert 0 <= rounded(value) <= 1
    else:
        assert rounded(value) is value


def test_builders_and_models_round_too() -> None:
    assert BoundingBox("a", left=1, top=2, width=3, height=4, confidence=JUST_ABOVE).confidence == 1
    assert box_from_corners("a", (1, 2, 3, 4), confidence=JUST_BELOW).confidence == 0


def test_an_error_beside_a_rounded_confidence_is_still_reported() -> None:
    wrong = message(BOX, (), JUST_ABOVE)
    wrong["annotations"].append(BOX | {"confidence": 1.5})

    with pytest.raises(MessageError, match=r"annotations\[1\].confidence: expected a number of at most 1, found 1.5"):
        prepare(wrong)


def read(tmp_path: Path, form: str, text: str, **options: Any) -> list[dict[str, Any]]:
    path = tmp_path / "file"
    path.write_text(text)
    records = list(FORMATS[form].read(path, ReaderOptions("p", **options)))
    assert not [record for record in records if isinstance(record, BadRecord)]
    return [orjson.loads(orjson.dumps(record.message)) for record in records]  # type: ignore[union-attr]


@pytest.mark.parametrize(("score", "sent"), [(repr(JUST_ABOVE), 1.0), (repr(JUST_BELOW), 0.0)])
def test_readers_keep_a_prediction_whose_score_is_outside_by_rounding(tmp_path: Path, score: str, sent: float) -> None:
    result = f'[{{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": {score}}}]'
    categories = tmp_path / "categories.json"
    categories.write_text('[{"id": 1, "name": "person"}]')

    coco = read(tmp_path, "coco-results", result, categories=categories)
    mot = read(tmp_path, "mot", f"1,1,10,10,5,5,{score}\n")
    rttm = read(tmp_path, "rttm", f"SPEAKER a 1 0.0 1.0 <NA> <NA> ann {score} <NA>\n",
                mapping=PredictionMapping({"ann": Target(confidence=sent)}))  # fmt: skip

    assert confidences(coco) == confidences(mot) == [sent]
    assert rttm[0]["annotations"][0]["answer"][0]["name"] == "ann"


def test_a_mapping_rounds_its_minimum_confidence(tmp_path: Path) -> None:
    path = tmp_path / "mapping.toml"
    path.write_text(f"confidence = {JUST_ABOVE!r}")

    assert read_mapping(path).confidence == 1
