"""The check of a message while it is edited: the rules of publishing, and the project's ontology."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prelabel.errors import Reason
from prelabel_worker.ontology.ontology import Ontology
from prelabel_worker.rendering.message_check import MOST_PROBLEMS, CheckedMessage, check_message

ONTOLOGY = Ontology.from_normalized(
    {"tools": [{"tool": "rectangle", "name": "Person", "featureSchemaId": "p"}], "classifications": []}, "IMAGE"
)


def message(*names: str, **fields: Any) -> dict[str, Any]:
    box = {"top": 1, "left": 2, "height": 3, "width": 4}
    annotations = [{"name": name, "bbox": dict(box)} for name in names]
    return {"projectId": "p", "dataRow": {"globalKey": "a"}, "annotations": annotations, **fields}


def check(body: Any, ontology: Ontology | None = ONTOLOGY, **options: Any) -> CheckedMessage:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return check_message(raw, "p", ontology, **options)


def test_a_right_message_has_no_problem() -> None:
    checked = check(message("Person", "Person"))

    assert (checked.valid, checked.annotations, checked.with_ontology) == (True, 2, True)


def test_each_wrong_annotation_is_reported_at_its_place() -> None:
    body = message("Person", "Persn", "Person", "Perso", "Person")
    body["annotations"][2]["bbox"]["left"] = "x"

    checked = check(body)

    assert [(problem.path, problem.reason) for problem in checked.problems] == [
        ("annotations[1].name", Reason.UNKNOWN_FEATURE),
        ("annotations[2].bbox.left", Reason.INVALID_ANNOTATION),
        ("annotations[3].name", Reason.UNKNOWN_FEATURE),
    ]
    assert checked.problems[0].hint == "did you mean Person?"


def test_without_an_ontology_the_rules_of_publishing_are_checked() -> None:
    assert check(message("Whatever"), None).valid
    assert not check(message("Whatever"), None).with_ontology
    assert check(message("x", projectId="q"), None).problems[0].reason is Reason.WRONG_PROJECT
    assert check(message("x", dataRow={}), None).problems[0].path == "dataRow"


def test_the_project_s_other_rules_are_checked() -> None:
    assert check(message("Person"), data_row_forms="i").problems[0].reason is Reason.DATA_ROW_FORM
    assert check(message("Person", projectId="q")).problems[0].reason is Reason.WRONG_PROJECT


def test_the_number_of_problems_is_bounded() -> None:
    assert len(check(message(*["Persn"] * 50)).problems) == MOST_PROBLEMS


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b'{"annotations": 3}', b"\xff", b"[" * 5000])
def test_what_is_no_message_is_one_problem(raw: bytes) -> None:
    assert len(check(raw).problems) == 1


@given(st.lists(st.sampled_from(["Person", "Persn", "x"]), min_size=1, max_size=8))
def test_exactly_the_wrong_annotations_are_reported(names: list[str]) -> None:
    checked = check(message(*names))

    wrong = [f"annotations[{at}].name" for at, name in enumerate(names) if name != "Person"]
    assert [problem.path for problem in checked.problems if problem.path] == wrong[:MOST_PROBLEMS]


def test_a_relationship_is_not_blamed_for_an_end_that_was_wrong_itself() -> None:
    body = message("Persn", "Person")
    for at, annotation in enumerate(body["annotations"]):
        annotation["uuid"] = f"00000000-0000-4000-8000-00000000000{at}"
    source, target = (annotation["uuid"] for annotation in body["annotations"])
    body["annotations"].append(
        {"name": "near", "relationship": {"source": source, "target": target, "type": "unidirectional"}}
    )

    assert [problem.path for problem in check(body).problems] == ["annotations[0].name"]
