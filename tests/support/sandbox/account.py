"""The operations by which a client creates data rows, ontologies, projects and batches."""

import json
from typing import Any

from tests.support.sandbox.cars import CARS
from tests.support.sandbox.process import SandboxProcess, data_of
from tests.support.sandbox.uploads import uploaded

DATASET = 'mutation { createDataset(data: {name: "D"}) { id rowCount } }'
UPSERT = "mutation U($uri: String!) { upsertDataRows(data: {manifestUri: $uri}) { id status type } }"
TASK = """query T($id: ID!) { user { createdTasks(where: {id: $id}, skip: 0, first: 100) {
  status result completionPercentage } } }"""
ROWS = """query R($id: ID!, $first: Int, $from: String) {
  successesfulDataRowImports(data: {taskId: $id, first: $first, from: $from}) {
    nodes { id externalId globalKey rowData } after total }
  failedDataRowImports(data: {taskId: $id, first: $first, from: $from}) {
    results { message
      spec { externalId globalKey rowData metadata { schemaId value name } attachments { type value } } }
    after total } }"""
PROJECT = 'mutation { createProject(data: {name: "P", allowedMediaType: IMAGE}) { id dataRowCount description } }'
ONTOLOGY = "mutation O($d: UpsertOntologyInput!) { upsertOntology(data: $d) { id normalized } }"
CONNECT = "mutation C($p: ID!, $o: ID!) { project(where: {id: $p}) { connectOntology(ontologyId: $o) { id } } }"
BATCH = """mutation B($p: ID!, $b: CreateBatchInput!) {
  project(where: {id: $p}) { createBatchV2(input: $b) { batch { id name size } failedDataRowIds } } }"""
BATCHES = """mutation B($p: ID!, $b: CreateBatchesInput!) {
  project(where: {id: $p}) { createBatches(input: $b) { tasks { batchUuid taskId } } } }"""


def entry(key: str | None = None, kind: str = "AUTO", value: str = "", **payload: Any) -> dict[str, Any]:
    keyed = {"global_key": key} if key else {}
    return {"id": {"type": kind, "value": value}, "payload": {"row_data": "https://a/b.jpg", **keyed, **payload}}


def begin(sandbox: SandboxProcess, *chunks: list[dict[str, Any]]) -> str:
    uris = [uploaded(sandbox, json.dumps(chunk).encode(), "application/json") for chunk in chunks]
    manifest = {"source": "SDK", "item_count": sum(map(len, chunks)), "chunk_uris": uris}
    uri = uploaded(sandbox, json.dumps(manifest).encode(), "manifest.json")
    begun = data_of(sandbox.ask(UPSERT, uri=uri))["upsertDataRows"]
    assert (begun["status"], begun["type"]) == ("IN_PROGRESS", "adv-upsert-data-rows")
    return str(begun["id"])


def ended(sandbox: SandboxProcess, task_id: str) -> dict[str, Any]:
    while True:
        (task,) = data_of(sandbox.ask(TASK, id=task_id))["user"]["createdTasks"]
        if task["status"] != "IN_PROGRESS":
            return task  # type: ignore[no-any-return]


def made(sandbox: SandboxProcess, *entries: dict[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Create data rows with a task; return the rows that succeeded, and those that failed."""
    dataset = data_of(sandbox.ask(DATASET))["createDataset"]["id"]
    for row in entries:
        row["payload"].setdefault("dataset_id", dataset)
    task = begin(sandbox, list(entries))
    assert ended(sandbox, task)["status"] == "COMPLETE"
    answer = data_of(sandbox.ask(ROWS, id=task))
    return answer["successesfulDataRowImports"]["nodes"], answer["failedDataRowImports"]["results"]


def boats(sandbox: SandboxProcess) -> str:
    """Create a project with the ontology of cars through the API, and return its id."""
    project = str(data_of(sandbox.ask(PROJECT))["createProject"]["id"])
    data = {"name": "O", "normalized": json.dumps(CARS), "mediaType": "IMAGE"}
    data_of(sandbox.ask(CONNECT, p=project, o=data_of(sandbox.ask(ONTOLOGY, d=data))["upsertOntology"]["id"]))
    return project
