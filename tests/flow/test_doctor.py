"""`prelabel doctor` as a person runs it: text, JSON and exit codes; `--live` deletes all that it creates."""

import json
import os
import pty
import signal
import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import httpx
import pytest

from prelabel_worker.accounts.pauses import Pauses
from prelabel_worker.settings import load_settings
from tests.support.flow import COMMAND, Flow, Run, box, run_in
from tests.support.waiting import wait_for

QUESTIONS = [
    "first-import", "same-name", "same-uuid-again", "same-uuid-in-file", "empty-file", "length-too-large",
    "length-too-small", "row-errors", "file-address", "limit-headers", "status-words", "deletion",
]  # fmt: skip


@pytest.fixture
def run(flow: Flow) -> Run:
    """Return a function that runs `prelabel` in the folder of the stack's file."""
    return lambda *args, **options: run_in(flow.stack.folder.parent, *args, **options)


def imports(flow: Flow) -> list[str]:
    """Return the names of the imports in the project."""
    query = "query L($p: ID!) { modelAssistedLabelingPredictionImports(where: {projectId: $p}) { name } }"
    answer = httpx.post(
        flow.stack.file.labelbox_endpoint,
        json={"query": query, "variables": {"p": flow.project}},
        headers={"Authorization": f"Bearer {flow.stack.file.labelbox_api_key}"},
        trust_env=False,
    )
    return [each["name"] for each in answer.json()["data"]["modelAssistedLabelingPredictionImports"]]


def lookups(flow: Flow) -> int:
    """Return how often an import was looked up by its name."""
    entries = flow.control("GET", "requests").json()
    return sum(entry["operation"] == LOOK_UP for entry in entries)


def live(flow: Flow, *more: str) -> list[str]:
    return ["doctor", "--live", "--project", flow.project, "--global-key", "scratch-1", *more]


def test_a_healthy_project_is_reported_as_healthy(flow: Flow, run: Run) -> None:
    flow.publish(box("a", project=flow.project))
    flow.settled()

    done = run("doctor", "--project", flow.project, "--json")

    assert done.returncode == 0, done.stdout
    found = {each["check"]: each for each in json.loads(done.stdout)["findings"]}
    assert {"redis-eviction", "broker", "workers", "project-ontology", "project-shown", "key"} <= found.keys()
    assert all(each["good"] and not each["remedy"] for each in found.values())
    assert found["project-ontology"]["projectId"] == flow.project
    assert version("prelabel") in found["worker-versions"]["found"]
    assert flow.stack.file.labelbox_api_key not in done.stdout + done.stderr


def test_doctor_names_the_remedy_of_a_bad_finding_and_ends_with_exit_code_1(flow: Flow, run: Run) -> None:
    settings = load_settings(redis_url=flow.stack.file.redis_url)
    Pauses(flow.client, settings.key_prefix).pause_project(flow.project, "Labelbox answers AUTHORIZATION_ERROR", 600)

    done = run("doctor", "--project", flow.project)

    assert done.returncode == 1
    (at,) = [at for at, line in enumerate(done.stdout.splitlines()) if line.startswith("BAD ")]
    bad, remedy = done.stdout.splitlines()[at : at + 2]
    assert bad.startswith(f"BAD  {flow.project}: paused until ")
    assert bad.endswith("Labelbox answers AUTHORIZATION_ERROR")
    assert remedy.strip().startswith("→ fix the problem that the reason names")


def test_live_answers_every_question_and_deletes_what_it_made(flow: Flow, run: Run) -> None:
    done = run(*live(flow, "--yes", "--json"))

    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert [each["question"] for each in answer["answers"]] == QUESTIONS
    assert answer["left"] == []
    assert "docs/explanation/tested.md" in answer["note"]
    assert "Use a scratch project" in done.stderr
    assert imports(flow) == []
    for secret in (flow.stack.file.labelbox_api_key, "bbox", "scratch-1"):
        assert secret not in done.stdout + done.stderr


def test_live_prints_a_table_for_a_person(flow: Flow, run: Run) -> None:
    done = run(*live(flow, "--yes", "--feature", "bollard"))

    assert done.returncode == 0, done.stderr
    assert "'bollard'" in done.stderr
    assert "a uuid twice inside one file (2)" in done.stdout
    assert "FINISHED, 2 status lines, SUCCESS, SUCCESS" in done.stdout
    assert "docs/explanation/tested.md" in done.stdout


def test_live_warns_where_rows_were_published(flow: Flow, run: Run) -> None:
    flow.publish(box("a", project=flow.project))
    flow.settled()

    assert "does not look like a scratch project" in run(*live(flow, "--yes")).stderr


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--project", "p", "--global-key", "k"], "give --yes"),
        (["--global-key", "k", "--yes"], "needs --project"),
        (["--project", "p", "--yes"], "--data-row or --global-key"),
        (["--project", "p", "--yes", "--global-key", "k", "--data-row", "d"], "--data-row or --global-key"),
    ],
)
def test_live_asks_nothing_before_it_may(flow: Flow, run: Run, words: list[str], reason: str) -> None:
    before = flow.control("GET", "requests").text

    done = run("doctor", "--live", *words)

    assert done.returncode == 2
    assert reason in done.stderr
    assert flow.control("GET", "requests").text.count(CREATE) == before.count(CREATE)


CREATE = "createModelAssistedLabelingPredictionImport"
LOOK_UP = "modelAssistedLabelingPredictionImport"


def test_live_sends_no_key_in_clear(flow: Flow, tmp_path: Any) -> None:
    done = run_in(
        tmp_path,
        *live(flow, "--yes"),
        PRELABEL_REDIS_URL=flow.stack.file.redis_url,
        PRELABEL_LABELBOX_ENDPOINT="http://labelbox.invalid/graphql",
        PRELABEL_LABELBOX_API_KEY="s3cret",
    )

    assert done.returncode == 2
    assert "in clear" in done.stderr
    assert "s3cret" not in done.stderr


@pytest.mark.parametrize(
    ("feature", "project", "code", "word"), [("tram", None, 2, "no feature 'tram'"), ("vessel", "pnone", 2, "Labelbox")]
)
def test_live_says_what_it_cannot_ask_with(
    flow: Flow, run: Run, feature: str, project: str | None, code: int, word: str
) -> None:
    where = ["--project", project or flow.project]

    done = run("doctor", "--live", *where, "--global-key", "k", "--feature", feature, "--yes")

    assert done.returncode == code
    assert word in done.stderr
    assert "Traceback" not in done.stderr


def test_live_with_an_unreachable_labelbox_is_exit_code_4(flow: Flow, run: Run) -> None:
    flow.fault("503", seconds=20)

    assert run(*live(flow, "--yes")).returncode == 4


@pytest.mark.parametrize(("word", "code"), [("n", 2), ("y", 0)])
def test_live_asks_on_a_terminal_and_does_as_it_is_told(flow: Flow, word: str, code: int) -> None:
    before = flow.control("GET", "requests").text.count(CREATE)
    ours, theirs = pty.openpty()
    try:
        os.write(ours, f"{word}\n".encode())
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PRELABEL_")}
        folder = flow.stack.folder.parent
        done = subprocess.run(
            [*COMMAND, *live(flow)], cwd=folder, env=clean, stdin=theirs, capture_output=True, text=True, timeout=90
        )
    finally:
        os.close(ours)
        os.close(theirs)

    assert done.returncode == code, done.stderr
    assert "Is this a scratch project" in done.stderr
    assert (flow.control("GET", "requests").text.count(CREATE) > before) is (word == "y")


@pytest.fixture
def in_the_middle(flow: Flow) -> Iterator["subprocess.Popen[str]"]:
    """A run of --live that waits for its first import, which does not end.

    It has looked the import up, so it has the answer of the upload: without that the name would be looked for until
    `server_limit_seconds` are over.
    """
    flow.fault("stuck-running", seconds=60)
    before = lookups(flow)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PRELABEL_")}
    command = [*COMMAND, *live(flow, "--yes")]
    folder = flow.stack.folder.parent
    process = subprocess.Popen(command, cwd=folder, env=clean, stdout=-1, stderr=-1, text=True)
    wait_for(lambda: lookups(flow) > before, "a look at the first import")
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_live_run_deletes_what_it_made(
    flow: Flow, in_the_middle: "subprocess.Popen[str]", number: signal.Signals
) -> None:
    in_the_middle.send_signal(number)
    _, errors = in_the_middle.communicate(timeout=60)

    assert in_the_middle.returncode == 130
    assert "interrupted; deleting the imports" in errors
    assert "Traceback" not in errors
    assert imports(flow) == []
