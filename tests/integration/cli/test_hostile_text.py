"""Text of others never reaches a terminal unescaped; it is written with a publisher's rights."""

import csv
import io
import json
import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path

import orjson
import pytest

from prelabel.publishing.buffer import Row
from prelabel.wire import keys
from prelabel_worker.chunks.held_rows import split_body
from prelabel_worker.cli.main import app
from prelabel_worker.dead_letters.csv_cells import read_back
from tests.support.command import READING, Command, command_of
from tests.support.hostile_text import EVIL, raw_controls
from tests.support.project import Project

_SGR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture
def run(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Command:
    return command_of(project.settings, monkeypatch, tmp_path, capsys)


def plant(project: Project) -> str:
    """Hostile words wherever whoever may publish can write them; the id of a dead letter."""
    client, prefix, root = project.client, project.settings.key_prefix, project.root
    body = {
        "messageId": EVIL,
        "projectId": "p",
        "dataRow": {"globalKey": EVIL},
        "model": {"name": EVIL},
        "annotations": [{"name": EVIL}],
    }
    project.publish(Row(f"k:{EVIL}", orjson.dumps(body), 0))
    chunk = project.take(project.cut())
    (row,) = project.rows(chunk)
    project.settle(chunk, imported=0, outcomes=[project.holding(row)])
    dead_letter = str(row.seq)
    details, payload = split_body(client.hget(f"{root}:held:body", dead_letter) or b"")
    wrong = {"path": EVIL, "found": EVIL, "hint": EVIL, "expected": EVIL, "errorName": EVIL, "taken": [EVIL]}
    client.hset(f"{root}:held:body", dead_letter, orjson.dumps(details | wrong) + b"\n" + payload)
    state = json.loads(client.hget(f"{root}:held", dead_letter) or b"")
    client.hset(f"{root}:held", dead_letter, json.dumps(state | {"reason": EVIL}))
    client.hset(f"{root}:dead:reasons", EVIL, 1)
    client.hset(f"{root}:overrides", mapping={"account": EVIL, "policy": EVIL, "chunkRows": EVIL})
    client.hset(f"{root}:meta", mapping={"pausedUntil": "9" * 12, "pauseReason": EVIL})
    client.zadd(f"{root}:timers", {EVIL: 1})
    client.zadd(f"{root}:chunks", {EVIL: 1})
    client.hset(
        f"{root}:chunk:{EVIL}", mapping={"state": EVIL, "why": EVIL, "rows": 1, "name": EVIL, "cutMs": 1, "lanes": ""}
    )
    client.zadd(keys.projects(prefix), {EVIL: 0, "q": 0})
    client.zadd(f"{keys.project_root(prefix, 'q')}:counts", {EVIL: 1})
    worker = {"host": EVIL, "pid": 1, "version": EVIL, "concurrency": 1, "at": time.time(), "role": EVIL}
    client.hset(keys.workers(prefix), EVIL, json.dumps(worker))
    return dead_letter


COMMANDS = [
    *(command for command in READING if "resume" not in command),
    "project show p",
    "project show p --json",
    "dead list --json",
    "dead groups --json",
    "dead export --messages",
    "import list --json",
    "project forget --malformed",
    "dead show LETTER",
    "dead show LETTER --json",
    "row show EVIL",
    "row show EVIL --json",
    "import show EVIL",
    "import undo EVIL",
    "project show EVIL",
    "dead retry LETTER --project p",
    "healthy",
    "doctor",
]


def words(command: str, dead_letter: str) -> list[str]:
    return [{"LETTER": dead_letter, "EVIL": EVIL}.get(word, word) for word in command.split(" ")]


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_prints_what_a_terminal_obeys(project: Project, run: Command, command: str) -> None:
    dead_letter = plant(project)

    done = run(*words(command, dead_letter))

    assert raw_controls(done.out) == set()
    assert raw_controls(done.err) == set()
    assert "Traceback" not in done.err


@pytest.mark.parametrize("command", ["dead list", "dead show LETTER", "dead groups", "status", "project show p"])
def test_hostile_text_is_shown_escaped(project: Project, run: Command, command: str) -> None:
    dead_letter = plant(project)

    done = run(*words(command, dead_letter))

    assert "\\x1b[31m" in re.sub(r"\s", "", done.out)


@pytest.mark.parametrize("command", ["dead show LETTER --json", "dead list --json", "dead export"])
def test_json_says_exactly_what_was_planted(project: Project, run: Command, command: str) -> None:
    dead_letter = plant(project)

    done = run(*words(command, dead_letter))

    assert _says(done.json)


def _says(value: object) -> bool:
    if isinstance(value, dict):
        return any(map(_says, value.values()))
    if isinstance(value, list):
        return any(map(_says, value))
    return isinstance(value, str) and EVIL in value


@pytest.mark.parametrize(
    "command",
    [
        "dead list",
        "dead show LETTER",
        "status",
        "project list",
        "dead groups",
        "dead export",
        "dead export --messages",
        "dead export --format csv",
    ],
)
def test_a_terminal_gets_colours_of_ours_and_no_other_sequence(
    project: Project, run: Command, command: str, tmp_path: Path
) -> None:
    dead_letter = plant(project)

    printed = on_a_terminal(words(command, dead_letter), tmp_path)

    assert "red" in printed
    assert raw_controls(_SGR.sub("", printed).replace("\r\n", "\n")) == set()
    assert "\x1b[31mred" not in printed


def test_a_table_that_is_no_terminal_s_reads_back_as_what_was_planted(project: Project, run: Command) -> None:
    plant(project)

    rows = list(csv.DictReader(io.StringIO(run("dead", "export", "--format", "csv").out, newline="")))

    assert read_back(rows[0]["dataRow"]) == f"k:{EVIL}"


@pytest.mark.parametrize(
    "command",
    [
        "validate FILE",
        "publish FILE",
        "ontology infer FILE",
        "validate FILE --ontology FILE",
        "dead edit LETTER --project p --file FILE",
        "dead retry --all --data-row-from FILE",
        "publish FOLDER/none",
        "spool list FOLDER",
        "spool list FOLDER/none",
        "project set EVIL --account EVIL",
        "account pause EVIL",
    ],
)
def test_files_of_others_and_their_paths_print_nothing_that_a_terminal_obeys(
    project: Project, run: Command, command: str, tmp_path: Path
) -> None:
    dead_letter = plant(project)
    folder = tmp_path / EVIL.replace("/", "")
    folder.mkdir()
    file = folder / "rows.json"
    message = {"projectId": "p", "dataRow": {"globalKey": EVIL}, "model": {"name": EVIL}, EVIL: EVIL}
    file.write_bytes(b"\n".join((orjson.dumps(message), b"{\x1b", EVIL.replace("\n", "").encode())))

    done = run(
        *(word.replace("FILE", str(file)).replace("FOLDER", str(folder)) for word in words(command, dead_letter)),
    )

    assert done.out + done.err
    assert raw_controls(done.out) == set()
    assert raw_controls(done.err) == set()
    assert "Traceback" not in done.err


def test_an_editor_is_shown_the_same_message_without_raw_characters(
    project: Project, run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_letter = plant(project)
    monkeypatch.setenv("EDITOR", f"sh -c 'cp \"$1\" {tmp_path}/seen' sh")
    monkeypatch.delenv("VISUAL", raising=False)

    done = run("dead", "edit", dead_letter, "--project", "p")

    seen = (tmp_path / "seen").read_text("utf-8")
    assert raw_controls(seen) == set()
    assert json.loads(seen)["messageId"] == EVIL
    assert "nothing was changed" in done.err


def test_a_defect_of_ours_prints_its_traceback_without_what_a_terminal_obeys(run: Command) -> None:
    def crash() -> None:
        raise RuntimeError(EVIL)

    app.command("crash")(crash)
    try:
        done = run("crash")
    finally:
        app.registered_commands.pop()

    assert done.code == 1
    assert "RuntimeError: \\x1b[31mred" in done.err
    assert raw_controls(done.err) == set()


def on_a_terminal(arguments: list[str], folder: Path) -> str:
    """Return the output of the command on a pseudo-terminal, with standard error."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "200"}
    process = subprocess.Popen(
        [sys.executable, "-m", "prelabel_worker.cli", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=folder,
        env=environment,
    )
    os.close(theirs)
    printed = b""
    try:
        while part := os.read(ours, 65_536):
            printed += part
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    process.wait(30)
    return printed.decode()
