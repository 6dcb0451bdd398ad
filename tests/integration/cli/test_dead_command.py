"""`prelabel dead` on a real Redis: its output, its effects and its exit codes."""

import csv
import io
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from prelabel.errors import Misnamed, NotInOntology, Reason, quoted
from prelabel_worker.chunks.held_rows import Origin, Problem, facts_of, held_frame, held_row
from prelabel_worker.chunks.rows import RowOutcome
from prelabel_worker.cli.main import run as run_command
from prelabel_worker.dead_letters.bulk import Bulk
from prelabel_worker.dead_letters.csv_cells import read_back
from prelabel_worker.dead_letters.store import BulkResult, HeldRows
from prelabel_worker.operations.action_log import Actions
from tests.support.command import Command, command_of
from tests.support.dead_letters import check_indexes, import_over, kill, real_message
from tests.support.project import Project


@pytest.fixture
def dead(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Command:
    """`prelabel dead`."""
    return command_of(project.settings, monkeypatch, tmp_path, capsys, "dead")


@pytest.fixture
def actions(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Command:
    """`prelabel actions`."""
    return command_of(project.settings, monkeypatch, tmp_path, capsys, "actions")


@pytest.fixture
def dead_letters(project: Project) -> list[str]:
    """Make dead letters of rows a, b and c with a feature `Car`, and of d without it."""
    some = kill(project, *(real_message(key, model="yolo") for key in "abc"), reason="unknown-feature")
    return some + kill(project, real_message("d", name="tree"))


def entries(project: Project) -> list[dict[str, Any]]:
    """Return the messages that wait in the lanes, by data row."""
    chunk = project.take(project.cut())
    return sorted((orjson.loads(row.raw) for row in project.rows(chunk)), key=lambda m: m["dataRow"]["globalKey"])


def test_dead_letters_are_listed_with_every_filter_and_a_limit(
    project: Project, dead: Command, dead_letters: list[str]
) -> None:
    def listed(*filters: str) -> list[str]:
        return sorted(
            dead_letter["dataRow"] for dead_letter in dead("list", "-p", "p", "--json", *filters).json["deadLetters"]
        )

    group = dead("list", "-p", "p", "--json", "--message-id", "id-d").json["deadLetters"][0]["group"]
    assert listed() == ["k:a", "k:b", "k:c", "k:d"]
    assert listed("--reason", "unknown-feature") == listed("--model", "yolo") == ["k:a", "k:b", "k:c"]
    assert listed("--group", group) == listed("--data-row", "d") == listed(dead_letters[3]) == ["k:d"]
    assert listed("--since", "1h", "--until", "2100-01-01T00:00:00Z", "--message-id", "id-b") == ["k:b"]
    assert listed("--until", "1h ago") == []
    assert len(listed("--limit", "2")) == 2
    assert dead("list", "-p", "p", "--until", "1h").code == 3
    assert dead("list", "-p", "p", "--since", "yesterday").code == 2
    assert dead("list", "-p", "p", "--since", "2026-01-01T00:00:00").code == 2


def test_the_list_says_how_often_a_dead_letter_was_retried(project: Project, dead: Command) -> None:
    (dead_letter_id,) = kill(project, real_message("[red]a"))
    assert "retried" not in dead("list").out
    for _ in range(2):
        project.held.retry("p", [dead_letter_id])
        chunk = project.take(project.cut())
        project.settle(chunk, imported=0, outcomes=[project.holding(row) for row in project.rows(chunk)])

    assert "retried 2 times" in dead("list").out
    assert "k:[red]a" in dead("list").out
    assert "retried: retried 2 times" in dead("show", dead_letter_id).out
    assert dead("list", "--json").json["deadLetters"][0]["retried"] == 2


def test_groups_say_the_cause_the_count_and_the_command_that_retries_them(
    project: Project, dead: Command, dead_letters: list[str]
) -> None:
    answer = dead("groups", "--project", "p", "--json").json

    first, second = answer["groups"]
    assert (first["reason"], first["rows"], second["rows"]) == ("unknown-feature", 3, 1)
    assert first["example"] == {"path": "annotations[3].bbox", "expected": "a number"}
    assert first.keys() == {
        "projectId", "group", "reason", "rows", "example", "sample", "firstAt", "lastAt", "retry",
        "addDataRows",
    }  # fmt: skip
    assert first["retry"] == f"prelabel dead retry --project p --group {first['group']}"
    shown = dead("groups").out
    assert "unknown-feature: 3 rows of p" in shown
    assert first["retry"] in shown
    assert dead(*first["retry"].split()[2:], "--json").json == {"matched": 3, "done": 3, "skipped": 0}
    assert dead("groups", "--project", "other").code == 3


def test_the_command_of_a_group_of_misspelt_names_fixes_all_its_rows_and_no_other(
    project: Project, dead: Command
) -> None:
    names = ("Persn", "Persn", "Peson")
    messages = [real_message(f"word{at}", name=name) for at, name in enumerate(names)]
    project.publish(*messages)
    chunk = project.take(project.cut())
    outcomes = []
    for row, name in zip(project.rows(chunk), names, strict=True):
        misnamed = Misnamed("feature", name, "Person")
        error = NotInOntology(Reason.UNKNOWN_FEATURE, "annotations[0].name", quoted(name), "a feature", None, misnamed)
        problem = Problem(error.reason, error.details())
        outcomes.append(held_row(row, problem, Origin("submit", "c"), facts_of(row.raw)))
    project.settle(chunk, imported=0, outcomes=outcomes)

    first, second = dead("groups", "--project", "p", "--json").json["groups"]

    assert (first["rows"], second["rows"]) == (2, 1)
    assert first["retry"] == f"prelabel dead retry --project p --group {first['group']} --rename-feature Persn=Person"
    assert dead(*first["retry"].split()[2:], "--json").json == {"matched": 2, "done": 2, "skipped": 0}
    assert [message["annotations"][0]["name"] for message in entries(project)] == ["Person", "Person"]
    assert "found 'Peson'" in dead("list", "-p", "p").out
    assert f"--rename-feature {names[2]}=Person" in dead("show", second["sample"]).out
    listed = dead("show", second["sample"], "--json").json
    assert listed["retry"] == f"prelabel dead retry {second['sample']} --project p --rename-feature Peson=Person"
    assert listed["addDataRows"] is None


def test_actions_are_listed_by_project_or_by_account(project: Project, actions: Command) -> None:
    record = Actions(project.client, project.settings.key_prefix)
    record.record_account("north", "pause", {})
    record.record_account("south", "pause", {})
    record.record("p", "retry", {})
    project.publish(real_message("a"))

    def shown(*options: str) -> list[tuple[str, str]]:
        return [(action["projectId"], action["account"]) for action in actions("--json", *options).json["actions"]]

    assert sorted(shown()) == [("", "north"), ("", "south"), ("p", "")]
    assert shown("--project", "p") == [("p", "")]
    assert shown("--account", "north", "--limit", "1") == [("", "north")]
    assert actions("--account", "east").code == 3
    assert actions("--account", "north", "--project", "p").code == 2
    assert "account-pause  south" in actions().out


def test_show_says_what_labelbox_has_and_what_can_be_done(project: Project, dead: Command) -> None:
    project.publish(real_message("a"))
    chunk = project.take(project.cut())
    (row,) = project.rows(chunk)
    problem = Problem(Reason.REFUSED, {"errors": [{"name": "E1", "message": "no"}], "taken": ["uuid-1", "uuid-2"]})
    project.settle(chunk, imported=0, outcomes=[held_row(row, problem, Origin("settle", "c"), facts_of(row.raw))])

    done = dead("show", "1", "--project", "p")

    assert "Labelbox already has: 2 annotations: uuid-1, uuid-2" in done.out
    for action in ("retry", "edit", "discard"):
        assert f"prelabel dead {action} 1 --project p" in done.out
    assert dead("show", "77").code == 3
    (group,) = dead("groups", "--json").json["groups"]
    assert group["example"] == {"errorName": "E1", "errorMessage": "no"}
    (row_of_table,) = csv.DictReader(io.StringIO(dead("export", "--format", "csv").out))
    assert (row_of_table["path"], row_of_table["found"]) == ("E1", "no")


def test_a_dead_letter_is_edited_from_a_file_checked_and_retried(
    project: Project, dead: Command, dead_letters: list[str]
) -> None:
    body = orjson.loads(real_message("a", name="car", model="yolo").raw)
    wrong = json.dumps(body | {"annotations": [{"name": "car", "bbox": {"top": "x"}}]}).encode()

    refused = dead("edit", dead_letters[0], "-p", "p", "--file", "-", stdin=wrong)

    assert refused.code == 2
    assert "annotations[0].bbox" in refused.err
    assert "the dead letter stays" in refused.err
    in_json = dead("edit", dead_letters[0], "-p", "p", "--file", "-", "--json", stdin=wrong)
    assert in_json.json["error"]["path"].startswith("annotations[0].bbox")
    assert in_json.json["error"].keys() >= {"reason", "found", "expected"}
    assert dead("edit", dead_letters[0], "-p", "p", "--file", "no-such-file").code == 2
    project.audit()
    pretty = json.dumps(body, indent=2).encode()
    kept = dead("edit", dead_letters[0], "-p", "p", "--file", "-", "--keep", "--json", stdin=pretty)
    assert (kept.code, kept.json) == (0, {"matched": 1, "done": 1, "skipped": 0})
    assert project.status().dead == 4
    assert dead("edit", dead_letters[0], "-p", "p", "--file", "-", stdin=pretty).code == 0
    assert entries(project) == [body]
    assert dead("edit", dead_letters[0], "-p", "p", "--file", "-", stdin=pretty).code == 3
    check_indexes(project)


def test_an_editor_opens_on_the_message_and_an_unchanged_one_leaves_the_dead_letter(
    project: Project, dead: Command, dead_letters: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VISUAL", "true")
    assert dead("edit", dead_letters[0], "-p", "p").code == 3
    monkeypatch.setenv("VISUAL", "false")
    assert dead("edit", dead_letters[0], "-p", "p").code == 2
    monkeypatch.setenv("VISUAL", "sed -i s/Car/car/")
    assert dead("edit", dead_letters[0], "-p", "p").code == 0
    assert entries(project)[0]["annotations"][0]["name"] == "car"

    monkeypatch.setenv("VISUAL", "sed -i s/annotations/annotation/")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    refused = dead("edit", dead_letters[1], "-p", "p")

    assert refused.code == 2
    (saved,) = tmp_path.glob("prelabel-*.json")
    assert f"--file {saved}" in refused.err
    assert '"annotation": ' in saved.read_text()


def test_a_dry_run_says_how_many_a_retry_would_supersede(project: Project, dead: Command) -> None:
    kill(project, *(real_message(key) for key in "abcd"))
    import_over(project, *(real_message(key, message_id=f"newer-{key}") for key in "abc"))

    dry = dead("retry", "-p", "p", "--reason", "refused", "--dry-run")
    edited = dead("retry", "-p", "p", "--reason", "refused", "--rename-feature", "Car=car", "--dry-run", "--json")
    as_new = dead("retry", "-p", "p", "--reason", "refused", "--as-new", "--dry-run", "--json")

    assert dry.out.strip() == "would retry 1 of 4; 3 superseded"
    assert edited.json == {"matched": 4, "done": 0, "skipped": 0, "superseded": 3}
    assert as_new.json == {"matched": 4, "done": 0, "skipped": 0, "superseded": 0}
    assert project.status().dead == 4


def test_dead_letters_are_edited_on_their_way_back(
    project: Project, dead: Command, dead_letters: list[str], tmp_path: Path
) -> None:
    (tmp_path / "rows.csv").write_text("old,new\nb,moved\n")
    words = ("retry", "-p", "p", "--rename-feature", "Car=car", "--data-row-from", "rows.csv")

    dry = dead(*words, "--dry-run", "--json")

    assert dry.json == {"matched": 4, "done": 0, "skipped": 1, "superseded": 0}
    assert dry.err.count('annotations[0].name: "Car" → "car"') == 3
    assert 'dataRow.globalKey: "b" → "moved"' in dry.err
    assert "skipped: 1 unchanged" in dry.err
    assert project.status().dead == 4
    done = dead(*words, "--json")
    assert (done.code, done.json) == (0, {"matched": 4, "done": 3, "skipped": 1})
    found = [(body["dataRow"]["globalKey"], body["annotations"][0]["name"]) for body in entries(project)]
    assert found == [("a", "car"), ("c", "car"), ("moved", "car")]
    assert project.status().dead == 1
    check_indexes(project)


def test_a_dead_letter_that_does_not_exist_is_skipped_with_the_reason(dead: Command, dead_letters: list[str]) -> None:
    for action in (("retry",), ("discard", "--yes")):
        done = dead(action[0], "999", "-p", "p", *action[1:])
        assert (done.code, done.out) == (3, "matched 1, done 0, skipped 1\n")
        assert "skipped: 1 no dead letter" in done.err


def test_a_misspelt_reason_is_told_the_nearest(dead: Command, dead_letters: list[str]) -> None:
    done = dead("list", "--reason", "unknown-featur")

    assert done.code == 3
    assert "no reason code is called unknown-featur; did you mean unknown-feature or " in done.err


def test_an_edited_message_that_would_be_refused_is_skipped_and_counted(
    project: Project, dead: Command, dead_letters: list[str]
) -> None:
    done = dead("retry", "-p", "p", "--rename-feature", f"Car={'x' * 1001}", "--json")

    assert done.json == {"matched": 4, "done": 0, "skipped": 4}
    assert "3 invalid-annotation" in done.err
    assert "1 unchanged" in done.err
    assert project.status().dead == 4


def test_a_retry_as_new_takes_a_new_number(project: Project, dead: Command, dead_letters: list[str]) -> None:
    assert dead("retry", dead_letters[0], "-p", "p", "--as-new").code == 0

    (row,) = project.rows(project.take(project.cut()))
    assert row.seq == 5


def test_an_interrupted_action_answers_with_what_is_done_and_is_recorded(
    project: Project, dead: Command, actions: Command, dead_letters: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    added = Bulk._add

    def interrupted(self: Bulk, project_id: str, part: BulkResult) -> None:
        added(self, project_id, part)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Bulk, "_add", interrupted)

    done = dead("retry", "-p", "p", "--rate", "1", "--json")

    assert (done.code, done.json) == (130, {"matched": 1, "done": 1, "skipped": 0})
    assert project.status().dead == 3
    (action,) = actions("--json").json["actions"]
    assert (action["details"]["matched"], action["details"]["done"]) == (1, 1)


def test_ctrl_c_ends_the_real_command_with_a_right_answer(
    project: Project, tmp_path: Path, wait_for: Callable[..., None]
) -> None:
    kill(project, *(real_message(f"k{n}") for n in range(60)))
    environment = {
        "PRELABEL_REDIS_URL": project.settings.redis_url.get_secret_value(),
        "PRELABEL_KEY_PREFIX": project.settings.key_prefix,
    }
    command = [sys.executable, "-m", "prelabel_worker.cli", "dead", "retry", "-p", "p", "--rate", "5", "--json"]
    running = subprocess.Popen(
        command, cwd=tmp_path, env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_for(lambda: project.status().dead < 60, "a first slice")

    running.send_signal(signal.SIGINT)
    output, errors = running.communicate(timeout=30)

    done = 60 - project.status().dead
    assert running.returncode == 130
    assert json.loads(output) == {"matched": done, "done": done, "skipped": 0}
    assert "interrupted" in errors
    assert done < 60


def test_discarding_needs_a_yes_and_is_counted_and_recorded(
    project: Project, dead: Command, actions: Command, dead_letters: list[str]
) -> None:
    refused = dead("discard", "-p", "p", "--reason", "unknown-feature")
    assert refused.code == 2
    assert "--yes" in refused.err
    dry = dead("discard", "-p", "p", "--reason", "unknown-feature", "--dry-run", "--json")
    assert dry.json == {"matched": 3, "done": 0, "skipped": 0}
    assert actions().code == 3

    done = dead("discard", "-p", "p", "--reason", "unknown-feature", "--yes", "--json")

    assert (done.code, done.json) == (0, {"matched": 3, "done": 3, "skipped": 0})
    status = project.status()
    assert (status.dead, status.discarded, status.pending) == (1, 3, 0)
    check_indexes(project)
    (action,) = actions("--project", "p", "--json").json["actions"]
    assert action.keys() == {"projectId", "account", "at", "action", "who", "details"}
    assert abs(datetime.fromisoformat(action["at"]).timestamp() - time.time()) < 60
    assert action["at"].endswith("Z")
    assert (action["projectId"], action["action"]) == ("p", "discard")
    assert action["details"] == {"reason": "unknown-feature", "matched": 3, "done": 3, "skipped": 0}
    assert "discard" in actions().out
    assert dead("discard", "-p", "p", "--reason", "unknown-feature", "--yes").code == 3


def test_a_dead_letter_that_dies_after_the_command_began_is_not_touched(
    project: Project,
    dead: Command,
    dead_letters: list[str],
    monkeypatch: pytest.MonkeyPatch,
    wait_for: Callable[..., None],
) -> None:
    began = project.held.now_ms()
    wait_for(lambda: project.held.now_ms() > began, "the next millisecond")
    (later,) = kill(project, real_message("later"))
    monkeypatch.setattr(HeldRows, "now_ms", lambda self: began)

    assert dead("discard", "-p", "p", "--yes", "--json").json == {"matched": 4, "done": 4, "skipped": 0}

    assert dead("retry", "-p", "p").code == 3
    assert dead("retry", later, "-p", "p").code == 0


@pytest.mark.parametrize(("word", "left"), [("y", 0), ("n", 4)])
def test_on_a_terminal_the_person_is_asked_with_the_count(
    project: Project, dead: Command, dead_letters: list[str], word: str, left: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def confirm(text: str, **_: Any) -> bool:
        asked.append(text)
        return word == "y"

    monkeypatch.setattr("typer.confirm", confirm)
    monkeypatch.setattr("prelabel_worker.cli.dead.discard._on_a_terminal", lambda: True)

    done = dead("discard", "-p", "p")

    assert asked == ["Discard 4 dead letters of p for good?"]
    assert done.code == (0 if word == "y" else 3)
    assert project.status().dead == left


def test_dead_letters_are_exported_whole_as_messages_and_as_a_table(
    project: Project, dead: Command, dead_letters: list[str], tmp_path: Path
) -> None:
    whole = [json.loads(line) for line in dead("export", "-p", "p").out.splitlines()]
    assert {dead_letter["id"] for dead_letter in whole} == set(dead_letters)
    assert whole[0].keys() >= {"details", "message", "group", "superseded", "rows", "firstAt", "retried"}
    done = dead("export", "-p", "p", "--messages", "--reason", "unknown-feature", "--output", "out.ndjson")
    assert (done.code, done.out) == (0, "")
    assert "exported 3 dead letters" in done.err
    lines = (tmp_path / "out.ndjson").read_bytes().splitlines()
    assert set(lines) == {real_message(key, model="yolo").raw for key in "abc"}
    table = list(csv.DictReader(io.StringIO(dead("export", "-p", "p", "--format", "csv").out)))
    assert {row["dataRow"] for row in table} == {"k:a", "k:b", "k:c", "k:d"}
    assert (table[0]["path"], table[0]["expected"], table[0]["attempts"]) == ("annotations[3].bbox", "a number", "1")
    assert [path.name for path in tmp_path.iterdir()] == ["out.ndjson"]
    assert dead("export", "-p", "p", "--format", "csv", "--messages").code == 2
    assert dead("export", "-p", "other").code == 3
    assert dead("export", "-p", "p", "--output", "no-folder/x").code == 2


def test_an_export_that_nobody_reads_to_the_end_ends_quietly(project: Project, tmp_path: Path) -> None:
    kill(project, *(real_message(f"k{n}") for n in range(300)))
    environment = {
        "PRELABEL_REDIS_URL": project.settings.redis_url.get_secret_value(),
        "PRELABEL_KEY_PREFIX": project.settings.key_prefix,
    }
    command = [sys.executable, "-m", "prelabel_worker.cli", "dead", "export", "-p", "p"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        assert json.loads(running.stdout.readline())["projectId"] == "p"
        running.stdout.close()
        errors = running.stderr.read()

    assert running.returncode == 0, errors
    assert "Traceback" not in errors
    assert "Error" not in errors


def test_exported_messages_can_be_published_again(
    project: Project, dead: Command, dead_letters: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    dead("export", "-p", "p", "--messages", "--output", "out.ndjson")
    project.held.discard("p", dead_letters)
    monkeypatch.setattr(sys, "argv", ["prelabel", "publish", "out.ndjson"])

    run_command_code = 0
    try:
        run_command()
    except SystemExit as error:
        run_command_code = int(error.code or 0)

    assert run_command_code == 0
    assert len(entries(project)) == 4


def test_a_table_holds_no_formulas_in_any_locale_and_reads_back(project: Project, dead: Command) -> None:
    kill(project, real_message("a", model='=HYPERLINK("x")', message_id="a;+id"))

    text = dead("export", "--format", "csv").out
    (row,) = csv.DictReader(io.StringIO(text))

    assert (row["model"], row["messageId"]) == ('\'=HYPERLINK("x")', "a;'+id")
    assert (read_back(row["model"]), read_back(row["messageId"])) == ('=HYPERLINK("x")', "a;+id")
    assert all(line.startswith('"') and line.endswith('"') for line in text.splitlines())


def test_an_export_is_its_owner_s_alone_and_replaces_the_older_one(
    project: Project, dead: Command, dead_letters: list[str], tmp_path: Path
) -> None:
    output = tmp_path / "out.ndjson"
    output.write_text("older")
    output.chmod(0o644)

    assert dead("export", "--output", "out.ndjson").code == 0

    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    assert len(output.read_text().splitlines()) == len(dead_letters)


def test_an_export_follows_no_link_neither_its_own_nor_one_laid_for_its_parts(
    project: Project, dead: Command, dead_letters: list[str], tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("kept")
    for name in ("out.ndjson", "new.ndjson.part"):
        (tmp_path / name).symlink_to(elsewhere)

    refused = dead("export", "--output", "out.ndjson")
    done = dead("export", "--output", "new.ndjson")

    assert (refused.code, done.code) == (2, 0)
    assert "out.ndjson is a link" in refused.err
    assert (elsewhere.read_text(), (tmp_path / "out.ndjson").is_symlink()) == ("kept", True)


def test_an_export_to_a_pipe_a_device_or_a_folder_is_refused_with_advice(
    project: Project, dead: Command, dead_letters: list[str], tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()

    for name in ("pipe", "folder", "/dev/null", "/dev/stdout"):
        refused = dead("export", "--output", name)
        assert refused.code == 2, name
        assert "leave out --output" in refused.err
    assert stat.S_ISFIFO((tmp_path / "pipe").lstat().st_mode)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_export_that_is_ended_leaves_the_older_one_and_nothing_else(
    project: Project, tmp_path: Path, number: signal.Signals
) -> None:
    kill(project, *(real_message(f"k{n}") for n in range(3)))
    (tmp_path / "out.ndjson").write_text("older")

    process = subprocess.Popen(
        [sys.executable, "-c", _ENDED, str(int(number))],
        cwd=tmp_path,
        env=os.environ
        | {
            "PRELABEL_REDIS_URL": project.settings.redis_url.get_secret_value(),
            "PRELABEL_KEY_PREFIX": project.settings.key_prefix,
        },
        stderr=subprocess.PIPE,
        text=True,
    )
    _, errors = process.communicate(timeout=60)

    assert process.returncode == 128 + number, errors
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("out.ndjson", "older")]


_ENDED = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in the background of a shell ignore it
from prelabel_worker.cli.main import run
from prelabel_worker.dead_letters.letter import DeadLetter

whole = DeadLetter.as_json
def ended(dead_letter):
    os.kill(os.getpid(), int(number))
    return whole(dead_letter)
number, DeadLetter.as_json = sys.argv[1], ended
sys.argv = ["prelabel", "dead", "export", "--output", "out.ndjson"]
run()
"""
"""The command, which gets the signal while it writes."""


def test_a_frame_that_cannot_be_read_is_not_edited_and_not_a_message(project: Project, dead: Command) -> None:
    project.publish(real_message("a"), real_message("a"))
    (name,) = project.client.hkeys(f"{project.root}:frames")
    project.client.hset(f"{project.root}:frames", name, b"\x01\xff")
    chunk = project.take(project.cut())
    frames: list[RowOutcome] = [held_frame(row, Origin("submit", "c")) for row in project.reader.rows(chunk)]  # type: ignore[arg-type]
    project.settle(chunk, imported=0, outcomes=frames)

    assert dead("edit", "f1", "-p", "p", "--file", "-").code == 2
    assert "1 whole-frame" in dead("retry", "-p", "p", "--rename-feature", "a=b").err
    assert "left out 1 that cannot be read as a message" in dead("export", "--messages").err
    (dead_letter,) = map(json.loads, dead("export").out.splitlines())
    assert (dead_letter["messageBase64"], dead_letter["rows"]) == ("Af8=", 2)
    assert "prelabel dead edit" not in dead("show", "f1").out
    assert dead("discard", "f1", "-p", "p", "--yes").code == 0
    assert project.status().discarded == 2


@pytest.mark.parametrize(
    "words",
    [
        ["retry"],
        ["retry", "1"],
        ["discard"],
        ["discard", "1", "--yes"],
        ["retry", "-p", "p", "--rename-feature", "Car"],
        ["retry", "-p", "p", "--rename-feature", "Car=car", "--rename-feature", "car=auto"],
        ["retry", "-p", "p", "--rename-option", "a=b", "--rename-option", "a=c"],
        ["retry", "-p", "p", "--data-row-from", "no-such-file.csv"],
        ["retry", "-p", "p", "--rate", "0"],
        ["export", "--format", "xml"],
        ["edit"],
    ],
    ids=" ".join,
)
def test_a_mistake_in_the_words_is_exit_code_2_and_changes_nothing(
    project: Project, dead: Command, dead_letters: list[str], words: list[str]
) -> None:
    done = dead(*words)

    assert done.code == 2
    assert done.err
    assert project.status().dead == 4


@pytest.mark.parametrize("text", ["", "old;new\na;b\n", "old,new\na,\n", "old,new\na,b\na,c\n", "old,new\na\n"])
def test_a_file_of_data_rows_that_cannot_be_used_is_named(
    project: Project, dead: Command, dead_letters: list[str], text: str, tmp_path: Path
) -> None:
    (tmp_path / "rows.csv").write_text(text)

    done = dead("retry", "-p", "p", "--data-row-from", "rows.csv")

    assert done.code == 2
    assert "rows.csv: " in done.err
    assert project.status().dead == 4


@pytest.mark.parametrize("name", ["list", "groups", "show", "edit", "retry", "export", "discard"])
def test_every_command_of_dead_is_documented_and_helps_with_an_example(dead: Command, name: str) -> None:
    done = dead(name, "--help")

    assert done.code == 0
    assert f"Example: prelabel dead {name}" in done.out
    assert f"`prelabel dead {name} " in (Path(__file__).parents[3] / "docs/reference/commands.md").read_text("utf-8")
