"""Exports of projects, datasets and data rows: a task, then its result as a stream."""

import json
from typing import Any

from tests.sandbox.sdk.session import Session, box, operation, raises

EVERYTHING = {
    "attachments": True,
    "metadata_fields": True,
    "data_row_details": True,
    "project_details": True,
    "label_details": True,
    "performance_details": True,
    "interpolated_frames": True,
}


def finished(task: Any) -> Any:
    task.wait_till_done()
    assert task.status == "COMPLETE"
    return task


def streamed(task: Any) -> list[Any]:
    """Return the result of `export`."""
    rows = [each.json for each in finished(task).get_buffered_stream()]
    if hasattr(task, "get_stream"):  # of SDK 5: from an offset, and from a line
        assert [json.loads(each.json_str) for each in task.get_stream()] == rows
        assert [json.loads(each.json_str) for each in task.get_stream().with_line(len(rows) - 1)] == rows[-1:]
    return rows


def exported_to(session: Session) -> Any:
    """Return a project with two data rows, of which one has a pre-label; made at the first call."""
    if not hasattr(session, "exported"):
        project = session.client.create_project(name="exported", media_type=session.lb.MediaType.Image)
        project.connect_ontology(session.ontology)
        project.create_batch("of the export", global_keys=["quay-1", "quay-2"])
        session.exported = project
        session.boat = box()
        name = "of the export"
        job = session.mal.create_from_objects(session.client, project.uid, name, [session.boat])
        job.wait_till_done(sleep_time_seconds=0)
    return session.exported


@operation("then: project.export with all parameters: task, stream, size, lines, content")
def export(session: Session) -> None:
    project = exported_to(session)
    task = finished(project.export(task_name="quay", params=EVERYTHING))
    assert (task.name, task.type) == ("quay", "export-data-rows")
    assert task.has_result()
    assert not task.has_errors()
    stream = session.lb.StreamType.RESULT
    assert task.get_total_lines(stream) == 2
    first, second = streamed(task)
    row = first["data_row"]
    assert (row["id"], row["global_key"]) == (session.rows["quay-1"]["id"], "quay-1")
    assert row["row_data"] == session.rows["quay-1"]["row_data"]
    assert (row["details"]["dataset_id"], row["details"]["dataset_name"]) == (session.dataset.uid, "harbour")
    details = first["projects"][project.uid]["project_details"]
    batch = next(iter(project.batches()))
    assert (details["batch_id"], details["batch_name"]) == (batch.uid, "of the export")
    assert (details["workflow_status"], details["ontology_id"]) == ("TO_LABEL", session.ontology.uid)
    (label,) = first["projects"][project.uid]["labels"]
    (boat,) = label["annotations"]["objects"]
    assert (boat["name"], boat["annotation_kind"]) == ("boat", "ImageBoundingBox")
    assert boat["bounding_box"] == session.boat["bbox"]
    assert label["label_details"]["created_at"]
    assert second["projects"][project.uid]["labels"] == []


@operation("then: project.export_v2: result, errors")
def export_v2(session: Session) -> None:
    project = exported_to(session)
    task = finished(project.export_v2(params={"label_details": True}))
    assert task.errors is None
    assert [each["data_row"]["global_key"] for each in task.result] == ["quay-1", "quay-2"]
    assert "details" not in task.result[0]["data_row"]


@operation("then: exports with filters: keys, ids, batches, times, workflow status; nothing is found")
def filters(session: Session) -> None:
    project = exported_to(session)
    batch = next(iter(project.batches()))
    wide, past = ["2000-01-01 00:00:00", "2100-01-01 00:00:00"], ["2000-01-01", "2001-01-01"]
    expected: list[tuple[dict[str, Any], list[str]]] = [
        ({"global_keys": ["quay-2", "nowhere"]}, ["quay-2"]),
        ({"data_row_ids": [session.rows["quay-1"]["id"]], "last_activity_at": wide}, ["quay-1"]),
        ({"batch_ids": [batch.uid], "label_created_at": wide}, ["quay-1"]),
        ({"last_activity_at": [None, "2100-01-01T00:00:00+0230"], "workflow_status": "ToLabel"}, ["quay-1", "quay-2"]),
    ]
    tasks = [(project.export(filters=wanted), keys) for wanted, keys in expected]
    nothing = project.export(filters={"label_created_at": past})
    for task, keys in tasks:
        assert [each["data_row"]["global_key"] for each in streamed(task)] == keys
    assert not finished(nothing).has_result()
    assert nothing.get_total_lines(session.lb.StreamType.RESULT) is None


@operation("then: dataset.export over several files, with the labels of a project; DataRow.export; Catalog.export")
def export_dataset(session: Session) -> None:
    project = exported_to(session)
    params = {"data_row_details": True, "label_details": True, "project_details": True, "project_ids": [project.uid]}
    rows = streamed(session.dataset.export(params=params))
    assert len(rows) == session.client.get_dataset(session.dataset.uid).row_count > 5200
    labeled = [each for each in rows if any(part["labels"] for part in each["projects"].values())]
    assert [each["data_row"]["global_key"] for each in labeled] == ["quay-1"]
    of_project = {"project_ids": [project.uid]}
    (alone,) = streamed(session.lb.DataRow.export(session.client, global_keys=["quay-1"], params=of_project))
    assert alone["projects"][project.uid]["labels"][0]["annotations"]["objects"][0]["name"] == "boat"
    (other,) = streamed(session.client.get_catalog().export(filters={"global_keys": ["quay-2"]}))
    assert (other["data_row"]["global_key"], other["projects"]) == ("quay-2", {})


@operation("then: export of ground truth, and of pre-labels only while the sandbox is told to")
def pre_labels_are_no_labels(session: Session) -> None:
    project = exported_to(session)
    job = session.lb.LabelImport.create_from_objects(session.client, project.uid, "truth", [box()])
    job.wait_till_done(sleep_time_seconds=0)
    session.control("POST", "settings", {"exportPreLabels": False})
    try:
        first, second = finished(project.export_v2(params={"project_details": True})).result
    finally:
        session.control("POST", "settings", {"exportPreLabels": True})
    parts = [each["projects"][project.uid] for each in (first, second)]
    assert [len(part["labels"]) for part in parts] == [1, 0]
    assert [part["project_details"]["workflow_status"] for part in parts] == ["DONE", "TO_LABEL"]
    assert project.get_overview().labeled == 1
    done = finished(project.export_v2(filters={"workflow_status": "Done"})).result
    assert [len(each["projects"][project.uid]["labels"]) for each in done] == [2]


@operation("then: an export of a project that does not exist")
def unknown_project(session: Session) -> None:
    project = session.client.create_project(name="gone", media_type=session.lb.MediaType.Image)
    project.delete()
    with raises(TypeError):  # what the SDK makes of RESOURCE_NOT_FOUND
        project.export()
