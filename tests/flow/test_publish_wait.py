"""Publish a file, wait for it, and report the outcome of each row; the report lets a second run resume."""

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.flow import COMMAND, Flow, Run, box
from tests.support.reading import classification
from tests.support.waiting import wait_for


def written(folder: Path, *messages: Any, name: str = "rows.ndjson") -> Path:
    path = folder / name
    path.write_text("".join(f"{each if isinstance(each, str) else json.dumps(each)}\n" for each in messages), "utf-8")
    return path


def lines(report: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in report.read_text("utf-8").splitlines()]


def outcomes(report: Path) -> dict[str, str]:
    """Return the outcomes by global key, or by position for a record without one."""
    return {each["dataRow"].get("globalKey", each["where"]): each["outcome"] for each in lines(report)}


def started(flow: Flow, *args: object) -> "subprocess.Popen[str]":
    command = [*COMMAND, *map(str, args)]
    folder = flow.stack.folder.parent
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_each_row_of_the_file_has_its_outcome_in_the_report(flow: Flow, run: Run, tmp_path: Path) -> None:
    flow.fault("row-failure", times=1, match="row-b", error="InvalidAnnotation", message="too far out")
    rows = [box(f"row-{key}", project=flow.project) for key in "abc"]
    file = written(tmp_path, *rows, box("row-d", "vesel", project=flow.project), '{"dataRow": 7}')
    report = tmp_path / "report.ndjson"

    done = run("publish", str(file), "--project", flow.project, "--wait", "--report", str(report))

    assert done.returncode == 1, done.stderr
    assert "published 4, refused 1" in done.stdout
    assert "imported 2, dead 2, refused 1" in done.stdout
    found = {each["dataRow"].get("globalKey"): each for each in lines(report)}
    assert outcomes(report) == {
        "row-a": "imported", "row-b": "dead", "row-c": "imported", "row-d": "dead", "line 5": "refused",
    }  # fmt: skip
    assert found["row-a"]["import"].startswith("prelabel-")
    assert found["row-a"]["messageId"]
    assert (found["row-b"]["reason"], found["row-b"]["details"]["errors"][0]["message"]) == ("refused", "too far out")
    assert found["row-d"]["reason"] == "unknown-feature"
    assert found["row-d"]["details"]["found"] == "'vesel'"
    assert "plain NDJSON in a file of messages" in found[None]["details"]["problem"]
    assert flow.settled().published == 4


def test_rows_that_override_pre_labels_from_here_are_counted(flow: Flow, run: Run, tmp_path: Path) -> None:
    file = written(tmp_path, *(box(f"row-{key}", project=flow.project) for key in "abc"))
    command = ("publish", str(file), "--project", flow.project, "--wait")

    assert "had pre-labels" not in run(*command).stderr
    assert "imported meanwhile, overriding pre-labels from here: 3 rows" in run(*command).stderr
    assert flow.settled().overridden == 3


def test_rows_that_are_added_beside_pre_labels_from_here_are_counted_apart(
    flow: Flow, run: Run, tmp_path: Path
) -> None:
    ontology = {"tools": [], "classifications": [classification("checklist", "speaker", "tower")]}
    body = {"id": flow.project, "ontology": ontology, "dataRows": "any", "mediaType": "AUDIO"}
    flow.control("POST", "projects", body)
    (tmp_path / "turns.rttm").write_text("SPEAKER a 1 0.5 1 <NA> <NA> tower <NA> <NA>\n")
    command = ("publish", str(tmp_path / "turns.rttm"), "--format", "rttm", "--project", flow.project, "--wait")

    assert "meanwhile" not in run(*command).stderr
    said = run(*command).stderr

    assert f"imported meanwhile, added beside pre-labels from here: 1 row of {flow.project}; " in said
    assert f"prelabel project set {flow.project} --policy skip skips" in said
    assert "overriding" not in said
    assert (flow.settled().added_again, flow.settled().overridden) == (1, 0)


def test_the_same_command_publishes_nothing_again_and_brings_the_report_up_to_date(
    flow: Flow, run: Run, tmp_path: Path
) -> None:
    flow.create(rows=["there"])
    file = written(tmp_path, box("there", project=flow.project), box("later", project=flow.project))
    report = tmp_path / "report.ndjson"
    command = ("publish", str(file), "--project", flow.project, "--wait", "--report", str(report))

    first = run(*command, "--no-retrying")
    assert (first.returncode, outcomes(report)) == (3, {"there": "imported", "later": "retrying"})
    assert "only retrying rows remain, 1" in first.stderr

    flow.create(rows=["there", "later"])
    flow.held.retry_now(flow.project)
    file.write_text(file.read_text() + json.dumps(box("third", project=flow.project)) + "\n")
    flow.create()
    second = run(*command)

    assert (second.returncode, outcomes(report)) == (0, dict.fromkeys(("there", "later", "third"), "imported"))
    assert "published 1, refused 0, published before 2" in second.stdout
    assert flow.settled().published == 3


def test_ctrl_c_leaves_the_rows_going_and_the_same_command_takes_the_report_up(
    flow: Flow, run: Run, tmp_path: Path
) -> None:
    flow.fault("stuck-running", seconds=60)
    file = written(tmp_path, *(box(f"row-{at}", project=flow.project) for at in range(5)))
    report = tmp_path / "report.ndjson"
    command = ("publish", str(file), "--project", flow.project, "--wait", "--report", str(report))

    process = started(flow, *command)
    flow.wait_for_state("running")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)

    assert process.returncode == 130
    assert (
        "interrupted: 5 rows still pending, which workers settle without this command; the same command resumes" in said
    )
    assert set(outcomes(report).values()) == {"pending"}

    flow.control("DELETE", "faults")
    again = run(*command)
    assert (again.returncode, set(outcomes(report).values())) == (0, {"imported"})
    assert flow.settled().published == 5


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=lambda each: each.name)
def test_a_run_that_ended_early_resumes_where_its_report_ends(
    flow: Flow, run: Run, tmp_path: Path, number: signal.Signals
) -> None:
    rows = 8_000
    file = written(tmp_path, *(box(f"row-{at}", project=flow.project) for at in range(rows)))
    report = tmp_path / "report.ndjson"
    command = ("publish", str(file), "--project", flow.project, "--wait", "--report", str(report))

    process = started(flow, *command)
    wait_for(lambda: report.exists() and report.stat().st_size > 300_000, "some rows in the report")
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == (130 if number is signal.SIGTERM else -number)
    with report.open("ab") as torn:
        torn.write(b'{"projectId": "half a li')
    named = report.read_bytes().count(b"\n")
    assert 1000 <= named < rows

    again = run(*command)

    assert again.returncode == 0, again.stderr
    assert f"published {rows - named}, refused 0, published before {named}" in again.stdout
    assert len(lines(report)) == rows
    assert set(outcomes(report).values()) <= {"imported", "superseded"}
    twice = 0 if number is signal.SIGTERM else 1000
    assert rows <= flow.settled().published <= rows + twice


def test_without_a_report_waiting_says_the_outcomes_and_times_out(flow: Flow, run: Run, tmp_path: Path) -> None:
    file = written(tmp_path, box("a", project=flow.project))
    assert run("publish", str(file), "--project", flow.project, "--wait").stdout == (
        "published 1, refused 0\nimported 1\n"
    )
    flow.fault("stuck-running", seconds=60)
    late = run("publish", str(file), "--project", flow.project, "--wait", "--timeout", "1")

    assert (late.returncode, late.stdout) == (3, "published 1, refused 0\npending 1\n")


@pytest.mark.parametrize("content", ["not json\n", '{"some": "other file"}\n'])
def test_a_file_that_is_no_report_stays_as_it_is(flow: Flow, run: Run, tmp_path: Path, content: str) -> None:
    file, other = written(tmp_path, box("a", project=flow.project)), tmp_path / "other.ndjson"
    other.write_text(content)

    done = run("publish", str(file), "--project", flow.project, "--report", str(other))

    assert (done.returncode, other.read_text()) == (2, content)
    assert "is not a report of this command" in done.stderr
    assert flow.status().published == 0
