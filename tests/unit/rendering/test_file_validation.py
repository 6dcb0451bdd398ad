"""A check of lines says what publishing and the workers would say of each, and counts."""

import io
import json
from typing import Any

import orjson
import pytest

from prelabel.errors import MessageError, Reason
from prelabel.readers.ndjson import LineOptions, read_lines
from prelabel_worker.ontology.ontology import Ontology
from prelabel_worker.rendering.file_validation import STAND_IN, Check, OfProject, Report, structure, validate
from prelabel_worker.rendering.row_builder import RowBuilder
from tests.golden import HARBOUR, cases, message_of

IMAGE = Ontology.from_normalized(HARBOUR, "IMAGE")
VESSEL = {"name": "vessel", "bbox": {"top": 1, "left": 2, "height": 3, "width": 4}}
FIRST = "5b0c9a1e-6d0f-4c7b-9a55-2f3d8c1e1101"


def checked(*lines: Any, check: Check | None = None, limit: int = 1000) -> Report:
    text = b"".join((each if isinstance(each, bytes) else orjson.dumps(each)) + b"\n" for each in lines)
    records = read_lines(io.BytesIO(text), LineOptions(STAND_IN, mixed=True))
    return validate(records, check or OfProject(IMAGE), limit)


def faults(report: Report) -> list[tuple[int, str, str]]:
    return [(fault.line, fault.path, fault.reason.value) for fault in report.in_order]


def plain(key: str = "a", **fields: Any) -> dict[str, Any]:
    return {"dataRow": {"globalKey": key}, **VESSEL, **fields}


def message(*annotations: Any, project: str = "p", key: str = "a") -> dict[str, Any]:
    return {"projectId": project, "dataRow": {"globalKey": key}, "annotations": list(annotations or [VESSEL])}


def test_counts_reasons_and_errors_are_a_program_s_to_read() -> None:
    report = checked(message(), message({**VESSEL, "name": "vesel"}), b"{", plain("b"), limit=1)

    assert report.as_json() == {
        "lines": 4,
        "valid": 2,
        "invalid": 2,
        "byReason": {"unknown-feature": 1, "malformed-json": 1},
        "projects": [{"projectId": "p", "messages": 2, "invalid": 1}],
        "errors": [
            {
                "line": 2,
                "where": "line 2",
                "path": "annotations[0].name",
                "reason": "unknown-feature",
                "found": "'vesel'",
                "expected": "a feature of the project's ontology",
                "hint": "did you mean vessel?",
                "projectId": "p",
                "dataRow": {"globalKey": "a"},
                "messageId": None,
            }
        ],
    }
    assert report.forms == {True, False}
    assert report.errors[0].text.startswith("line 2: annotations[0].name: expected")


@pytest.mark.parametrize("case", cases("valid"), ids=lambda case: case["id"])
def test_every_valid_example_passes_as_plain_lines_and_as_a_message(case: dict[str, Any]) -> None:
    check = OfProject(Ontology.from_normalized(HARBOUR, case["media"]))

    assert faults(checked(*case["lines"], check=check)) == []
    by_row: dict[str, list[Any]] = {}
    for line in case["lines"]:
        by_row.setdefault(json.dumps(line["dataRow"]), []).append(line)
    messages = [message_of(lines) for lines in by_row.values()]
    assert checked(*messages, check=OfProject(Ontology.from_normalized(HARBOUR, case["media"]))).invalid == 0


@pytest.mark.parametrize("case", cases("invalid"), ids=lambda case: case["id"])
def test_every_refused_example_is_refused_in_the_worker_s_words(case: dict[str, Any]) -> None:
    beside = case.get("beside", [])
    lines = [*beside, case["line"]]
    raw = orjson.dumps({key: value for key, value in message_of(lines).items() if value is not None})
    builder = RowBuilder("harbour", Ontology.from_normalized(HARBOUR, case["media"]))
    with pytest.raises(MessageError) as caught:
        builder.build(raw)

    report = checked(*lines, check=OfProject(Ontology.from_normalized(HARBOUR, case["media"])))

    assert report.invalid
    assert (caught.value.reason, caught.value.expected) in {(each.reason, each.expected) for each in report.errors}


def test_each_line_at_fault_is_found_and_no_other_of_its_data_row() -> None:
    lines = [plain(), plain(bbox=3), plain(name="vesel"), plain("b"), plain(confidence=2), plain()]

    report = checked(*lines)

    assert faults(report) == [
        (2, "bbox", "invalid-annotation"),
        (3, "name", "unknown-feature"),
        (5, "confidence", "invalid-annotation"),
    ]
    assert (report.lines, report.invalid) == (6, 3)


def test_lines_are_checked_with_the_others_of_their_data_row() -> None:
    link = {
        "name": "moored at",
        "relationship": {"source": FIRST, "target": FIRST[:-1] + "2", "type": "unidirectional"},
    }
    bollard = {"name": "bollard", "point": {"x": 1, "y": 2}, "uuid": FIRST[:-1] + "2", "dataRow": {"globalKey": "a"}}
    good = [plain(uuid=FIRST), plain("b"), {**link, "dataRow": {"globalKey": "a"}}, bollard]

    assert faults(checked(*good)) == []
    ground_truth = OfProject(Ontology.from_normalized(HARBOUR, "IMAGE"), ground_truth=True)
    assert faults(checked(*good, check=ground_truth)) == [(3, "relationship", "pre-labels-only")]
    assert faults(checked(*good, plain(uuid=FIRST))) == [(5, "uuid", "duplicate-uuid")]
    assert faults(checked(*good[:3])) == [(3, "relationship.target", "broken-relationship")]


def test_a_wrong_data_row_is_a_fault_of_each_of_its_lines() -> None:
    report = checked(plain(""), plain(""), plain("b"))

    assert faults(report) == [
        (1, "dataRow.globalKey", "malformed-message"),
        (2, "dataRow.globalKey", "malformed-message"),
    ]


def test_many_faults_in_one_data_row_are_all_counted() -> None:
    lines = [plain(name=f"odd {at}") if at % 3 else plain() for at in range(900)]

    report = checked(*lines, limit=0)

    assert (report.lines, report.invalid, report.errors) == (900, 600, [])


def test_the_lines_of_a_file_decide_nothing_about_how_data_rows_are_named_since_none_is_imported() -> None:
    by_id = message() | {"dataRow": {"id": "x"}}

    report = checked(message(), by_id, message(project="q"), by_id | {"projectId": "r"})

    assert faults(report) == []
    assert report.naming == {"p": "ik", "q": "k", "r": "i"}


@pytest.mark.parametrize(("forms", "refused"), [("i", [1]), ("k", [2]), ("ik", []), ("", [])])
def test_what_a_project_accepts_is_what_its_lines_may_have(forms: str, refused: list[int]) -> None:
    report = checked(message(), message() | {"dataRow": {"id": "x"}}, check=OfProject(IMAGE, "p", forms))

    assert faults(report) == [(line, "dataRow", "data-row-form") for line in refused]
    assert {fault.hint for fault in report.errors} <= {"prelabel project set p --data-row-forms both"}


@pytest.mark.parametrize("check", [OfProject(IMAGE), structure], ids=["ontology", "structure"])
def test_a_uuid_of_another_data_row_or_model_is_refused_and_the_row_s_own_is_not(check: Check) -> None:
    first = {**VESSEL, "uuid": FIRST}
    again = {**VESSEL, "uuid": FIRST.upper()}

    lines = [message(first), message(again), message(VESSEL, again, key="b"), message(again) | {"model": {"name": "m"}}]
    report = checked(*lines, message(first, project="q", key="b"), message(VESSEL, key="b"), check=check)

    assert faults(report) == [
        (3, "annotations[1].uuid", "duplicate-uuid"),
        (4, "annotations[0].uuid", "duplicate-uuid"),
    ]


def test_a_uuid_on_two_data_rows_is_found_in_plain_lines() -> None:
    report = checked(plain("a", uuid=FIRST), plain("b"), plain("b", uuid=FIRST), check=OfProject(IMAGE))

    assert faults(report) == [(3, "uuid", "duplicate-uuid")]
    assert "leave uuid out" in report.errors[0].text


def test_a_row_that_is_refused_takes_no_uuid_from_the_others() -> None:
    odd = {**VESSEL, "uuid": FIRST, "name": "nobody"}

    report = checked(message(odd), message({**VESSEL, "uuid": FIRST}, key="b"))

    assert faults(report) == [(1, "annotations[0].name", "unknown-feature")]


def test_any_number_of_uuids_takes_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prelabel_worker.rendering.file_validation._UUIDS", 10)
    ids = [f"5b0c9a1e-6d0f-4c7b-9a55-{at:012d}" for at in range(100)]
    messages = [message({**VESSEL, "uuid": uuid}, key=f"k{at}") for at, uuid in enumerate(ids)]

    near = checked(*messages, message({**VESSEL, "uuid": ids[95]}, key="b"))
    far = checked(*messages, message({**VESSEL, "uuid": ids[3]}, key="b"))

    assert faults(near) == [(101, "annotations[0].uuid", "duplicate-uuid")]
    assert faults(far) == []  # no import holds both


def test_messages_of_any_project_share_a_file_s_ontology_and_one_project_knows_its_own_only() -> None:
    lines = [message(project=f"p{at}") for at in range(3)]

    assert checked(*lines).invalid == 0
    assert faults(checked(*lines, check=OfProject(IMAGE, "p1"))) == [
        (1, "projectId", "wrong-project"),
        (3, "projectId", "wrong-project"),
    ]


def test_any_number_of_projects_takes_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prelabel_worker.rendering.file_validation._PROJECTS", 5)
    check = OfProject(IMAGE)

    assert checked(*[message(project=f"p{at}") for at in range(100)], check=check).invalid == 0
    assert len(check._builders) <= 5


def test_without_an_ontology_only_the_structure_is_checked() -> None:
    report = checked(message({**VESSEL, "name": "nobody"}), plain(bbox={"top": 1}), check=structure)

    assert faults(report) == [(2, "bbox.left", "invalid-annotation")]


def test_lines_that_were_not_read_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prelabel.readers.ndjson.MAX_LINE_BYTES", 300)
    report = checked(*[plain("c")] * 9)

    assert (report.lines, report.invalid) == (9, 9)
    assert set(report.by_reason) == {Reason.MESSAGE_TOO_LARGE}
