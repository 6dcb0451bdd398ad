"""Rows whose data rows were missing: put into the project from the dead letters, and tried again."""

import json
import re
from pathlib import Path
from typing import Any

from tests.support.flow import Flow, Run, box
from tests.support.waiting import wait_for


def written(path: Path, *rows: Any) -> str:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    return str(path)


def done(run: Run, *args: str, code: int = 0) -> str:
    """Run a command, assert its exit code, and return its output."""
    answer = run(*args)
    assert answer.returncode == code, answer.stderr
    return answer.stdout.strip()


def test_dead_letters_of_data_rows_that_were_missing_are_put_into_a_batch_and_retried(
    flow: Flow, run: Run, tmp_path: Path
) -> None:
    flow.create(rows=[])
    for key, hours in (("dead", 0), ("retrying", 24), ("nowhere", 24)):
        flow.retry_for(hours)
        flow.publish(box(f"{flow.project}/{key}", project=flow.project))
        done(run, "wait", "--project", flow.project, "--no-retrying", code=1 if hours == 0 else 3)
    keys = [f"{flow.project}/{key}" for key in ("dead", "retrying")]
    rows = written(
        tmp_path / "rows.ndjson", *({"row_data": f"https://cdn.example/{key}", "global_key": key} for key in keys)
    )
    done(run, "dataset", "add", rows, "--dataset", flow.project)

    told = run("batch", "create", "--project", flow.project, "--from-dead-letters")
    assert (told.returncode, f"{flow.project}/nowhere: not added" in told.stderr) == (1, True)
    assert f"prelabel dead retry --project {flow.project} --reason data-row-not-found" in told.stderr

    again = run("batch", "create", "--project", flow.project, "--from-dead-letters", "--retry")
    # One of the two that retry may have been imported since the first batch: they are tried again by themselves too.
    assert re.search(r"trying again: 1 dead letter and (1 retrying row|2 retrying rows)", again.stderr)
    wait_for(lambda: flow.status().imported == 2, "the rows to be imported")
    assert (flow.status().dead, flow.status().pending) == (0, 1)
