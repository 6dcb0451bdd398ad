"""Ontologies and projects that are created through the API."""

import json
from typing import Any

import httpx
import pytest

from tests.support.sandbox.account import CONNECT, ONTOLOGY, PROJECT
from tests.support.sandbox.cars import CARS
from tests.support.sandbox.process import SandboxProcess, code_of, data_of


def test_a_project_of_the_api_begins_with_hidden_pre_labels(tasks: SandboxProcess) -> None:
    created = data_of(tasks.ask(PROJECT))["createProject"]
    shown = "query S($p: ID!) { project(where: {id: $p}) { showingPredictionsToLabelers ontology { id } labelCount } }"
    assert created["dataRowCount"] == 0
    assert data_of(tasks.ask(shown, p=created["id"]))["project"] == {
        "showingPredictionsToLabelers": False,
        "ontology": None,
        "labelCount": 0,
    }


def test_a_posted_projects_ontology_can_be_asked_for_by_id(sandbox: SandboxProcess, project: str) -> None:
    ontology = sandbox.project(project, CARS)["ontology"]
    known = "query K($p: ID!) { project(where: {id: $p}) { ontology { id } } }"
    ontology_id = data_of(sandbox.ask(known, p=project))["project"]["ontology"]["id"]
    found = data_of(sandbox.ask("query O($o: ID!) { ontology(where: {id: $o}) { normalized } }", o=ontology_id))
    assert found == {"ontology": {"normalized": ontology}}


@pytest.mark.parametrize("tree", ["no json", "[]", '{"tools": [{"name": "car"}]}'])
def test_an_ontology_that_is_none_is_malformed(sandbox: SandboxProcess, tree: str) -> None:
    answer = sandbox.ask(ONTOLOGY, d={"name": "O", "normalized": tree})
    assert code_of(answer) == "MALFORMED_REQUEST"


def test_ontologies_are_listed_in_pages(sandbox: SandboxProcess, project: str) -> None:
    for number in range(3):
        data_of(sandbox.ask(ONTOLOGY, d={"name": f"{project} {number}", "normalized": "{}"}))
    listing = """query L($s: String, $a: String) { ontologies(where: {filter: {status: "ALL"}, search: $s}, after: $a,
      first: 2) { nodes { name } nextCursor } }"""
    names, after, pages = set(), None, 0
    while pages == 0 or after:
        page = data_of(sandbox.ask(listing, s=project.upper(), a=after))["ontologies"]
        names |= {node["name"] for node in page["nodes"]}
        after, pages = page["nextCursor"], pages + 1
    assert (names, pages) == ({f"{project} {number}" for number in range(3)}, 2)


def test_what_is_not_there_is_not_found(sandbox: SandboxProcess) -> None:
    project = data_of(sandbox.ask(PROJECT))["createProject"]["id"]
    answers: list[httpx.Response] = [
        sandbox.ask(CONNECT, p=project, o="cunknown"),
        sandbox.ask(CONNECT, p="cunknown", o="cunknown"),
        sandbox.ask('{ ontology(where: {id: "cunknown"}) { id } }'),
        sandbox.ask('{ user(where: {id: "cunknown"}) { id } }'),
        sandbox.ask('{ failedDataRowImports(data: {taskId: "cunknown"}) { after } }'),
        sandbox.ask('mutation { updateDataset(where: {id: "cunknown"}, data: {deleted: true}) { id } }'),
    ]
    assert [code_of(answer) for answer in answers] == ["RESOURCE_NOT_FOUND"] * len(answers)


def test_an_unknown_media_type_is_refused(sandbox: SandboxProcess) -> None:
    query = 'mutation P($m: MediaType!) { createProject(data: {name: "P", allowedMediaType: $m}) { id } }'
    assert code_of(sandbox.ask(query, m="PICTURE")) == "BAD_USER_INPUT"


CREATE = """mutation P($d: EditorTaskType, $m: MediaType!) {
  createProject(data: {name: "P", allowedMediaType: $m, editorTaskType: $d}) { id editorTaskType } }"""
BEST = {"tools": [{"tool": "message-single-selection", "name": "best"}], "classifications": []}


def posted(tree: dict[str, Any], task_type: str | None, media_type: str | None = "CONVERSATIONAL") -> dict[str, Any]:
    return {
        "name": "O", "normalized": json.dumps(tree), "mediaType": media_type, "editorTaskType": task_type
    }  # fmt: skip


@pytest.mark.parametrize("media_type", ["IMAGES", "CONVERSATION", "dcm"])
def test_a_media_type_that_does_not_exist_is_refused_and_the_known_ones_are_named(
    sandbox: SandboxProcess, media_type: str
) -> None:
    ontology = sandbox.ask(ONTOLOGY, d={"name": "O", "normalized": "{}", "mediaType": media_type})
    project = sandbox.ask(CREATE, m=media_type)

    assert code_of(ontology) == "MALFORMED_REQUEST"
    assert f"Found invalid media type: '{media_type}'" in ontology.json()["errors"][0]["message"]
    assert "TMS_GEO" in ontology.json()["errors"][0]["message"]
    assert code_of(project) == "BAD_USER_INPUT"
    assert f"Value '{media_type}' does not exist in 'MediaType' enum" in project.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    ("task_type", "media_type", "right"),
    [
        ("OFFLINE_MODEL_CHAT_EVALUATION", "CONVERSATIONAL", True),
        ("MODEL_CHAT_EVALUATION", "CONVERSATIONAL", True),
        ("RESPONSE_CREATION", "TEXT", True),
        ("OFFLINE_MODEL_CHAT_EVALUATION", "TEXT", False),
        ("RESPONSE_CREATION", "CONVERSATIONAL", False),
        ("OFFLINE_CHAT", "CONVERSATIONAL", False),
    ],
)
def test_a_task_type_needs_its_media_type(
    sandbox: SandboxProcess, task_type: str, media_type: str, right: bool
) -> None:
    project = sandbox.ask(CREATE, d=task_type, m=media_type)
    ontology = sandbox.ask(ONTOLOGY, d=posted({}, task_type, media_type))

    assert [("errors" not in answer.json()) for answer in (project, ontology)] == [right, right]


@pytest.mark.parametrize("media_type", ["CONVERSATIONAL", None])
def test_tools_of_chats_need_an_ontology_of_chats(sandbox: SandboxProcess, media_type: str | None) -> None:
    without = sandbox.ask(ONTOLOGY, d=posted(BEST, None, media_type))

    assert "MODEL_EVALUATION" in without.json()["errors"][0]["message"]
    assert data_of(sandbox.ask(ONTOLOGY, d=posted(BEST, "MODEL_CHAT_EVALUATION", media_type)))["upsertOntology"]["id"]


@pytest.mark.parametrize(
    ("of_project", "of_ontology", "right"),
    [
        ("OFFLINE_MODEL_CHAT_EVALUATION", "MODEL_CHAT_EVALUATION", True),
        ("MODEL_CHAT_EVALUATION", "MODEL_CHAT_EVALUATION", True),
        (None, None, True),
        ("OFFLINE_MODEL_CHAT_EVALUATION", None, False),
        (None, "MODEL_CHAT_EVALUATION", False),
    ],
)
def test_a_chat_project_connects_an_ontology_of_chats_and_no_other_project_does(
    sandbox: SandboxProcess, of_project: str | None, of_ontology: str | None, right: bool
) -> None:
    project = data_of(sandbox.ask(CREATE, d=of_project, m="CONVERSATIONAL"))["createProject"]
    ontology = data_of(sandbox.ask(ONTOLOGY, d=posted({}, of_ontology)))["upsertOntology"]["id"]

    connected = sandbox.ask(CONNECT, p=project["id"], o=ontology)

    assert project["editorTaskType"] == of_project
    assert ("errors" not in connected.json()) == right
    if not right:
        assert code_of(connected) == "MALFORMED_REQUEST"
