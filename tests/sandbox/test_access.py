"""API keys, the rate limit, and the log of requests."""

import asyncio
import threading
from collections.abc import Callable

import httpx
import pytest
from starlette.applications import Starlette

from prelabel_sandbox.http.control import ROUTES
from tests.support.sandbox.cars import CARS
from tests.support.sandbox.process import SandboxProcess, code_of, data_of

QUERY = '{ project(where: {id: "c1"}) { id } }'


def asked_with(sandbox: SandboxProcess, headers: dict[str, str]) -> httpx.Response:
    return httpx.post(f"{sandbox.url}/graphql", json={"query": QUERY}, headers=headers)


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer"}, {"Authorization": "Basic abc"}])
def test_a_key_is_needed(sandbox: SandboxProcess, headers: dict[str, str]) -> None:
    assert code_of(asked_with(sandbox, headers)) == "AUTHENTICATION_ERROR"


def test_any_key_is_accepted_unless_one_is_set(sandbox: SandboxProcess, start: Callable[..., SandboxProcess]) -> None:
    assert code_of(asked_with(sandbox, {"Authorization": "Bearer any"})) == "RESOURCE_NOT_FOUND"
    strict = start("--api-key", "the-key")
    assert code_of(asked_with(strict, {"Authorization": "Bearer any"})) == "AUTHENTICATION_ERROR"
    assert code_of(asked_with(strict, {"Authorization": "Bearer the-key"})) == "RESOURCE_NOT_FOUND"


def test_each_key_has_its_requests_per_minute(start: Callable[..., SandboxProcess]) -> None:
    sandbox = start("--requests-per-minute", "3", data=":memory:")
    sandbox.project("c1", CARS)
    answers = [sandbox.ask(QUERY) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[3].json() == {"message": "You have exceeded 3 requests per minute"}
    assert 1 <= int(answers[3].headers["retry-after"]) <= 60
    assert asked_with(sandbox, {"Authorization": "Bearer another"}).status_code == 200
    sandbox.control("POST", "/settings", {"requestsPerMinute": 5})
    assert [sandbox.ask(QUERY).status_code for _ in range(3)] == [200, 200, 429]


def test_requests_are_logged_without_their_keys(sandbox: SandboxProcess, project: str) -> None:
    data_of(sandbox.upload(project, "a", b""))
    log = [entry for entry in sandbox.control("GET", "/requests") if entry["projectId"] == project]
    assert [(each["operation"], each["status"]) for each in log] == [
        ("createModelAssistedLabelingPredictionImport", 200)
    ]
    assert log[0]["seconds"] >= 0
    assert len(log[0]["key"]) == 8
    assert "a-key" not in str(log)


@pytest.mark.parametrize("given", [{"requestsPerMinute": 0}, {"duplicateNames": "both"}, {"colour": 1}, []])
def test_settings_change_as_a_whole_or_not_at_all(sandbox: SandboxProcess, given: object) -> None:
    before = sandbox.control("POST", "/settings", {})
    changed = {"secondsPerImport": 9, **given} if isinstance(given, dict) else given
    assert sandbox.http.post(f"{sandbox.url}/_sandbox/settings", json=changed).status_code == 400
    assert sandbox.control("POST", "/settings", {}) == before


def test_ids_are_filled_in_the_same_each_time_and_given_ones_stay(sandbox: SandboxProcess, project: str) -> None:
    ontology = {
        "tools": [{"tool": "rectangle", "name": "car", "featureSchemaId": "c" + "1" * 24}],
        "classifications": [{"type": "radio", "name": "light", "options": [{"value": "day"}, {"label": "night"}]}],
    }
    first, second = (sandbox.project(project, ontology)["ontology"] for _ in range(2))
    assert first == second
    assert first["tools"][0]["featureSchemaId"] == "c" + "1" * 24
    (radio,) = first["classifications"]
    ids = [node[key] for node in (radio, *radio["options"]) for key in ("schemaNodeId", "featureSchemaId")]
    assert len(set(ids)) == 6
    assert all(len(each) == 25 and each.startswith("c") for each in ids)
    assert radio["options"][1]["value"] == "night"


@pytest.mark.parametrize(
    "given",
    [{}, {"id": ""}, {"id": "a", "dataRows": "some"}, {"id": "a", "ontology": {"tools": [{"name": "car"}]}}],
)
def test_a_project_that_is_none_is_refused(sandbox: SandboxProcess, given: dict[str, object]) -> None:
    answer = sandbox.http.post(f"{sandbox.url}/_sandbox/projects", json=given)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_other_machines_get_no_control() -> None:
    """The application without a server: a real client from elsewhere is not to be had on loopback."""

    async def status_for(host: str) -> int:
        transport = httpx.ASGITransport(Starlette(routes=ROUTES), client=(host, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as client:
            return (await client.get("/_sandbox/health")).status_code

    assert asyncio.run(status_for("127.0.0.1")) == 200
    assert asyncio.run(status_for("192.0.2.1")) == 403


def test_a_queue_of_requests_is_served_side_by_side(sandbox: SandboxProcess, project: str) -> None:
    threads = [threading.Thread(target=sandbox.upload, args=(project, f"n{n}", b"")) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {sandbox.ended(project, f"n{n}")["state"] for n in range(8)} == {"FINISHED"}


def test_files_are_where_others_reach_the_sandbox(start: Callable[..., SandboxProcess]) -> None:
    """In a container it listens on every address, and workers know it by a name that it is told."""
    sandbox = start("--host", "0.0.0.0", "--public-url", "http://sandbox:8970/", data=":memory:")
    sandbox.url = sandbox.url.replace("0.0.0.0", "127.0.0.1")
    sandbox.project("c1", CARS)
    created = data_of(sandbox.upload("c1", "a", b""))["createModelAssistedLabelingPredictionImport"]
    assert created["inputFileUrl"].startswith("http://sandbox:8970/files/")
