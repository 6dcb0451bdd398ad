"""No command prints a time in another form than ISO 8601 in UTC."""

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prelabel.unix_time import UnixTime
from tests.support.command import Command, command_of
from tests.support.rig import Rig

ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
LIKE_A_DATE = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d\S*( UTC)?")
JSON_COMMANDS = [
    "status --json",
    "project list --json",
    "project show {p} --json",
    "account list --json",
    "import list --json",
    "dead list --json",
    "dead groups --json",
    "actions --json",
    "row show retried --json",
    "row show done --json",
    "row show waiting --json",
    "doctor --json",
]
TEXT_COMMANDS = ["status", "project show {p}", "account list", "import list", "dead show {d} --project {p}", "doctor"]


@pytest.fixture
def prelabel(rig: Rig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return command_of(rig.settings, monkeypatch, tmp_path, capsys)


@pytest.fixture
def dead_id(rig: Rig, prelabel: Command) -> str:
    """A project with a settled import, dead letters, rows in lanes, pauses with and without an end, and actions."""
    project = rig.project.id
    rig.publish("done")
    rig.settle()
    (dead_id, _) = rig.project.kill("dead", "retried")
    assert prelabel("dead", "retry", "--project", project, "--since", "1h", "--data-row", "retried").code == 0
    assert prelabel("project", "pause", project, "--for", "5m").code == 0
    assert prelabel("project", "set", project, "--linger-seconds", "3").code == 0
    assert prelabel("account", "pause", "default", "--for", "90s").code == 0
    rig.publish("waiting")
    return str(dead_id)


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value that is no container, with its path."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        yield from leaves(item, f"{path}.{name}")
    if not isinstance(value, dict | list):
        yield path, value


@pytest.mark.parametrize("line", JSON_COMMANDS)
def test_json_has_each_time_in_iso_8601_and_each_duration_in_seconds(
    rig: Rig, prelabel: Command, dead_id: str, line: str
) -> None:
    done = prelabel(*line.format(p=rig.project.id, d=dead_id).split())
    for path, value in leaves(done.json):
        assert not re.search(r"(Ms|Minutes)$", path), path
        if re.search(r"(At|\.at|ntil|ince)$", path):
            assert value is None or ISO.fullmatch(value), (path, value)
        elif isinstance(value, int | float):
            assert not 1e9 < value < 1e14, f"{path} looks like a Unix time: {value}"


@pytest.mark.parametrize("line", TEXT_COMMANDS)
def test_text_has_each_time_in_iso_8601(rig: Rig, prelabel: Command, dead_id: str, line: str) -> None:
    done = prelabel(*line.format(p=rig.project.id, d=dead_id).split())
    for time in LIKE_A_DATE.finditer(done.out):
        assert ISO.fullmatch(time[0].rstrip(",;:)")), time[0]


@pytest.mark.parametrize("format_", ["ndjson", "csv"])
def test_an_export_has_each_time_in_iso_8601(rig: Rig, prelabel: Command, dead_id: str, format_: str) -> None:
    done = prelabel("dead", "export", "--project", rig.project.id, "--format", format_)
    rows = csv.DictReader(done.out.splitlines()) if format_ == "csv" else map(json.loads, done.out.splitlines())
    for row in rows:
        assert ISO.fullmatch(row["firstAt"])
        assert ISO.fullmatch(row["lastAt"])


def test_a_printed_time_given_back_as_since_finds_the_dead_letter(rig: Rig, prelabel: Command, dead_id: str) -> None:
    (letter,) = prelabel("dead", "list", "--project", rig.project.id, "--json").json["deadLetters"]
    exact = ("--since", letter["lastAt"], "--until", letter["lastAt"])
    again = prelabel("dead", "list", "--project", rig.project.id, *exact, "--json")
    assert [found["id"] for found in again.json["deadLetters"]] == [dead_id]


def test_an_action_has_its_filter_s_times_and_its_pause_in_seconds(rig: Rig, prelabel: Command, dead_id: str) -> None:
    actions = prelabel("actions", "--json").json["actions"]
    details = {action["action"]: action["details"] for action in actions}
    assert UnixTime.from_iso(details["retry"]["since"]) < UnixTime.now()
    assert details["pause"]["pauseSeconds"] == 300
    assert details["account-pause"]["pauseSeconds"] == 90
    assert details["set"] == {"linger-seconds": "3"}


def test_a_pause_without_an_end_has_none(rig: Rig, prelabel: Command) -> None:
    rig.publish("a")
    prelabel("project", "pause", rig.project.id)
    prelabel("account", "pause", "default")
    (project,) = prelabel("status", "--project", rig.project.id, "--json").json["projects"]
    (account,) = prelabel("account", "list", "--json").json["accounts"]
    assert (project["paused"] is not None, project["pausedUntil"]) == (True, None)
    assert account["stops"][0]["until"] is None
