"""Exports, beyond what the SDK asks for: the form of labels of every medium, filters, files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from prelabel_sandbox.checks.media import media_of
from prelabel_sandbox.exports.annotations import Line, Project, annotations_of, levels_of
from prelabel_sandbox.exports.selection import Facts, Selection, Unusable
from prelabel_sandbox.normalized import normalized
from prelabel_sandbox.store.exports import Exports
from tests.support.sandbox.cars import CARS, car
from tests.support.sandbox.examples import EXAMPLES, HARBOUR
from tests.support.sandbox.process import SandboxProcess, code_of, data_of, parsed
from tests.support.waiting import wait_for

EXPORT = (
    """mutation Export($input: ExportDataRowsInProjectInput!) { exportDataRowsInProject(input: $input) { taskId } }"""
)
FILE = """query File($id: ID!, $at: UInt64!) { task(where: {id: $id}) {
  status exportMetadataHeader(streamType: RESULT) { totalSize totalLines }
  exportFileFromOffset(streamType: RESULT, offset: $at) { offsets { start end } lines { start end } file }
  exportFileFromLine(streamType: RESULT, line: $at) { file } } }"""
BOX = {"top": 1, "left": 2, "height": 3, "width": 4}
FOG = {"name": "fog", "value": "fog", "classifications": []}


def project_of(media: str, *, interpolated: bool = False) -> Project:
    levels = levels_of(normalized(HARBOUR, "p"))
    return Project(media, *levels, lambda mask, *_: mask.get("instanceURI", "inline"), interpolated)


def annotations(media: str, *lines: dict[str, Any], interpolated: bool = False, text: str | None = None) -> Any:
    """Return the annotations of a label without ids, which are replaced by their order where they are keys."""
    numbered = [Line(UUID(line["uuid"]).bytes if "uuid" in line else uuid4().bytes, line) for line in lines]
    ids: dict[str, str] = {}
    made = annotations_of(project_of(media, interpolated=interpolated), numbered, "label", "row", text)
    return without_ids(made, ids)


def without_ids(value: Any, ids: dict[str, str]) -> Any:
    if isinstance(value, list):
        return [without_ids(each, ids) for each in value]
    if not isinstance(value, dict):
        return value
    kept = {key: each for key, each in value.items() if key not in ("feature_id", "feature_schema_id")}
    names = {key: ids.setdefault(key, f"<{len(ids)}>") if is_id(key) else key for key in kept}
    return {names[key]: without_ids(each, ids) for key, each in kept.items()}


def is_id(key: str) -> bool:
    return len(key) == 25 and key.startswith("c")


@pytest.mark.parametrize("example", EXAMPLES, ids=[example["case"] for example in EXAMPLES])
def test_every_line_of_every_kind_is_in_the_export_of_its_data_row(example: dict[str, Any]) -> None:
    task = "OFFLINE_MODEL_CHAT_EVALUATION" if example["case"].startswith("MMC") else None
    made = str(annotations(media_of(example["media"], task), *example["lines"], interpolated=True))
    for line in example["lines"]:
        for named in line.get("masks", {}).get("instances", [line]):
            name = named.get("name") or named.get("schemaId")
            assert str(name) in made or "schemaId" in named


@pytest.mark.parametrize(
    ("media", "line", "expected"),
    [
        (
            "image",
            {"name": "vessel", "bbox": {"top": 1, "left": 2, "height": 3, "width": 4}},
            {
                "value": "vessel",
                "annotation_kind": "ImageBoundingBox",
                "bounding_box": {"top": 1, "left": 2, "height": 3, "width": 4},
            },
        ),
        (
            "image",
            {"name": "quay area", "polygon": [{"x": 0, "y": 0}, {"x": 1, "y": 0}, {"x": 1, "y": 1}]},
            {
                "value": "quay_area",
                "annotation_kind": "ImagePolygon",
                "polygon": [{"x": 0, "y": 0}, {"x": 1, "y": 0}, {"x": 1, "y": 1}, {"x": 0, "y": 0}],
            },
        ),
        (
            "image",
            {"name": "oil film", "mask": {"instanceURI": "https://m.example/1.png", "colorRGB": [1, 2, 3]}},
            {
                "value": "oil_film",
                "annotation_kind": "ImageSegmentationMask",
                "composite_mask": {"url": "https://m.example/1.png", "color_rgb": [1, 2, 3]},
            },
        ),
        (
            "text",
            {"name": "ship name", "location": {"start": 4, "end": 7}},
            {
                "value": "ship_name",
                "annotation_kind": "TextEntity",
                "location": {"start": 4, "end": 7, "token": "Anna"},
            },
        ),
        (
            "conversational",
            {"name": "ship name", "location": {"start": 0, "end": 7}, "messageId": "m-1"},
            {
                "value": "ship_name",
                "annotation_kind": "ConversationalTextEntity",
                "conversational_location": {"message_id": "m-1", "location": {"start": 0, "end": 7}},
            },
        ),
        (
            "document",
            {"name": "ship name", "textSelections": [{"groupId": "g", "tokenIds": ["t"], "page": 1}]},
            {
                "value": "ship_name",
                "annotation_kind": "DocumentEntityToken",
                "location": {"groups": [{"id": "g", "page_number": 1, "tokens": ["t"]}]},
            },
        ),
    ],
)
def test_an_object_has_the_form_that_live_tests_read_back(media: str, line: dict[str, Any], expected: Any) -> None:
    made = annotations(media, line, text="The Anna is in.")
    assert made == {
        "objects": [{"name": line["name"], "classifications": [], **expected}],
        "classifications": [],
        "relationships": [],
    }


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ({"name": "weather", "answer": {"name": "fog"}}, {"radio_answer": FOG}),
        (
            {"name": "flags", "answer": [{"name": "red"}, {"name": "green"}]},
            {
                "checklist_answers": [
                    {"name": "red", "value": "red", "classifications": []},
                    {"name": "green", "value": "green", "classifications": []},
                ]
            },
        ),
        ({"name": "remark", "answer": "clear"}, {"text_answer": {"content": "clear"}}),
        (
            {"name": "weather", "answer": {"name": "fog"}, "messageId": "m-1"},
            {"message_id": "m-1", "conversational_radio_answer": FOG},
        ),
    ],
)
def test_an_answer_has_the_form_that_live_tests_read_back(line: dict[str, Any], expected: Any) -> None:
    (made,) = annotations("conversational", line)["classifications"]
    assert made == {"name": line["name"], "value": line["name"], **expected}


def test_frames_between_keyframes_are_exported_only_if_they_are_wanted() -> None:
    def keyframe(frame: int, left: float) -> dict[str, Any]:
        return {"frame": frame, "bbox": {"top": 0, "left": left, "height": 5, "width": 5}}

    line = {
        "name": "vessel",
        "segments": [{"keyframes": [keyframe(1, 10), keyframe(3, 20)]}, {"keyframes": [keyframe(9, 0)]}],
    }
    made = annotations("video", line)
    assert list(made["frames"]) == ["1", "3", "9"]
    assert made["segments"] == {"<0>": [[1, 3], [9, 9]]}
    assert made["key_frame_feature_map"] == {"<0>": {"1": True, "3": True, "9": True}}
    filled = annotations("video", line, interpolated=True)
    assert filled["frames"]["2"]["objects"]["<0>"]["bounding_box"]["left"] == 15
    assert filled["key_frame_feature_map"] == {"<0>": {"1": True, "2": False, "3": True, "9": True}}
    far = {"name": "vessel", "segments": [{"keyframes": [keyframe(1, 10), keyframe(10**9, 20)]}]}
    assert list(annotations("video", far, interpolated=True)["frames"]) == ["1", "1000000000"]


def test_an_answer_for_frames_has_segments_and_no_frames() -> None:
    line = {"name": "flags", "answer": [{"name": "red", "frames": [{"start": 7, "end": 13}, {"start": 18, "end": 19}]}]}
    made = annotations("video", line)
    assert (made["frames"], made["key_frame_feature_map"]) == ({}, {})
    assert list(made["segments"].values()) == [[[7, 13], [18, 19]]]


def test_a_slice_of_a_volume_is_in_its_group() -> None:
    rope = {
        "name": "mooring rope",
        "groupKey": "axial",
        "segments": [{"keyframes": [{"frame": 1, "line": [{"x": 1, "y": 1}]}]}],
    }
    made = annotations("DICOM", rope)
    assert list(made["groups"]) == ["Axial", "Sagittal", "Coronal"]
    assert made["groups"]["Axial"]["frames"]["1"]["objects"]["<0>"]["annotation_kind"] == "DICOMPolyline"
    assert made["segments"] == {"Axial": {"<0>": [[1, 1]]}, "Sagittal": {}, "Coronal": {}}
    assert made["key_frame_feature_map"] == {"<0>": {"Axial": {"1": True}, "Sagittal": {}, "Coronal": {}}}


def test_a_relationship_names_the_features_that_it_links() -> None:
    ids = [str(uuid4()) for _ in range(3)]
    lines = [
        {
            "uuid": ids[2],
            "name": "moored at",
            "relationship": {"source": ids[0], "target": ids[1], "type": "unidirectional"},
        },
        {"uuid": ids[0], "name": "vessel", "bbox": {"top": 1, "left": 2, "height": 3, "width": 4}},
        {"uuid": ids[1], "name": "bollard", "point": {"x": 1, "y": 1}},
    ]
    numbered = [Line(UUID(line["uuid"]).bytes, line) for line in lines]
    made = annotations_of(project_of("image"), numbered, "label", "row", None)
    ends = {"source": made["objects"][0]["feature_id"], "target": made["objects"][1]["feature_id"]}
    assert made["relationships"][0]["unidirectional_relationship"] == ends


@pytest.mark.parametrize(
    "part",
    [
        "batch",
        {"type": "metadata"},
        {"type": "batch", "ids": "b"},
        {"type": "global_key", "ids": [1]},
        {"type": "global_key", "ids": ["k"] * 2001},
        {"type": "task_queue_status", "status": "Lost"},
        {"type": "labeled_at", "value": {"operator": "BETWEEN", "value": {"min": "2030-01-01"}}},
        {"type": "labeled_at", "value": {"operator": "NEAR", "value": "2030-01-01"}},
        {"type": "labeled_at", "value": {"operator": "LESS_THAN_OR_EQUAL", "value": "soon"}},
    ],
)
def test_a_filter_that_cannot_be_used_is_refused(part: Any, sandbox: SandboxProcess, project: str) -> None:
    with pytest.raises(Unusable):
        Selection([part])
    filters = {"projectId": project, "searchQuery": {"query": [part]}}
    assert code_of(sandbox.ask(EXPORT, input={"filters": filters})) == "MALFORMED_REQUEST"


@pytest.mark.parametrize(
    ("value", "selected"),
    [
        ({"operator": "BETWEEN", "value": {"min": "2030-01-01", "max": "2030-01-03"}}, True),
        ({"operator": "BETWEEN", "value": {"min": "2030-01-02T04:30:00+0230", "max": "2030-01-03"}}, True),
        ({"operator": "GREATER_THAN_OR_EQUAL", "value": "2030-01-02 03:04:06"}, False),
        ({"operator": "LESS_THAN_OR_EQUAL", "value": "2030-01-02 03:04:05"}, True),
    ],
)
def test_times_are_compared_in_utc(value: Any, selected: bool) -> None:
    moment = 1893553445.0  # 2030-01-02 03:04:05
    row = Facts("r", "k", "d", [], moment, [moment], is_done=False)
    for kind in ("labeled_at", "data_row_last_activity_at"):
        assert Selection([{"type": kind, "value": value}]).has(row) is selected


def test_a_large_export_is_several_files_whose_ranges_cover_it(tmp_path: Path) -> None:
    exports, secret = Exports(tmp_path), "s" * 32
    writer = exports.begin(secret)
    assert exports.parts(secret) == []
    lines = [b"x" * (3 << 20) + b"\n" for _ in range(5)]
    writer.add(lines)
    assert exports.file(secret, "0") is None, "it is not complete"
    writer.end()
    parts = exports.parts(secret)
    assert [(part.first_line, part.last_line) for part in parts] == [(0, 1), (2, 3), (4, 4)]
    assert [part.start for part in parts[1:]] == [part.end + 1 for part in parts[:-1]]
    files = [exports.file(secret, str(number)) for number in range(3)]
    content = [file.read_bytes() for file in files if file]
    assert [len(each) for each in content] == [part.end - part.start + 1 for part in parts]
    assert b"".join(content) == b"".join(lines)
    assert [exports.file(name, "0") for name in ("..", "", "S" * 32)] == [None] * 3
    assert exports.file(secret, "../0") is None


def exported(sandbox: SandboxProcess, project: str, *query: object) -> str:
    sandbox.statuses(project, "a", [car(1)])
    filters = {"projectId": project, "searchQuery": {"query": query}}
    return str(data_of(sandbox.ask(EXPORT, input={"filters": filters}))["exportDataRowsInProject"]["taskId"])


def file_of(sandbox: SandboxProcess, task: str, at: int) -> Any:
    """Wait for the end of an export, and return the file that has a byte."""

    def asked() -> Any:
        return data_of(sandbox.ask(FILE, id=task, at=at))["task"]

    wait_for(lambda: asked()["status"] == "COMPLETE", "the export")
    return asked()


def test_a_project_that_accepts_any_data_row_exports_those_that_lines_have_named(
    tasks: SandboxProcess, project: str
) -> None:
    task = exported(tasks, project)
    found = file_of(tasks, task, 0)
    part = found["exportFileFromOffset"]
    assert found["exportFileFromLine"]["file"] == part["file"]
    answer = httpx.get(part["file"])
    assert len(answer.content) == part["offsets"]["end"] + 1 == found["exportMetadataHeader"]["totalSize"]
    assert answer.json()["data_row"]["global_key"] == car(1)["dataRow"]["globalKey"]
    beyond = file_of(tasks, task, found["exportMetadataHeader"]["totalSize"])
    assert (beyond["exportFileFromOffset"], beyond["exportFileFromLine"]) == (None, None)


def test_data_rows_that_were_posted_with_a_project_are_active_since_then(tasks: SandboxProcess, project: str) -> None:
    key = car(1)["dataRow"]["globalKey"]
    asset = {"width": 640, "height": 480, "rowData": "https://cdn.example/a.jpg?v=1"}
    tasks.project(project, CARS, [{"globalKey": key, **asset}, "unlabeled", "http://[broken"])
    times = {"operator": "BETWEEN", "value": {"min": "2000-01-01 00:00:00", "max": "2100-01-01 00:00:00"}}
    task = exported(tasks, project, {"type": "data_row_last_activity_at", "value": times})
    lines = parsed(httpx.get(file_of(tasks, task, 0)["exportFileFromOffset"]["file"]).content)
    by_key = {line["data_row"]["global_key"]: line for line in lines}
    assert set(by_key) == {key, "unlabeled", "http://[broken"}
    assert by_key[key]["media_attributes"] == {"width": 640, "height": 480, "mime_type": "image/jpeg"}


def test_a_project_that_is_deleted_before_its_export_begins_is_a_failed_task(
    sandbox: SandboxProcess, project: str
) -> None:
    sandbox.control("POST", "/settings", {"secondsPerTask": 600})
    task = exported(sandbox, project)
    delete = "mutation D($id: ID!) { updateProject(where: {id: $id}, data: {deleted: true}) { id } }"
    data_of(sandbox.ask(delete, id=project))
    sandbox.control("POST", "/settings", {"secondsPerTask": 0})
    wait_for(lambda: data_of(sandbox.ask(FILE, id=task, at=0))["task"]["status"] == "FAILED", "the task")


def test_the_files_of_an_export_expire(tasks: SandboxProcess, project: str) -> None:
    url = file_of(tasks, exported(tasks, project), 0)["exportFileFromOffset"]["file"]
    assert httpx.get(url).status_code == 200
    assert httpx.get(url.replace("0.ndjson", "1.ndjson")).status_code == 404
    tasks.control("POST", "/settings", {"fileSeconds": 0})
    assert httpx.get(url).status_code == 403


def test_an_export_is_done_by_a_sandbox_that_comes_back(start: Callable[..., SandboxProcess]) -> None:
    first = start("--seconds-per-import", "0")
    first.project("c1", CARS)
    first.control("POST", "/settings", {"secondsPerTask": 600})
    task = exported(first, "c1")
    first.stop()
    second = start()
    assert file_of(second, task, 0)["exportMetadataHeader"]["totalLines"] == 1
