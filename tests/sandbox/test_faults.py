"""Each fault has the effect that its name says, as often as was requested."""

import time
from typing import Any

import httpx
import pytest

from tests.support.sandbox.cars import CARS, car
from tests.support.sandbox.process import FIND, SandboxProcess, code_of, data_of, ndjson, parsed

CUT = (httpx.NetworkError, httpx.RemoteProtocolError)
KNOWN = ["500", "502", "503", "504", "429", "413", "403-html", "status"]


def fault(sandbox: SandboxProcess, name: str, **options: Any) -> None:
    sandbox.control("POST", "/faults", {"fault": name, **options})


def look_up(sandbox: SandboxProcess, project: str) -> httpx.Response:
    return sandbox.ask(FIND, p=project, n="a")


@pytest.mark.parametrize("name", KNOWN)
def test_an_early_answer_is_given_so_often_and_executes_nothing(
    sandbox: SandboxProcess, project: str, name: str
) -> None:
    fault(sandbox, name, times=2)
    answers = [sandbox.upload(project, "a", ndjson([car()])) for _ in range(3)]
    expected = 503 if name == "status" else int(name[:3])
    assert [answer.status_code for answer in answers] == [expected, expected, 200]
    data_of(answers[2])


@pytest.mark.parametrize(("given", "header"), [({}, "1"), ({"retryAfter": 7}, "7"), ({"retryAfter": None}, None)])
def test_throttling_says_when_to_come_back_or_does_not(
    sandbox: SandboxProcess, project: str, given: dict[str, Any], header: str | None
) -> None:
    fault(sandbox, "429", **given)
    answer = look_up(sandbox, project)
    assert answer.json()["message"].startswith("You have exceeded")
    assert answer.headers.get("retry-after") == header


def test_throttling_can_hide_in_a_200(sandbox: SandboxProcess, project: str) -> None:
    fault(sandbox, "429", status=200)
    answer = look_up(sandbox, project)
    assert (answer.status_code, list(answer.json())) == (200, ["message"])


def test_a_fault_of_seconds_ends_by_itself(sandbox: SandboxProcess, project: str) -> None:
    fault(sandbox, "503", seconds=0.2, retryAfter=1)
    assert look_up(sandbox, project).headers["retry-after"] == "1"
    deadline = time.monotonic() + 10
    while look_up(sandbox, project).status_code == 503:
        assert time.monotonic() < deadline


def test_a_fault_can_be_for_one_project_and_kind_of_operation(sandbox: SandboxProcess, project: str) -> None:
    sandbox.project("cother", CARS)
    fault(sandbox, "502", seconds=60, project=project, operations="create")
    assert look_up(sandbox, project).status_code == 200
    assert sandbox.upload("cother", f"of {project}", b"").status_code == 200
    assert sandbox.upload(project, "a", b"").status_code == 502
    sandbox.control("DELETE", "/faults")
    assert sandbox.upload(project, "a", b"").status_code == 200


def test_bodies_above_a_size_are_too_large(sandbox: SandboxProcess, project: str) -> None:
    fault(sandbox, "413", seconds=60, bytes=5000)
    assert sandbox.upload(project, "a", ndjson([car()])).status_code == 200
    assert sandbox.upload(project, "b", ndjson(car(n) for n in range(100))).status_code == 413


def test_latency_answers_later(sandbox: SandboxProcess, project: str) -> None:
    fault(sandbox, "latency", latency=0.2)
    begun = time.monotonic()
    assert look_up(sandbox, project).status_code == 200
    assert time.monotonic() - begun >= 0.2


def test_a_graphql_error_can_be_any(sandbox: SandboxProcess, project: str) -> None:
    fault(sandbox, "graphql-error", exceptionStatus=426)
    answer = look_up(sandbox, project)
    assert code_of(answer) == "INTERNAL_SERVER_ERROR"
    assert answer.json()["errors"][0]["extensions"]["exception"] == {"status": 426}


def test_a_reset_cuts_the_connection_before_anything_happens(sandbox: SandboxProcess, project: str) -> None:
    fault(sandbox, "reset")
    with pytest.raises(CUT):
        sandbox.upload(project, "a", b"")
    assert code_of(look_up(sandbox, project)) == "RESOURCE_NOT_FOUND"


def test_an_accepted_import_can_time_out(sandbox: SandboxProcess, project: str) -> None:
    fault(sandbox, "accept-then-time-out")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sandbox.http, "timeout", httpx.Timeout(0.5))
        with pytest.raises(httpx.ReadTimeout):
            sandbox.upload(project, "a", ndjson([car()]))
    assert sandbox.ended(project, "a")["state"] == "FINISHED"
    log = [entry for entry in sandbox.control("GET", "/requests") if entry["projectId"] == project]
    assert (log[0]["fault"], log[0]["status"]) == ("accept-then-time-out", None)


def test_an_accepted_import_can_lose_its_connection(sandbox: SandboxProcess, project: str) -> None:
    fault(sandbox, "accept-then-time-out", cut=True)
    with pytest.raises(CUT):
        sandbox.upload(project, "a", ndjson([car()]))
    assert sandbox.ended(project, "a")["state"] == "FINISHED"


def test_an_accepted_import_can_be_answered_with_a_status(sandbox: SandboxProcess, project: str) -> None:
    fault(sandbox, "accept-then-time-out", status=504)
    assert sandbox.upload(project, "a", ndjson([car()])).status_code == 504
    assert sandbox.ended(project, "a")["state"] == "FINISHED"


def test_rows_fail_by_their_key(sandbox: SandboxProcess, project: str) -> None:
    fault(sandbox, "row-failure", match="cam-3", error="DataRowNotFound")
    lines = [car(1, "cam-1/1"), car(2, "cam-3/1"), car(3, "cam-3/2")]
    assert "FAILURE" not in str(sandbox.statuses(project, "other", lines[:1])), "it waits for an import with the key"
    first = sandbox.statuses(project, "a", lines)
    assert [each["status"] for each in first] == ["SUCCESS", "FAILURE", "FAILURE"]
    assert first[1]["errors"][0]["name"] == "DataRowNotFound"
    assert "FAILURE" not in str(sandbox.statuses(project, "b", lines)), "once is one import"


def test_every_nth_row_fails(sandbox: SandboxProcess, project: str) -> None:
    fault(sandbox, "row-failure", every=3, error="GeometryInvalid")
    statuses = sandbox.statuses(project, "a", [car(n) for n in range(6)])
    assert [each["status"] == "SUCCESS" for each in statuses] == [True, True, False] * 2


def test_an_import_fails(sandbox: SandboxProcess, project: str) -> None:
    fault(sandbox, "failed-import", message="too much")
    sandbox.upload(project, "a", ndjson([car()]))
    failed = sandbox.ended(project, "a")
    assert (failed["state"], failed["statusFileUrl"]) == ("FAILED", None)
    assert parsed(httpx.get(failed["errorFileUrl"]).content) == [{"error": "too much"}]
    assert sandbox.pre_labels(project) == []


def test_an_import_can_fail_without_an_error_file(sandbox: SandboxProcess, project: str) -> None:
    fault(sandbox, "failed-import", errorFile=False)
    sandbox.upload(project, "a", ndjson([car()]))
    failed = sandbox.ended(project, "a")
    assert (failed["state"], failed["errorFileUrl"]) == ("FAILED", None)


def test_a_state_can_be_one_that_nobody_knows(sandbox: SandboxProcess, project: str) -> None:
    sandbox.upload(project, "a", ndjson([car()]))
    fault(sandbox, "odd-state", state="THINKING")
    assert sandbox.find(project, "a")["state"] == "THINKING"
    assert sandbox.ended(project, "a")["state"] == "FINISHED"


def test_an_import_is_stuck_until_faults_are_cleared_and_others_pass_it(sandbox: SandboxProcess, project: str) -> None:
    fault(sandbox, "stuck-running")
    sandbox.upload(project, "a", ndjson([car(1)]))
    sandbox.upload(project, "b", ndjson([car(2)]))
    assert sandbox.ended(project, "b")["state"] == "FINISHED"
    assert sandbox.find(project, "a")["state"] == "RUNNING"
    sandbox.control("DELETE", "/faults")
    assert sandbox.ended(project, "a")["state"] == "FINISHED"


def test_status_lines_are_lost(sandbox: SandboxProcess, project: str) -> None:
    fault(sandbox, "lost-status-lines", every=2)
    assert len(sandbox.statuses(project, "a", [car(n) for n in range(5)])) == 3
    assert len(sandbox.pre_labels(project)) == 5


def test_status_lines_are_doubled(sandbox: SandboxProcess, project: str) -> None:
    fault(sandbox, "doubled-status-lines", every=2)
    statuses = sandbox.statuses(project, "a", [car(n) for n in range(3)])
    assert [each["status"] for each in statuses] == ["SUCCESS", "SUCCESS", "FAILURE", "SUCCESS"]
    assert statuses[1]["uuid"] == statuses[2]["uuid"]


@pytest.mark.parametrize(("name", "json"), [("not-json", False), ("null-data", True)])
def test_an_answer_can_be_empty(sandbox: SandboxProcess, project: str, name: str, json: bool) -> None:
    fault(sandbox, name)
    answer = look_up(sandbox, project)
    assert answer.status_code == 200
    assert (answer.text == '{"data":null}') == json
    assert code_of(look_up(sandbox, project)) == "RESOURCE_NOT_FOUND"


def test_a_file_can_be_cut_half_way(sandbox: SandboxProcess, project: str) -> None:
    sandbox.upload(project, "a", ndjson([car()]))
    url = sandbox.ended(project, "a")["statusFileUrl"]
    fault(sandbox, "file-status", cut=True)
    with pytest.raises(CUT):
        httpx.get(url)
    assert len(parsed(httpx.get(url).content)) == 1


def test_a_file_cannot_be_fetched(sandbox: SandboxProcess, project: str) -> None:
    sandbox.upload(project, "a", b"")
    url = sandbox.ended(project, "a")["statusFileUrl"]
    fault(sandbox, "file-status", status=500)
    assert [httpx.get(url).status_code for _ in range(2)] == [500, 200]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"fault": "flood"},
        {"fault": "503", "times": 0},
        {"fault": "503", "hold": 3},
        {"fault": "429", "seconds": "1"},
    ],
)
def test_a_fault_that_is_none_is_refused_with_the_reason(sandbox: SandboxProcess, given: dict[str, Any]) -> None:
    answer = sandbox.http.post(f"{sandbox.url}/_sandbox/faults", json=given)
    assert answer.status_code == 400
    assert answer.json()["error"]
