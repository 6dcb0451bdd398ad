"""What `--json` prints of commands that change something: one document on standard output, whatever the exit code."""

from pathlib import Path
from typing import Any

import pytest

from prelabel.unix_time import UnixTime
from prelabel.wire import keys
from prelabel_worker.quarantine.keys import KeyTypes
from tests.support.command import Command, command_of
from tests.support.dead_letters import real_message
from tests.support.project import Project


@pytest.fixture
def prelabel(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Command:
    return command_of(project.settings, monkeypatch, tmp_path, capsys)


NOTHING_TO_DO: list[tuple[str, int, Any]] = [
    ("project set p --chunk-rows 500 --json", 0, {"projectId": "p", "overrides": {"chunk-rows": "500"}}),
    ("project set p --chunk-rows default --json", 0, {"projectId": "p", "overrides": {}}),
    ("project pause p --json", 0, {"projectId": "p", "paused": True, "pausedUntil": None}),
    ("project resume p --json", 3, {"projectId": "p", "resumed": False}),
    ("project flush p --json", 0, {"projectId": "p", "rows": 1}),
    ("project retry p --json", 3, {"projectId": "p", "rows": 0, "beingTried": 0}),
    ("project forget p --json --yes", 3, {"names": 0, "keys": 0}),
    ("project forget --malformed --json --yes", 3, {"names": 0, "keys": 0}),
    ("account pause default --json", 0, {"account": "default", "paused": True, "pausedUntil": None}),
    ("account resume default --json", 3, {"account": "default", "resumed": False}),
    ("import retry --json", 3, {"chunks": 0}),
]


@pytest.mark.parametrize(("line", "code", "document"), NOTHING_TO_DO, ids=[line for line, _, _ in NOTHING_TO_DO])
def test_the_answer_is_one_document(project: Project, prelabel: Command, line: str, code: int, document: Any) -> None:
    project.publish(real_message("a"))
    done = prelabel(*line.split())
    assert (done.code, done.json) == (code, document)


@pytest.mark.parametrize("noun", ["project", "account"])
def test_a_pause_names_its_end_and_a_resume_what_it_did(project: Project, prelabel: Command, noun: str) -> None:
    project.publish(real_message("a"))
    name = "p" if noun == "project" else "default"
    until = prelabel(noun, "pause", name, "--for", "9m", "--json").json["pausedUntil"]
    seconds = UnixTime.from_iso(until) - UnixTime.now()
    assert 480 < seconds <= 540.001  # an ISO time is rounded to milliseconds
    assert prelabel(noun, "pause", name, "--for", "9").code == 2  # minutes or seconds?
    assert prelabel(noun, "resume", name, "--json").json["resumed"] is True


def test_forgetting_counts_names_and_keys(project: Project, prelabel: Command) -> None:
    project.client.zadd(keys.projects(project.settings.key_prefix), {"two words": 0})
    project.client.set(f"{keys.project_root(project.settings.key_prefix, 'p')}:timers", "x")
    project.client.zadd(keys.projects(project.settings.key_prefix), {"p": 0})
    assert KeyTypes(project.client, project.settings.key_prefix).wrong("p")
    assert prelabel("project", "forget", "--malformed", "--yes", "--json").json == {"names": 1, "keys": 0}
    assert prelabel("project", "forget", "p", "--yes", "--json").json == {"names": 1, "keys": 1}


def test_waiting_prints_the_projects_at_its_end_and_at_its_timeout(project: Project, prelabel: Command) -> None:
    project.publish(real_message("a"))
    done = prelabel("wait", "--timeout", "0", "--json")
    assert (done.code, done.json["projects"][0]["pending"]) == (3, 1)
    (wait,) = done.json["waits"]
    assert (wait["projectId"], wait["cause"]) == ("p", "no-worker")
    assert f"p waits: {wait['why']}; {wait['remedy']}" in done.err
    assert prelabel("wait", "--project", "none", "--json").code == 3


def test_publishing_counts_what_was_published_refused_and_published_before(
    project: Project, prelabel: Command, tmp_path: Path
) -> None:
    file = tmp_path / "rows.ndjson"
    file.write_bytes(real_message("a").raw + b"\n" + b"no message\n")

    done = prelabel("publish", str(file), "--json")
    (error,) = errors = done.json["errors"]
    assert (done.code, done.json) == (1, {"published": 1, "refused": 1, "errors": errors})
    assert (error["line"], error["reason"], error["hint"]) == (2, "malformed-json", None)
    words = ("publish", str(file), "--json", "--report", "r.ndjson")
    assert prelabel(*words).json == {"published": 1, "refused": 1, "publishedBefore": 0, "errors": errors}
    assert prelabel(*words).json == {"published": 0, "refused": 1, "publishedBefore": 1, "errors": errors}
    waited = prelabel(*words, "--wait", "--timeout", "0")
    assert waited.code == 3
    assert waited.json["outcomes"] == {"refused": 1, "pending": 1}
    assert waited.json.keys() == {"published", "refused", "publishedBefore", "outcomes", "waits", "errors"}
