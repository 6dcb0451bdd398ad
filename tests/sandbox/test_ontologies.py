"""Ontologies and projects that are created through the API."""

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
