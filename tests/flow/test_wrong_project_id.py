"""Rows that are published to a project which Labelbox does not know: the reason is shown, and a purge helps."""

import json
from pathlib import Path

from prelabel_worker.queries.status import Inspector
from tests.support.flow import Flow, Run, box
from tests.support.waiting import wait_for


def test_a_wrong_project_id_is_explained_everywhere_and_purged(flow: Flow, run: Run, tmp_path: Path) -> None:
    wrong = f"{flow.project}x"
    file, report = tmp_path / "rows.ndjson", tmp_path / "report.ndjson"
    file.write_text("".join(f"{json.dumps(box(key, project=wrong))}\n" for key in "abc"), "utf-8")
    why = f"Labelbox does not know project {wrong}, or the key may not see it"
    inspector = Inspector(flow.client)

    published = run("publish", str(file), "--wait", "--timeout", "6", "--report", str(report))
    assert published.returncode == 3
    assert why in published.stderr
    assert f"prelabel project purge {wrong} discards these rows" in published.stderr
    (details, *_) = [json.loads(line)["details"] for line in report.read_text("utf-8").splitlines()]
    assert details["waits"][0].startswith(why)

    waited = run("wait", "--project", wrong, "--timeout", "0")
    assert waited.returncode == 3
    assert f"{wrong} waits: {why}" in waited.stderr
    assert f"{wrong} waits: {why}" in run("status").stdout
    (wait, *_) = [wait for wait in json.loads(run("status", "--json").stdout)["waits"] if wait["projectId"] == wrong]
    assert wait["cause"] == "unknown-project"
    assert run("doctor", "--project", wrong).returncode == 1

    purged = run("project", "purge", wrong, "--yes", "--timeout", "60")
    assert purged.returncode == 0, purged.stderr
    assert purged.stdout.startswith(f"discarded 3 rows of {wrong}")
    status = inspector.status(wrong)
    assert (status.discarded, status.pending, status.paused) == (3, 0, None)
    assert run("wait", "--project", wrong).returncode == 0
    findings = json.loads(run("doctor", "--json").stdout)["findings"]
    assert [finding["level"] for finding in findings if finding["projectId"] == wrong and not finding["good"]] == []

    again = run("publish", str(file), "--wait", "--timeout", "60", "--report", str(report))
    assert again.returncode == 1
    assert "discarded 3" in again.stdout
    assert run("audit").returncode == 0


def test_rows_published_to_a_purged_project_are_imported(flow: Flow, run: Run) -> None:
    flow.fault("graphql-error", code="RESOURCE_NOT_FOUND", seconds=600)
    flow.publish(box("a", project=flow.project))
    wait_for(lambda: flow.status().pause_cause == "unknown-project", "the project to be paused")

    assert run("project", "purge", flow.project, "--yes").returncode == 0
    flow.control("DELETE", "faults")
    flow.publish(box("b", project=flow.project))

    status = flow.settled()
    assert (status.discarded, status.imported) == (1, 1)
