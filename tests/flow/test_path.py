"""The way of a row through real processes, from the publisher to its pre-labels in the sandbox."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from prelabel import BoundingBox, GlobalKey, Model, PredictionMessage, Reason
from tests.support.flow import TOOLS, Flow, Run, box

ROOT = Path(__file__).parents[2]


def test_a_published_box_stands_in_labelbox(flow: Flow) -> None:
    flow.publish(
        PredictionMessage(
            project_id=flow.project,
            data_row=GlobalKey("cam-1/000184.jpg"),
            model=Model("yolo", "11s"),
            annotations=[BoundingBox("vessel", left=10, top=20, width=30, height=40, confidence=0.5)],
        )
    )

    assert flow.settled().imported == 1
    (line,) = flow.pre_labels()
    assert line.pop("uuid")
    assert line == {
        "dataRow": {"globalKey": "cam-1/000184.jpg"},
        "name": "vessel",
        "bbox": {"top": 20, "left": 10, "height": 40, "width": 30},
    }


def test_publishing_a_row_again_overrides_and_another_model_stands_beside(flow: Flow) -> None:
    flow.publish(box("a", project=flow.project, left=1), box("a", project=flow.project, left=5, model="other"))
    flow.settled()
    flow.publish(box("a", project=flow.project, left=2))

    assert flow.settled().imported == 3
    assert sorted(line["bbox"]["left"] for line in flow.pre_labels()) == [2, 5]


def test_only_the_last_of_many_versions_of_a_row_becomes_a_pre_label(flow: Flow) -> None:
    flow.publish(*(box(f"k{n % 5}", project=flow.project, left=n) for n in range(50)))

    status = flow.settled()

    assert status.imported + status.superseded == 50
    assert sorted(line["bbox"]["left"] for line in flow.pre_labels()) == [45, 46, 47, 48, 49]


BAD = [
    ("malformed JSON is refused at publish", None, None),
    ("unknown feature", lambda m: m["annotations"][0].update(name="vesel"), Reason.UNKNOWN_FEATURE),
    ("wrong kind", lambda m: m["annotations"][0].update(name="bollard"), Reason.WRONG_KIND),
    ("data row by id", lambda m: m.update(dataRow={"id": "cdr1"}), Reason.DATA_ROW_FORM),
]


def test_a_bad_row_touches_no_other_row_of_its_chunk(flow: Flow) -> None:
    flow.publish(box("good-0", project=flow.project))
    assert flow.settled().imported == 1  # from now on, a data row by id is wrong here
    good = [box(f"good-{n}", project=flow.project) for n in range(1, 21)]
    bad = []
    for at, (_, spoil, _) in enumerate(BAD[1:]):
        bad.append(box(f"bad-{at}", project=flow.project))
        spoil(bad[-1])  # type: ignore[misc, operator]
    flow.publish(*good[:10], *bad, *good[10:])

    status = flow.settled()

    assert (status.imported, status.dead) == (21, len(bad))
    assert status.dead_reasons == {str(reason): 1 for _, _, reason in BAD[1:]}
    assert {line["dataRow"]["globalKey"] for line in flow.pre_labels()} == {f"good-{n}" for n in range(21)}


def test_a_row_that_labelbox_refuses_is_a_dead_letter_with_its_words(flow: Flow) -> None:
    flow.create(["there"])
    flow.retry_for(hours=0)
    flow.publish(box("there", project=flow.project), box("missing", project=flow.project, messageId="m1"))

    assert flow.settled().dead == 1
    (dead_letter,) = flow.held.dead_letters(flow.project, message_id="m1")
    assert dead_letter.reason == "data-row-not-found"
    assert dead_letter.details["errors"][0]["name"] == "DataRowNotFound"
    assert (dead_letter.stage, dead_letter.attempts, dead_letter.data_row) == ("settle", 1, "k:missing")
    assert dead_letter.import_name.startswith("prelabel-")
    assert json.loads(dead_letter.message)["messageId"] == "m1"


def test_a_retried_dead_letter_is_imported_once_its_cause_is_edited(flow: Flow) -> None:
    flow.create(["other"])
    flow.retry_for(hours=0)
    flow.publish(box("late", project=flow.project))
    flow.settled()
    flow.create(["other", "late"])

    (dead_letter,) = flow.held.dead_letters(flow.project)
    assert flow.held.retry(flow.project, [dead_letter.id]).done == 1

    status = flow.settled()
    assert (status.imported, status.dead) == (1, 0)
    assert len(flow.pre_labels()) == 1


def test_a_dead_letter_that_a_newer_row_has_overtaken_is_superseded_by_its_retry(flow: Flow) -> None:
    flow.create(["other"])
    flow.retry_for(hours=0)
    flow.publish(box("a", project=flow.project, left=1))
    flow.settled()
    flow.create("any")
    flow.publish(box("a", project=flow.project, left=2))
    flow.settled()

    (dead_letter,) = flow.held.dead_letters(flow.project)
    assert dead_letter.superseded
    flow.held.retry(flow.project, [dead_letter.id])

    status = flow.settled()
    assert (status.imported, status.superseded, status.dead) == (1, 1, 0)
    assert [line["bbox"]["left"] for line in flow.pre_labels()] == [2]


def test_a_feature_that_was_added_later_is_found(flow: Flow) -> None:
    flow.publish(box("a", project=flow.project))
    flow.settled()
    flow.create(tools=[*TOOLS, {"tool": "rectangle", "name": "tug"}])
    root = f"prelabel:{{{flow.project}}}"
    flow.client.hincrby(f"{root}:ontology", "fetchedMs", -120_000)  # as if it had been fetched two minutes ago

    flow.publish(box("b", "tug", project=flow.project))

    assert flow.settled().imported == 2


def test_a_dead_letter_is_imported_when_it_is_retried_at_once_after_its_feature_was_added(flow: Flow, run: Run) -> None:
    flow.publish(box("a", "tug", project=flow.project))
    assert flow.settled().dead == 1
    flow.create(tools=[*TOOLS, {"tool": "rectangle", "name": "tug"}])

    assert run("dead", "retry", "--project", flow.project, "--reason", "unknown-feature").returncode == 0

    status = flow.settled()
    assert (status.imported, status.dead) == (1, 0)


def test_real_detections_arrive_with_coordinates_name_and_data_row(
    flow: Flow, real_data: Callable[[str], Path]
) -> None:
    results = real_data("coco/instances_val2014_fakebbox100_results.json")
    categories = real_data("coco-panoptic/categories.json")
    names = {each["id"]: each["name"] for each in json.loads(categories.read_text())}
    flow.create(tools=[{"tool": "rectangle", "name": name} for name in names.values()])
    command = [sys.executable, "-m", "prelabel_worker.cli", "publish", str(results), "--format", "coco-results"]
    command += ["--categories", str(categories), "--project", flow.project, "--redis-url", flow.stack.file.redis_url]

    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr
    assert "published 99, refused 0" in done.stdout
    status = flow.settled()
    assert (status.published, status.imported) == (99, 99)
    expected = sorted(
        (str(each["image_id"]), names[each["category_id"]], *map(float, each["bbox"]))
        for each in json.loads(results.read_text())
    )
    found = sorted(
        (
            line["dataRow"]["globalKey"],
            line["name"],
            *(float(line["bbox"][word]) for word in ("left", "top", "width", "height")),
        )
        for line in flow.pre_labels()
    )
    assert len(found) == 734
    assert found == expected


@pytest.mark.parametrize("rows", [1, 257])
def test_nothing_of_settled_rows_stays_but_numbers_frame_ids_history_and_sample(flow: Flow, rows: int) -> None:
    flow.publish(*(box(f"k{n}", project=flow.project) for n in range(rows)))
    flow.settled()
    root = f"prelabel:{{{flow.project}}}"

    left = {key.decode().removeprefix(f"{root}:").split(":")[0] for key in flow.client.scan_iter(f"{root}*")}

    assert left <= {"meta", "counts", "inbox", "seen", "ontology", "timers", "history", "sample", "flow"}
