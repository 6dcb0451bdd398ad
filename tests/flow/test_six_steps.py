"""The guide's six steps from the command line alone, against a stack of real processes."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.flow.conftest import Flow, Run, box
from tests.media_examples import FOLDER, MEDIA


def written(path: Path, *rows: Any) -> str:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    return str(path)


def done(run: Run, *args: str, code: int = 0) -> str:
    """What a command prints; its exit code is as expected."""
    answer = run(*args)
    assert answer.returncode == code, answer.stderr
    return answer.stdout.strip()


@pytest.mark.parametrize("media", ["image", "audio"])
def test_from_nothing_but_files_to_pre_labels(flow: Flow, run: Run, tmp_path: Path, media: str) -> None:
    examples = [json.loads(line) for line in (FOLDER / f"{media}.ndjson").read_text("utf-8").splitlines()]
    for each in examples:
        del each["projectId"]
        each["dataRow"] = {"globalKey": f"{flow.project}/{each['dataRow']['globalKey']}"}
    predictions = written(tmp_path / "predictions.ndjson", *examples)
    keys = [each["dataRow"]["globalKey"] for each in examples]
    rows = written(
        tmp_path / "rows.ndjson", *({"row_data": f"https://cdn.example/{key}", "global_key": key} for key in keys)
    )

    assert f"added {len(keys)}, existing 0, failed 0" in done(run, "dataset", "add", rows, "--dataset", flow.project)
    (tmp_path / "ontology.json").write_text(done(run, "ontology", "infer", predictions))
    ontology = done(
        run, "ontology", "create", str(tmp_path / "ontology.json"), "--name", flow.project, "--media-type", MEDIA[media]
    )
    project = done(run, "project", "create", "--name", flow.project, "--media-type", MEDIA[media],
                   "--ontology", ontology)  # fmt: skip
    assert f"{len(keys)} data rows" in done(
        run, "batch", "create", "--project", project, "--from-predictions", predictions
    )
    report = tmp_path / "report.ndjson"
    printed = done(run, "publish", predictions, "--project", project, "--wait", "--report", str(report))

    assert f"imported {len(keys)}" in printed
    flow.project = project
    assert len(flow.pre_labels()) == sum(len(each["annotations"]) for each in examples)
    assert {json.loads(line)["outcome"] for line in report.read_text().splitlines()} == {"imported"}
    assert "labelers see pre-labels" in run("doctor", "--project", project).stdout


def test_letters_of_data_rows_that_were_missing_are_put_into_a_batch_and_retried(
    flow: Flow, run: Run, tmp_path: Path
) -> None:
    flow.create(rows=[])
    for key, hours in (("dead", 0), ("heals", 24), ("nowhere", 24)):
        flow.heal_for(hours)
        flow.publish(box(f"{flow.project}/{key}", project=flow.project))
        done(run, "wait", "--project", flow.project, "--no-healing", code=1 if hours == 0 else 3)
    keys = [f"{flow.project}/{key}" for key in ("dead", "heals")]
    rows = written(
        tmp_path / "rows.ndjson", *({"row_data": f"https://cdn.example/{key}", "global_key": key} for key in keys)
    )
    done(run, "dataset", "add", rows, "--dataset", flow.project)

    told = run("batch", "create", "--project", flow.project, "--from-dead-letters")
    assert (told.returncode, f"{flow.project}/nowhere: not added" in told.stderr) == (1, True)
    assert f"prelabel dead retry --project {flow.project} --reason data-row-not-found" in told.stderr

    again = run("batch", "create", "--project", flow.project, "--from-dead-letters", "--retry")
    assert "(was there before)" in again.stdout
    assert "1 dead letters and 2 healing rows are tried again now" in again.stderr
    done(run, "wait", "--project", flow.project, "--no-healing", code=3)
    assert (flow.status().imported, flow.status().healing) == (2, 1)
