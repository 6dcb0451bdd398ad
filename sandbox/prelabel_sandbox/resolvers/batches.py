"""Batches (docs/reference/labelbox-api.md#2-7)."""

from typing import Any

from ariadne import ObjectType
from starlette.concurrency import run_in_threadpool

from prelabel_sandbox.errors import conflict, malformed, not_found
from prelabel_sandbox.resolvers.common import PAGE, Info, add_times
from prelabel_sandbox.store.batches import Batch, NameTaken
from prelabel_sandbox.store.catalog import Column
from prelabel_sandbox.store.projects import Project

project_type, change_type, batch_type = ObjectType("Project"), ObjectType("ProjectChange"), ObjectType("Batch")
BINDABLES = (project_type, change_type, batch_type)
add_times(batch_type)
batch_type.set_alias("consensusSettingsJson", "consensus")

_MAX_ROWS = 100_000  # of a batch
_MAX_ROWS_OF_ALL = 1_000_000  # of one createBatches operation


@change_type.field("createBatchV2")
async def create_batch(project: Project, info: Info, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002
    """Create a batch of data rows; also answer the values that name none, or one that is not processed yet."""
    column, values = _named(input, _MAX_ROWS)
    store, seconds = info.context.store, info.context.settings.seconds_until_processed
    ids, failed = await run_in_threadpool(store.catalog.ready, column, values, seconds)
    batch = await _created(info, project, input, ids)
    return {"batch": batch, "failedDataRowIds": failed}


@change_type.field("createEmptyBatch")
async def create_empty_batch(project: Project, info: Info, input: dict[str, Any]) -> Batch:  # noqa: A002
    """Create a batch that a task will fill."""
    return await _created(info, project, input, [])


async def _created(info: Info, project: Project, fields: dict[str, Any], ids: list[str]) -> Batch:
    create = info.context.store.batches.create
    try:
        return await run_in_threadpool(create, project.id, fields["name"], fields.get("consensusSettings"), ids)
    except NameTaken:
        raise conflict("a batch of this name") from None


@change_type.field("addDataRowsToBatchAsync")
async def add_data_rows(project: Project, info: Info, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002
    """Begin a task that puts data rows into a batch."""
    batches = info.context.store.batches
    if batches.get(project.id, input["batchId"]) is None:
        raise not_found("Batch")
    task_id = await run_in_threadpool(batches.fill_later, project.id, input["batchId"], *_named(input, _MAX_ROWS))
    info.context.runner.wake()
    return {"taskId": task_id}


@change_type.field("createBatches")
async def create_batches(project: Project, info: Info, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002
    """Create as many batches as the data rows need, each filled by a task."""
    column, values = _named(input, _MAX_ROWS_OF_ALL)
    return await _begun(info, project, input, column, values)


@change_type.field("createBatchesFromDataset")
async def create_batches_from_dataset(project: Project, info: Info, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002
    """Create batches of those data rows of a dataset that are not in the project yet."""
    store = info.context.store
    if store.datasets.get(input["datasetId"]) is None:
        raise not_found("Dataset")
    values = await run_in_threadpool(store.catalog.ids_of_dataset, input["datasetId"], project.id)
    return await _begun(info, project, input, "id", values)


async def _begun(
    info: Info, project: Project, fields: dict[str, Any], column: Column, values: list[str]
) -> dict[str, Any]:
    create = info.context.store.batches.create_filled_later
    prefix, consensus = fields["batchNamePrefix"], fields.get("consensusSettings")
    parts = [values[start : start + _MAX_ROWS] for start in range(0, len(values), _MAX_ROWS)]
    try:
        created = await run_in_threadpool(create, project.id, prefix, consensus, column, parts)
    except NameTaken:
        raise conflict("a batch of this name") from None
    info.context.runner.wake()
    return {"tasks": [{"batchUuid": batch_id, "taskId": task_id} for batch_id, task_id in created]}


def _named(fields: dict[str, Any], maximum: int) -> tuple[Column, list[str]]:
    """Return the column by which the request names data rows, and the values in it."""
    ids, keys = fields.get("dataRowIds"), fields.get("globalKeys")
    if ids and keys:
        raise malformed("data rows are named by dataRowIds or by globalKeys, not by both")
    values = ids or keys or []
    if not values or len(values) > maximum:
        raise malformed(f"1 to {maximum} data rows are needed, found {len(values)}")
    return ("id" if ids else "global_key"), values


@project_type.field("batches")
def batches(
    project: Project,
    info: Info,
    where: dict[str, Any] | None = None,
    after: str | None = None,
    first: int | None = None,
) -> dict[str, Any]:
    """Answer the batch with an id, or a page of all batches."""
    store = info.context.store.batches
    if where is not None:
        batch = store.get(project.id, where["id"])
        return {"nodes": [batch] if batch else [], "pageInfo": {"endCursor": None}}
    if after is not None and not after.isdecimal():
        raise malformed("after is not the cursor of a page")
    size = min(max(first or PAGE, 1), PAGE)
    page = store.page(project.id, int(after or 0), size + 1)
    return {"nodes": page[:size], "pageInfo": {"endCursor": str(page[size - 1].seq) if len(page) > size else None}}
