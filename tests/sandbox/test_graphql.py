"""The wire: bodies, answers and codes."""

import json

import httpx
import pytest

from tests.support.sandbox.cars import CARS, car
from tests.support.sandbox.process import CREATE, FIND, SandboxProcess, code_of, data_of, ndjson

PROJECT = "query P($id: ID!) { project(where: {id: $id}) { %s } }"
PROJECT_SET = (
    "id name description createdAt updatedAt setupComplete lastActivityTime autoAuditNumberOfLabels "
    "autoAuditPercentage allowedMediaType editorTaskType dataRowCount modelSetupComplete uploadType "
    "isBenchmarkEnabled isConsensusEnabled"
)


def test_one_missing_import_leaves_the_others_their_data(sandbox: SandboxProcess, project: str) -> None:
    sandbox.upload(project, "a", b"")
    sandbox.upload(project, "c", b"")
    fields = " ".join(
        f"i{n}: modelAssistedLabelingPredictionImport(where: {{projectId: $p, name: $n{n}}}) {{ name }}"
        for n in range(3)
    )
    query = f"query Many($p: ID!, $n0: String!, $n1: String!, $n2: String!) {{ {fields} }}"
    answer = sandbox.ask(query, p=project, n0="a", n1="b", n2="c").json()
    assert answer["data"] == {"i0": {"name": "a"}, "i1": None, "i2": {"name": "c"}}
    (error,) = answer["errors"]
    assert (error["path"], error["extensions"]["code"]) == (["i1"], "RESOURCE_NOT_FOUND")


def test_a_project_is_answered_with_its_ontology_and_every_key_of_the_set(
    sandbox: SandboxProcess, project: str
) -> None:
    ontology = sandbox.project(project, CARS, ["a", "b"])["ontology"]
    found = data_of(sandbox.ask(PROJECT % f"{PROJECT_SET} ontology {{ id name normalized }}", id=project))["project"]
    assert set(found) == {*PROJECT_SET.split(), "ontology"}
    assert (found["id"], found["allowedMediaType"], found["dataRowCount"]) == (project, "IMAGE", 2)
    assert found["createdAt"].endswith("Z")
    assert found["ontology"]["normalized"] == ontology
    assert len(found["ontology"]["id"]) == 25


def test_both_paths_answer_the_same_schema(sandbox: SandboxProcess, project: str) -> None:
    body = {"query": PROJECT % "id id", "variables": {"id": project}}
    for path in ("/graphql", "/_gql"):
        assert data_of(sandbox.http.post(sandbox.url + path, json=body)) == {"project": {"id": project}}


@pytest.mark.parametrize("variables", [{"variables": None}, {"variables": {}}, {}])
def test_variables_may_be_null_empty_or_left_out(
    sandbox: SandboxProcess, project: str, variables: dict[str, object]
) -> None:
    listing = 'modelAssistedLabelingPredictionImports(skip: 0 first: 100, where: {projectId: "%s"})'
    query = f"{{ {listing % project} {{ id }} }}"
    answer = sandbox.http.post(f"{sandbox.url}/graphql", json={"query": query, **variables})
    assert data_of(answer) == {"modelAssistedLabelingPredictionImports": []}


@pytest.mark.parametrize(
    ("query", "variables", "code"),
    [
        (PROJECT % "id", {"id": "cunknown"}, "RESOURCE_NOT_FOUND"),
        (FIND, {"p": "cunknown", "n": "a"}, "RESOURCE_NOT_FOUND"),
        ("{ project(where: {id: 1}) { ", {}, "GRAPHQL_PARSE_FAILED"),
        (PROJECT % "colour", {"id": "a"}, "GRAPHQL_VALIDATION_FAILED"),
        (PROJECT % "id", {}, "BAD_USER_INPUT"),
        (PROJECT % "id", {"id": {"a": "secret"}}, "BAD_USER_INPUT"),
        (CREATE, {"p": "cunknown", "n": "a", "f": "text", "len": 4}, "RESOURCE_NOT_FOUND"),
        ("fragment F on Project { id }", {}, "GRAPHQL_VALIDATION_FAILED"),
    ],
)
def test_errors_carry_a_code_and_no_values(
    sandbox: SandboxProcess, query: str, variables: dict[str, object], code: str
) -> None:
    answer = sandbox.ask(query, **variables)
    assert code_of(answer) == code
    assert "secret" not in answer.text


@pytest.mark.parametrize("body", [b"", b"[]", b'{"variables": {}}', b'{"query": "{a}", "variables": 1}'])
def test_bodies_that_are_no_request_are_malformed(sandbox: SandboxProcess, body: bytes) -> None:
    answer = sandbox.http.post(f"{sandbox.url}/graphql", content=body, headers={"Content-Type": "application/json"})
    assert code_of(answer) == "MALFORMED_REQUEST"
    assert answer.json()["data"] is None


def multipart(sandbox: SandboxProcess, project: str, name: str, *parts: tuple[str, bytes]) -> httpx.Response:
    """The parts as they are, after an `operations` that waits for one file."""
    variables = {"p": project, "n": name, "f": None, "len": 1000}
    operations = json.dumps({"query": CREATE, "variables": variables}).encode()
    pieces = [
        b"--b0b0\r\nContent-Disposition: form-data; " + disposition.encode() + b"\r\n\r\n" + content + b"\r\n"
        for disposition, content in (('name="operations"', operations), *parts)
    ]
    headers = {"Content-Type": "multipart/form-data; boundary=b0b0"}
    return sandbox.http.post(f"{sandbox.url}/graphql", content=b"".join(pieces) + b"--b0b0--\r\n", headers=headers)


def test_quotes_in_part_names_are_undone(sandbox: SandboxProcess, project: str) -> None:
    files = [('name="p__an %22über%22 name"; filename="x"', ndjson([car()])), ('name="other"; filename="y"', b"")]
    places = json.dumps({'p__an "über" name': ["variables.f"]}).encode()
    data_of(multipart(sandbox, project, "a", ('name="map"', places), *files))
    assert sandbox.ended(project, "a")["state"] == "FINISHED"
    assert sandbox.pre_labels(project) == [car()]


def test_a_single_file_is_meant_whatever_it_is_called(sandbox: SandboxProcess, project: str) -> None:
    places = ('name="map"', b'{"other": ["variables.f"]}')
    data_of(multipart(sandbox, project, "a", places, ('name="1"; filename="x"', ndjson([car()]))))
    assert sandbox.ended(project, "a")["state"] == "FINISHED"
    assert sandbox.pre_labels(project) == [car()]


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [('name="1"; filename="x"', b""), ('name="map"', b'{"1": ["variables.f"]}')],
        [('name="map"', b'{"1": ["variables.g.h"]}'), ('name="1"; filename="x"', b"")],
        [('name="map"', b'{"1": ["variables.f"]}')],
        [('name="map"', b"no json"), ('name="1"; filename="x"', b"")],
    ],
    ids=["no map", "file before map", "no such place", "no file", "map is not JSON"],
)
def test_multipart_bodies_out_of_order_are_malformed(
    sandbox: SandboxProcess, project: str, parts: list[tuple[str, bytes]]
) -> None:
    assert code_of(multipart(sandbox, project, "a", *parts)) == "MALFORMED_REQUEST"


def test_an_upload_that_breaks_off_creates_nothing(sandbox: SandboxProcess, project: str) -> None:
    def half() -> object:
        yield b'--b0b0\r\nContent-Disposition: form-data; name="operations"\r\n\r\n'
        raise InterruptedError

    headers = {"Content-Type": "multipart/form-data; boundary=b0b0", "Content-Length": "5000"}
    with pytest.raises(InterruptedError):
        sandbox.http.post(f"{sandbox.url}/graphql", content=half(), headers=headers)  # type: ignore[arg-type]
    assert code_of(sandbox.ask(FIND, p=project, n="a")) == "RESOURCE_NOT_FOUND"


SHOWN = "id showingPredictionsToLabelers"
SHOW = """mutation Show($id: ID!, $show: Boolean!) {
  project(where: {id: $id}) { showPredictionsToLabelers(show: $show) { id showingPredictionsToLabelers } } }"""


def test_pre_labels_are_shown_to_labelers_unless_the_project_says_otherwise(
    sandbox: SandboxProcess, project: str
) -> None:
    def shown() -> object:
        return data_of(sandbox.ask(PROJECT % SHOWN, id=project))["project"]

    assert shown() == {"id": project, "showingPredictionsToLabelers": True}
    sandbox.control("POST", "/projects", {"id": project, "ontology": CARS, "showPredictionsToLabelers": False})
    assert shown() == {"id": project, "showingPredictionsToLabelers": False}


@pytest.mark.parametrize("show", [False, True])
def test_showing_pre_labels_is_switched_as_the_official_client_does(
    sandbox: SandboxProcess, project: str, show: bool
) -> None:
    answer = data_of(sandbox.ask(SHOW, id=project, show=show))
    changed = {"id": project, "showingPredictionsToLabelers": show}
    assert answer == {"project": {"showPredictionsToLabelers": changed}}
    assert data_of(sandbox.ask(PROJECT % SHOWN, id=project))["project"] == changed
    assert code_of(sandbox.ask(SHOW, id="cunknown", show=show)) == "RESOURCE_NOT_FOUND"
