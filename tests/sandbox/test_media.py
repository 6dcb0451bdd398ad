"""The kinds that a project accepts, by its media type."""

from typing import Any

import httpx
import pytest

from tests.support.sandbox.examples import HARBOUR, example
from tests.support.sandbox.process import SandboxProcess, data_of

KINDS = {
    "global": example("RADIO-1"),
    "nested": example("NEST-1", dataRow={"globalKey": "a row of its own"}),  # a row answers a question once
    "message answer": example("MSG-1"),
    "frame answer": example("VCLS-1"),
    "frame text": example("VCLS-2", 2, uuid=None),
    "temporal answer": example("TEMP-2", 1),
    "prompt": example("PROMPT-1"),
    "response": example("PROMPT-2", 0),
    "box": example("BBOX-1", bbox={"top": 10, "left": 20, "height": 5, "width": 5}),
    "document box": example("DBOX-1"),
    "upward box": example("BBOX-1", bbox={"top": 10, "left": 20, "height": -5, "width": 5}),
    "far point": example("POINT-1"),
    "polygon": example("GEO-2", 0),
    "point": example("GEO-1"),
    "line": example("GEO-2", 1),
    "mask": example("MASK-1"),
    "moving box": example("VOBJ-1"),
    "frame masks": example("VMASK-1"),
    "sliced line": example("DICOM-1"),
    "sliced masks": example("DICOM-2"),
    "entity": example("ENT-1"),
    "message entity": example("CENT-1"),
    "document entity": example("DENT-1"),
    "task": example("MMC-1"),
}
SHAPES = {"box", "polygon", "point", "line"}
TIMED = {"frame text", "temporal answer"}  # the same form, in frames and in milliseconds
MESSAGES = {"global", "nested", "message answer"}
TAKEN = {
    "IMAGE": SHAPES | {"far point", "mask", "global", "nested"},
    "VIDEO": TIMED | {"moving box", "frame masks", "frame answer", "global", "nested"},
    "TEXT": {"entity", "global", "nested", "response"},
    "TMS_GEO": SHAPES | {"upward box", "global", "nested"},
    "TMS_SIMPLE": SHAPES | {"upward box", "far point", "global", "nested"},
    "PDF": {"document box", "document entity", "global", "nested"},
    "CONVERSATIONAL": MESSAGES | {"message entity", "task"},
    "AUDIO": TIMED | {"global", "nested"},
    "HTML": {"global", "nested"},
    "DICOM": {"sliced line", "sliced masks"},
    "LLM_PROMPT_CREATION": {"prompt", "response"},
    "POINT_CLOUD": set(),
    "LLM": set(),
    "HOLOGRAM": set(KINDS),
}


def taken(sandbox: SandboxProcess, project: str, name: str = "kinds") -> set[str]:
    statuses = sandbox.statuses(project, name, KINDS.values())
    return {kind for kind, status in zip(KINDS, statuses, strict=True) if status["status"] == "SUCCESS"}


@pytest.mark.parametrize("media", TAKEN)
def test_a_media_type_takes_its_kinds_and_no_others(sandbox: SandboxProcess, project: str, media: str) -> None:
    sandbox.project(project, HARBOUR, mediaType=media)
    assert taken(sandbox, project) == TAKEN[media]


@pytest.mark.parametrize(
    ("spelled", "media"),
    [
        ("image", "IMAGE"),
        ("Tms-Geo", "TMS_GEO"),
        ("tmssimple", "TMS_SIMPLE"),
        ("Document", "PDF"),
        ("conversational", "CONVERSATIONAL"),
        ("LLM-PROMPT-RESPONSE-CREATION", "LLM_PROMPT_CREATION"),
        ("pointCloud", "POINT_CLOUD"),
        (None, "HOLOGRAM"),
    ],
)
def test_a_media_type_may_be_spelled_in_many_ways(
    sandbox: SandboxProcess, project: str, spelled: str | None, media: str
) -> None:
    sandbox.project(project, HARBOUR, mediaType=spelled)
    assert taken(sandbox, project) == TAKEN[media]
    answer = data_of(sandbox.ask("query P($p: ID!) { project(where: {id: $p}) { allowedMediaType } }", p=project))
    assert answer["project"]["allowedMediaType"] == spelled


def test_a_chat_evaluation_takes_tasks_and_no_entities(sandbox: SandboxProcess, project: str) -> None:
    kind = "OFFLINE_MODEL_CHAT_EVALUATION"
    sandbox.control("POST", "/settings", {"strictFormat": True})
    sandbox.project(project, HARBOUR, mediaType="CONVERSATIONAL", editorTaskType=kind)
    assert taken(sandbox, project) == MESSAGES | {"task"}
    answer = data_of(sandbox.ask("query P($p: ID!) { project(where: {id: $p}) { editorTaskType } }", p=project))
    assert answer["project"]["editorTaskType"] == kind


def linked(source: dict[str, Any], target: dict[str, Any]) -> list[dict[str, Any]]:
    link = {"source": source["uuid"], "target": target["uuid"], "type": "bidirectional"}
    row = source["dataRow"]
    return [{"dataRow": row, "name": "mentions", "relationship": link}, source, {**target, "dataRow": row}]


@pytest.mark.parametrize(
    ("media", "source", "target", "taken"),
    [
        ("IMAGE", example("BBOX-1"), example("POINT-1"), "SUCCESS"),
        ("IMAGE", example("RADIO-1"), example("POINT-1"), "FAILURE"),
        ("TEXT", example("ENT-1"), example("ENT-2"), "SUCCESS"),
        ("PDF", example("DBOX-1"), example("DENT-1"), "SUCCESS"),
        ("PDF", example("RADIO-1"), example("DENT-1"), "SUCCESS"),
        ("PDF", example("DENT-1"), example("RADIO-1"), "FAILURE"),
        ("CONVERSATIONAL", example("CENT-1"), example("CENT-2"), "SUCCESS"),
        ("VIDEO", example("VOBJ-1"), example("VOBJ-2", 1), "SUCCESS"),
        ("AUDIO", example("AUDIO-global"), example("AUDIO-global", 1), "FAILURE"),
    ],
)
def test_relationships_are_of_some_media_types(
    sandbox: SandboxProcess, project: str, media: str, source: dict[str, Any], target: dict[str, Any], taken: str
) -> None:
    sandbox.project(project, HARBOUR, mediaType=media)
    statuses = sandbox.statuses(project, "a", linked(source, target))
    assert [each["status"] for each in statuses] == [taken, "SUCCESS", "SUCCESS"]


@pytest.mark.parametrize(
    ("name", "target", "status"),
    [
        ("weather", example("DBOX-1"), "SUCCESS"),
        ("vessel", example("DBOX-1"), "FAILURE"),
        ("weather", example("RADIO-1", dataRow={"globalKey": "logbook/1987-04.pdf"}), "FAILURE"),
    ],
    ids=["a classification", "a tool", "to an answer"],
)
def test_a_document_relationship_may_begin_at_a_classification_of_the_ontology(
    sandbox: SandboxProcess, project: str, name: str, target: dict[str, Any], status: str
) -> None:
    sandbox.project(project, HARBOUR, mediaType="PDF")
    link = {"sourceOntologyName": name, "target": target["uuid"], "type": "unidirectional"}
    statuses = sandbox.statuses(project, "a", [example("REL-3", relationship=link), target])
    assert statuses[0]["status"] == status, statuses[0]


@pytest.mark.parametrize(
    ("media", "facts", "good", "bad"),
    [
        ("TEXT", {"characters": 13}, example("ENT-1"), example("ENT-1", location={"start": 4, "end": 13})),
        ("VIDEO", {"frames": 240}, example("VCLS-1"), example("VCLS-2")),
        ("VIDEO", {"frames": 48}, example("VOBJ-1"), example("VOBJ-2")),
        ("VIDEO", {"frames": 1}, example("VMASK-1"), example("VMASK-2")),
        ("AUDIO", {"seconds": 2.4}, example("TEMP-1"), example("TEMP-2")),
        ("PDF", {"pages": 1}, example("DBOX-1"), example("DBOX-2")),
        ("PDF", {"pages": 1}, example("DENT-1"), example("DENT-2")),
        ("CONVERSATIONAL", {"messages": ["m-2", "m-3"]}, example("MSG-1"), example("MSG-1", messageId="m-1")),
        ("CONVERSATIONAL", {"messages": {"m-2": 27}}, example("CENT-1"), example("CENT-2")),
        ("CONVERSATIONAL", {"messages": ["q-1", "r-2"]}, example("MMC-1"), example("MMC-2")),
        ("IMAGE", {"width": 4, "height": 3}, example("MASK-2"), None),
    ],
)
def test_a_line_is_held_against_what_is_known_of_the_asset(
    sandbox: SandboxProcess,
    project: str,
    media: str,
    facts: dict[str, Any],
    good: dict[str, Any],
    bad: dict[str, Any] | None,
) -> None:
    rows = [{"globalKey": "known", **facts}, "plain"]
    sandbox.project(project, HARBOUR, rows, mediaType=media)
    lines = [{**line, "dataRow": {"globalKey": key}} for key in ("known", "plain") for line in (good, bad or good)]
    statuses = sandbox.statuses(project, "a", lines)
    assert [each["status"] for each in statuses] == ["SUCCESS", "FAILURE" if bad else "SUCCESS", "SUCCESS", "SUCCESS"]
    if bad:
        assert statuses[1]["errors"][0]["name"] == "InvalidAnnotation"


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([{"frames": 3}], "globalKey"),
        ([{"globalKey": "a", "frames": 0}], "frames"),
        ([{"globalKey": "a", "length": 3}], "length"),
        (["k" * 201], "200"),
        ("all", "dataRows"),
    ],
)
def test_data_rows_that_cannot_be_understood_are_named(
    sandbox: SandboxProcess, project: str, rows: object, complaint: str
) -> None:
    body = {"id": project, "ontology": {}, "dataRows": rows}
    answer = httpx.post(f"{sandbox.url}/_sandbox/projects", json=body)
    assert answer.status_code == 400
    assert complaint in answer.json()["error"]


def test_an_ontology_has_at_most_4000_features(sandbox: SandboxProcess, project: str) -> None:
    options = [{"value": str(number)} for number in range(4000)]
    body = {"id": project, "ontology": {"classifications": [{"type": "radio", "name": "a", "options": options}]}}
    answer = httpx.post(f"{sandbox.url}/_sandbox/projects", json=body)
    assert (answer.status_code, "4001" in answer.json()["error"]) == (400, True)
