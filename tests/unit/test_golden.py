"""The format reference's own examples: every valid line is taken, every invalid one refused where it is wrong."""

import json
from pathlib import Path
from typing import Any

import pytest

from prelabel import MessageError, Reason
from prelabel_worker.ontology import Ontology
from prelabel_worker.rows import BuiltRow, RowBuilder

GOLDEN = Path(__file__).parents[1] / "golden"
VALID = [json.loads(line) for line in (GOLDEN / "valid.ndjson").read_text("utf-8").splitlines()]
INVALID = [json.loads(line) for line in (GOLDEN / "invalid.ndjson").read_text("utf-8").splitlines()]
# These two need the pixels of a PNG, which are not decoded: Labelbox answers them with a failed annotation.
NEEDS_PIXELS = {"MASK-8", "MASK-9"}
# Where the reference says a path that differs from its words, or the wrong key is named instead of the missing one.
PATHS = {
    "ENV-5": "dataRow.externalId",
    "ENV-13": "annotations[0].name",
    "RADIO-4": "annotations[0].answer.name",
    "CHECK-3": "annotations[0].answer[1]",
    "CHECK-5": "annotations[0].answer[0].name",
    "NEST-2": "annotations[0].classifications[0].name",
    "NEST-4": "annotations[0].classifications[1]",
    "BBOX-1": "annotations[0].bbox.width",
    "BBOX-2": "annotations[0].bbox.top",
    "POLY-3": "annotations[0].polygon[1]",
    "POINT-3": "annotations[0].point.x",
    "MASK-4": "annotations[0].mask.colorRGB[0]",
    "REL-1": "annotations[0].relationship.target",
}


def harbour(media_type: str | None = "IMAGE") -> Ontology:
    return Ontology.from_normalized(json.loads((GOLDEN / "harbour.json").read_text("utf-8")), media_type)


def build(lines: list[dict[str, Any]], media_type: str | None = "IMAGE") -> BuiltRow:
    message = {
        "projectId": "p",
        "dataRow": lines[0].get("dataRow"),
        "annotations": [{key: value for key, value in line.items() if key != "dataRow"} for line in lines],
    }
    return RowBuilder("p", harbour(media_type)).build(json.dumps(message).encode())


def by_row(lines: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        rows.setdefault(json.dumps(line["dataRow"]), []).append(line)
    return list(rows.values())


@pytest.mark.parametrize("case", VALID, ids=[case["id"] for case in VALID])
def test_a_valid_line_is_rendered_with_its_values(case: dict[str, Any]) -> None:
    for lines in by_row(case["lines"]):
        rendered = [json.loads(line) for line in build(lines).lines.splitlines()]
        for given, made in zip(lines, rendered, strict=True):
            expected = {key: value for key, value in given.items() if key not in ("uuid", "answers")}
            expected |= {"answer": given["answers"]} if "answers" in given else {}
            if not expected.get("classifications", True):
                assert made.pop("classifications", []) == expected.pop("classifications")
            assert made.pop("uuid").replace("-", "") == given["uuid"].replace("-", "").lower()
            assert made == expected


@pytest.mark.parametrize("case", INVALID, ids=[case["id"] for case in INVALID])
def test_an_invalid_line_is_refused_where_it_is_wrong(case: dict[str, Any]) -> None:
    if case["id"] in NEEDS_PIXELS:
        assert build([case["line"]]).lines
        return
    with pytest.raises(MessageError) as refusal:
        build([case["line"]])

    assert refusal.value.reason is not Reason.GATE_DISAGREES
    assert refusal.value.path.startswith(("annotations[0]", "dataRow"))
    if case["id"] in PATHS:
        assert refusal.value.path == PATHS[case["id"]]


def test_most_of_the_reference_is_here() -> None:
    assert (len(VALID), len(INVALID)) == (24, 68)


def test_a_misspelt_feature_is_answered_with_the_nearest_one() -> None:
    line = {"dataRow": {"globalKey": "a"}, "name": "vesel", "bbox": {"top": 1, "left": 1, "height": 1, "width": 1}}

    with pytest.raises(MessageError, match="did you mean vessel"):
        build([line])


@pytest.mark.parametrize("media_type", ["IMAGE", "image", None, "SOMETHING_NEW"])
def test_a_media_type_that_takes_the_kind_or_is_not_known_passes(media_type: str | None) -> None:
    assert build(VALID[1]["lines"], media_type).lines


@pytest.mark.parametrize("media_type", ["VIDEO", "TEXT", "PDF", "TMS_GEO"])
def test_a_media_type_that_does_not_take_a_kind_refuses_it(media_type: str) -> None:
    with pytest.raises(MessageError) as refusal:
        build(VALID[1]["lines"], media_type)

    assert refusal.value.reason is Reason.MEDIA_TYPE


def test_edge_constraints_are_kept() -> None:
    ids = ["5b0c9a1e-6d0f-4c7b-9a55-2f3d8c1e1101", "5b0c9a1e-6d0f-4c7b-9a55-2f3d8c1e1102"]
    ends = [
        {"dataRow": {"globalKey": "a"}, "uuid": ids[0], "name": "bollard", "point": {"x": 1, "y": 1}},
        {"dataRow": {"globalKey": "a"}, "uuid": ids[1], "name": "bollard", "point": {"x": 2, "y": 1}},
    ]
    link = {"dataRow": {"globalKey": "a"}, "name": "moored at", "relationship": {"source": ids[0], "target": ids[1]}}

    with pytest.raises(MessageError) as refusal:
        build([*ends, link])

    assert refusal.value.reason is Reason.BROKEN_RELATIONSHIP
