"""Data rows of the account: tasks create and change them from manifests."""

import json
from typing import Any

import pytest

from tests.support.row_data import BAD, GOOD, Bad, Good
from tests.support.sandbox.account import (
    DATASET,
    ROWS,
    UPSERT,
    begin,
    ended,
    entry,
    made,
)
from tests.support.sandbox.process import SandboxProcess, code_of, data_of
from tests.support.sandbox.uploads import uploaded


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (entry(row_data=None), "row_data"),
        (entry("k" * 201), "200"),
        (entry(dataset_id="cunknown"), "dataset"),
        (entry(row_data="ä" * (32 << 10) + "b"), "65536"),
        (entry(row_data=7), "row_data must be a string"),
        (entry(row_data="https:///b.jpg"), "needs a host"),
        (entry(row_data="GS:///b.jpg"), "needs a host"),
        (entry(global_key=["a"]), "global_key must be a string"),
        (entry(kind="ID", value="cunknown"), "cunknown"),
    ],
    ids=[
        "no data",
        "long key",
        "no dataset",
        "long text",
        "data is a number",
        "no host",
        "no bucket",
        "key is a list",
        "unknown id",
    ],
)
def test_a_data_row_that_cannot_be_is_a_failed_one(tasks: SandboxProcess, bad: dict[str, Any], why: str) -> None:
    nodes, failed = made(tasks, entry(), bad)
    assert len(nodes) == 1
    (only,) = failed
    assert why in only["message"]
    assert only["spec"]["metadata"] == []


def test_failures_show_what_was_given(tasks: SandboxProcess, project: str) -> None:
    """Its project's id is a key that nobody has."""
    more: dict[str, Any] = {
        "external_id": "e",
        "metadata_fields": [{"schema_id": "cms", "value": "night"}],
        "attachments": [{"type": "IMAGE_OVERLAY", "value": "https://a/c.png"}],
    }
    _, failed = made(tasks, entry(project), entry(project, **more))
    assert failed == [
        {
            "message": f"Duplicate global key: {project}",
            "spec": {
                "externalId": "e",
                "globalKey": project,
                "rowData": "https://a/b.jpg",
                "metadata": [{"schemaId": "cms", "value": "night", "name": None}],
                "attachments": [{"type": "IMAGE_OVERLAY", "value": "https://a/c.png"}],
            },
        }
    ]


@pytest.mark.parametrize(("row_data", "media_type"), [(each.row_data, each.media_type) for each in GOOD], ids=str)
def test_an_object_is_kept_as_the_json_that_was_sent(
    tasks: SandboxProcess, row_data: dict[str, Any], media_type: str
) -> None:
    (node, typed), failed = made(tasks, entry(row_data=row_data), entry(row_data=row_data, media_type=media_type))

    assert failed == []
    assert json.loads(node["rowData"]) == json.loads(typed["rowData"]) == row_data


def test_tiles_may_stand_in_place_of_row_data(tasks: SandboxProcess) -> None:
    tiles = entry(row_data=None)
    tiles["payload"] = {"tileLayerUrl": "https://a/{z}/{x}/{y}.png", "bounds": [[0, 0], [1, 1]], "epsg": "Simple"}
    keyed = {**tiles["payload"], "globalKey": "tiles-without-row-data", "media_type": "TMS_SIMPLE"}

    nodes, failed = made(tasks, tiles, {**tiles, "payload": keyed})

    assert failed == []
    assert [json.loads(node["rowData"])["tileLayerUrl"] for node in nodes] == ["https://a/{z}/{x}/{y}.png"] * 2


@pytest.mark.parametrize("bad", BAD, ids=str)
def test_an_object_that_is_no_row_data_is_refused_with_the_place(tasks: SandboxProcess, bad: Bad) -> None:
    nodes, (failed,) = made(tasks, entry(row_data=bad.row_data))

    assert nodes == []
    assert "row_data" in failed["message"]


@pytest.mark.parametrize("media_type", ["IMAGES", "totallyinvalid", ""])
def test_a_media_type_that_does_not_exist_is_refused(tasks: SandboxProcess, media_type: str) -> None:
    nodes, (failed,) = made(tasks, entry(media_type=media_type))

    assert nodes == []
    assert failed["message"].startswith(f"Found invalid media type: '{media_type}'")
    assert "TMS_GEO" in failed["message"]


@pytest.mark.parametrize("good", GOOD, ids=str)
def test_an_object_of_another_media_type_is_refused(tasks: SandboxProcess, good: Good) -> None:
    nodes, (failed,) = made(tasks, entry(row_data=good.row_data, media_type="IMAGE"))

    assert nodes == []
    assert failed["message"].startswith("Found invalid contents for media type: 'IMAGE'")


def test_pages_of_results_end(tasks: SandboxProcess) -> None:
    dataset = data_of(tasks.ask(DATASET))["createDataset"]["id"]
    task = begin(tasks, [entry(dataset_id=dataset) for _ in range(3)], [entry(dataset_id="c") for _ in range(3)])
    assert ended(tasks, task)["completionPercentage"] == 100
    pages: dict[str, list[int]] = {"nodes": [], "results": []}
    for field, rows in (("successesfulDataRowImports", "nodes"), ("failedDataRowImports", "results")):
        after = None
        while not pages[rows] or after:
            page = data_of(tasks.ask(ROWS, **{"id": task, "first": 2, "from": after}))[field]
            pages[rows].append(len(page[rows]))
            after = page["after"]
            assert page["total"] == 3
    assert pages == {"nodes": [2, 1], "results": [2, 1]}


@pytest.mark.parametrize("manifest", [b"[]", b"no json", b'{"item_count": 1, "chunk_uris": ["https://a/b"]}'])
def test_a_manifest_that_is_none_is_malformed(tasks: SandboxProcess, manifest: bytes) -> None:
    assert code_of(tasks.ask(UPSERT, uri=uploaded(tasks, manifest))) == "MALFORMED_REQUEST"
    assert code_of(tasks.ask(UPSERT, uri="https://elsewhere/manifest.json")) == "MALFORMED_REQUEST"


def test_a_task_takes_150_000_data_rows(tasks: SandboxProcess) -> None:
    for count, right in ((150_000, True), (150_001, False)):
        manifest = json.dumps({"item_count": count, "chunk_uris": []}).encode()
        answer = tasks.ask(UPSERT, uri=uploaded(tasks, manifest))
        assert ("errors" not in answer.json()) == right


def test_a_chunk_that_cannot_be_read_fails_the_task(tasks: SandboxProcess) -> None:
    task = ended(tasks, begin(tasks, [{"id": {"type": "NAME", "value": "a"}, "payload": {}}]))
    assert task["status"] == "FAILED"
    assert "chunk" in json.loads(task["result"])["error"]


def test_a_look_up_runs_before_it_is_complete(sandbox: SandboxProcess) -> None:
    sandbox.control("POST", "/settings", {"secondsPerTask": 60})
    begin_it = 'query { dataRowsForGlobalKeys(where: {ids: ["nowhere"]}) { jobId } }'
    result = (
        "query R($j: ID!) { dataRowsForGlobalKeysResult(jobId: {id: $j}) { jobStatus data { notFoundGlobalKeys } } }"
    )
    job = data_of(sandbox.ask(begin_it))["dataRowsForGlobalKeys"]["jobId"]
    found = data_of(sandbox.ask(result, j=job))["dataRowsForGlobalKeysResult"]
    assert found == {"jobStatus": "RUNNING", "data": None}
    sandbox.control("POST", "/settings", {"secondsPerTask": 0})
    found = data_of(sandbox.ask(result, j=job))["dataRowsForGlobalKeysResult"]
    assert found == {"jobStatus": "COMPLETE", "data": {"notFoundGlobalKeys": ["nowhere"]}}
    assert code_of(sandbox.ask(result, j="cunknown")) == "RESOURCE_NOT_FOUND"
