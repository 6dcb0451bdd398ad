"""Lines of images that Labelbox accepts or refuses; the examples of the reference are in test_formats."""

import secrets
from typing import Any

import pytest

from tests.support.sandbox.examples import HARBOUR, read
from tests.support.sandbox.process import SandboxProcess

REFUSED, ACCEPTED = read("refused"), read("accepted")
SOURCE, TARGET, LINK = (f"5b0c9a1e-6d0f-4c7b-9a55-2f3d8c1e110{n}" for n in (1, 2, 3))
BOX = {"top": 1, "left": 1, "height": 1, "width": 1}


@pytest.fixture(scope="module")
def harbour(sandbox_process: SandboxProcess) -> str:
    project_id = f"c{secrets.token_hex(12)}"
    sandbox_process.project(project_id, HARBOUR)
    return project_id


@pytest.mark.parametrize("case", ACCEPTED, ids=[each["case"] for each in ACCEPTED])
def test_a_valid_line_is_accepted(sandbox: SandboxProcess, harbour: str, case: dict[str, Any]) -> None:
    statuses = sandbox.statuses(harbour, case["case"], case["lines"])
    assert [each["status"] for each in statuses] == ["SUCCESS"] * len(case["lines"]), statuses


def test_every_bad_line_is_refused_with_its_error_name(sandbox: SandboxProcess, harbour: str) -> None:
    """All lines are in one import, which judges each separately."""
    statuses = sandbox.statuses(harbour, "refused", [case["line"] for case in REFUSED])
    first = [each.get("errors", [{"name": None, "message": ""}])[0] for each in statuses]
    wanted = [(case["case"], case["error"]) for case in REFUSED]
    assert [(case, error["name"]) for (case, _), error in zip(wanted, first, strict=True)] == wanted
    assert all(error["message"] for error in first)


def linked(source: dict[str, Any], target: dict[str, Any], kind: str, **link: Any) -> list[dict[str, Any]]:
    row = {"globalKey": "a"}
    ends = {"source": SOURCE, "target": TARGET, "type": "unidirectional", **link}
    return [
        {"uuid": LINK, "dataRow": row, "name": kind, "relationship": ends},
        {"uuid": SOURCE, "dataRow": row, **source},
        {"uuid": TARGET, "dataRow": row, **target},
    ]


VESSEL, BOLLARD = {"name": "vessel", "bbox": BOX}, {"name": "bollard", "point": {"x": 1, "y": 1}}
WEATHER = {"name": "weather", "answer": {"name": "clear"}}
ELSEWHERE = {**BOLLARD, "dataRow": {"globalKey": "b"}}


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        (linked(VESSEL, BOLLARD, "moored at"), None),
        (linked(BOLLARD, VESSEL, "moored at", type="bidirectional"), None),
        (linked(BOLLARD, VESSEL, "mentions"), None),
        (linked(BOLLARD, VESSEL, "moored at"), "InvalidAnnotation"),
        (linked(VESSEL, WEATHER, "mentions"), "InvalidAnnotation"),
        (linked(VESSEL, ELSEWHERE, "mentions"), "InvalidAnnotation"),
    ],
    ids=["allowed", "both ways", "no constraints", "wrong way", "target is an answer", "other data row"],
)
def test_relationships_need_two_objects_of_the_data_row_that_the_edge_allows(
    sandbox: SandboxProcess, harbour: str, lines: list[dict[str, Any]], error: str | None
) -> None:
    status = sandbox.statuses(harbour, secrets.token_hex(4), lines)[0]
    assert status.get("errors", [{"name": None}])[0]["name"] == error


@pytest.mark.parametrize(
    ("feature", "line", "why"),
    [
        ({"archived": True}, {"answer": "x" * 5}, "archived"),
        ({"minCharacters": 3, "maxCharacters": 6}, {"answer": "xx"}, "between 3 and 6"),
        ({"minCharacters": 3, "maxCharacters": 6}, {"answer": "x" * 7}, "between 3 and 6"),
    ],
)
def test_a_feature_may_be_archived_or_limited(
    sandbox: SandboxProcess, project: str, feature: dict[str, Any], line: dict[str, Any], why: str
) -> None:
    sandbox.project(project, {"classifications": [{"type": "text", "name": "remark", **feature}]})
    (status,) = sandbox.statuses(project, "a", [{"dataRow": {"globalKey": "a"}, "name": "remark", **line}])
    assert why in status["errors"][0]["message"]


def test_a_name_that_two_features_have_needs_a_schema_id(sandbox: SandboxProcess, project: str) -> None:
    twins = [
        {"type": "text", "name": "a", "instructions": "note", "featureSchemaId": "c" + "1" * 24},
        {"type": "text", "name": "note", "featureSchemaId": "c" + "2" * 24},
    ]
    sandbox.project(project, {"classifications": twins})
    line = {"dataRow": {"globalKey": "a"}, "name": "note", "answer": "x"}
    by_name, by_both = sandbox.statuses(project, "a", [line, {**line, "schemaId": "c" + "2" * 24}])
    assert (by_name["status"], by_both["status"]) == ("FAILURE", "SUCCESS")
