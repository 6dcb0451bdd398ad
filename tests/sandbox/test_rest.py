"""The REST operations on feature schemas and ontologies, beyond what the SDK sends."""

import json
import secrets
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.support.sandbox.cars import CARS, car
from tests.support.sandbox.process import SandboxProcess, data_of

CAR = {"tool": "rectangle", "name": "car"}


def rest(sandbox: SandboxProcess, method: str, path: str, body: object = None, key: str = "a-key") -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"} if key else {"Authorization": ""}
    return sandbox.http.request(method, f"{sandbox.url}/api/v1{path}", json=body, headers=headers)


def made(sandbox: SandboxProcess, tree: object) -> str:
    answer = rest(sandbox, "PUT", "/feature-schemas/new_feature_schema_id", {"normalized": json.dumps(tree)})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["schemaId"])


def test_a_request_needs_a_key_and_keeps_to_the_rate_limit(sandbox: SandboxProcess) -> None:
    refused = rest(sandbox, "GET", "/ontologies/unused", key="")
    assert (refused.status_code, refused.json()) == (401, {"message": "Invalid API key"})
    sandbox.control("POST", "/settings", {"requestsPerMinute": 1})
    key = secrets.token_hex(8)
    assert [rest(sandbox, "GET", "/ontologies/unused", key=key).status_code for _ in range(2)] == [200, 429]


def test_an_unknown_operation_is_a_404_with_a_message(sandbox: SandboxProcess) -> None:
    answer = rest(sandbox, "DELETE", "/ontologies")
    assert answer.status_code == 404
    assert "docs/reference/conformance.md" in answer.json()["message"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/feature-schemas/new_feature_schema_id", {}),
        ("PUT", "/feature-schemas/new_feature_schema_id", {"normalized": "no JSON"}),
        ("PUT", "/feature-schemas/new_feature_schema_id", {"normalized": "[]"}),
        ("PUT", "/feature-schemas/new_feature_schema_id", {"normalized": '{"tool": "rectangle"}'}),
        ("PATCH", "/feature-schemas/{known}/definition", {"title": ""}),
        ("POST", "/ontologies/{known}/feature-schemas/{known}", {"position": 0}),
        ("POST", "/ontologies/{known}/feature-schemas/{known}", {"position": -1}),
        ("DELETE", "/ontologies/unknown", None),
    ],
)
def test_a_wrong_request_is_a_400_with_the_reason(
    sandbox: SandboxProcess, method: str, path: str, body: object
) -> None:
    answer = rest(sandbox, method, path.replace("{known}", made(sandbox, CAR)), body)
    assert answer.status_code == 400
    assert answer.json()["message"]


def test_an_import_is_judged_by_a_feature_schema_as_it_is_now(sandbox: SandboxProcess, project: str) -> None:
    query = "query Tree($id: ID!) { project(where: {id: $id}) { ontology { normalized } } }"
    tools = data_of(sandbox.ask(query, id=project))["project"]["ontology"]["normalized"]["tools"]
    tool = next(node for node in tools if node["name"] == "car")
    path = f"/feature-schemas/{tool['featureSchemaId']}/definition"
    assert rest(sandbox, "PATCH", path, {"title": "tram"}).status_code == 200
    statuses = sandbox.statuses(project, "a", [car(1), car(2, name="tram")])
    assert [each["status"] for each in statuses] == ["FAILURE", "SUCCESS"]


def test_feature_schemas_survive_a_restart(start: Callable[..., SandboxProcess], tmp_path: Path) -> None:
    first = start()
    first.project("c1", CARS)
    feature = made(first, CAR)
    first.stop()
    second = start()
    find = "query F($id: ID!) { rootSchemaNode(where: {featureSchemaId: $id}) { name } }"
    assert data_of(second.ask(find, id=feature)) == {"rootSchemaNode": {"name": "car"}}
