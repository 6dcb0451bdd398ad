"""Data rows of the account: created from uploads, found by global key (docs/reference/labelbox-api.md#2-3 and #2-4)."""

import time
from typing import Any

import msgspec
from ariadne import MutationType, QueryType
from starlette.concurrency import run_in_threadpool

from prelabel_sandbox.errors import malformed, not_found
from prelabel_sandbox.jobs.addresses import own_file
from prelabel_sandbox.jobs.upsert_rows import MAX_ROWS, Manifest
from prelabel_sandbox.resolvers.common import Info
from prelabel_sandbox.sandbox import Sandbox
from prelabel_sandbox.store.tasks import Task

query, mutation = QueryType(), MutationType()
BINDABLES = (query, mutation)


@mutation.field("upsertDataRows")
async def upsert_data_rows(_: Any, info: Info, data: dict[str, Any]) -> Task:
    """Begin a task that creates or changes the data rows of an uploaded manifest."""
    task = await run_in_threadpool(_begin, info.context, data["manifestUri"])
    info.context.runner.wake()
    return task


def _begin(sandbox: Sandbox, uri: str) -> Task:
    file = own_file(sandbox.store, sandbox.base_url, uri)
    if file is None:
        raise malformed("manifestUri is not the address of an upload")
    try:
        manifest = msgspec.json.decode(file.read_bytes(), type=Manifest)
    except msgspec.MsgspecError as error:
        raise malformed(f"the manifest cannot be read: {error}") from None
    if manifest.item_count > MAX_ROWS:
        raise malformed(f"a task takes at most {MAX_ROWS} data rows")
    chunks = [own_file(sandbox.store, sandbox.base_url, uri) for uri in manifest.chunk_uris]
    secrets = [chunk.parent.name for chunk in chunks if chunk is not None]
    if len(secrets) < len(chunks):
        raise malformed("chunk_uris: each must be the address of an upload")
    return sandbox.store.tasks.begin("adv-upsert-data-rows", {"chunks": secrets}, manifest.item_count)


@query.field("dataRowsForGlobalKeys")
async def begin_look_up(_: Any, info: Info, where: dict[str, Any]) -> dict[str, Any]:
    """Begin to look up data rows by global key."""
    keys = where["ids"]
    tasks = info.context.store.tasks
    task = await run_in_threadpool(tasks.begin, "data-rows-for-global-keys", {"keys": keys}, len(keys))
    return {"jobId": task.id}


@query.field("dataRowsForGlobalKeysResult")
async def look_up(_: Any, info: Info, jobId: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
    """Answer the ids of the data rows in the order of the request; an empty id for one that does not exist."""
    sandbox = info.context
    task = sandbox.store.tasks.get(jobId["id"])
    if task is None or task.type != "data-rows-for-global-keys":
        raise not_found("Job")
    if time.time() < task.created + sandbox.settings.seconds_per_task:
        return {"jobStatus": "RUNNING", "data": None}
    keys = task.spec["keys"]
    ids = await run_in_threadpool(sandbox.store.catalog.ids, "global_key", keys)
    data = {
        "fetchedDataRows": [{"id": row_id or ""} for row_id in ids],
        "notFoundGlobalKeys": [key for key, row_id in zip(keys, ids, strict=True) if row_id is None],
        "accessDeniedGlobalKeys": [],
        "deletedDataRowGlobalKeys": [],
    }
    return {"jobStatus": "COMPLETE", "data": data}


@query.field("queryAllDataRowsHaveBeenProcessed")
async def are_processed(
    _: Any,
    info: Info,
    globalKeys: list[str] | None = None,  # noqa: N803
    dataRowIds: list[str] | None = None,  # noqa: N803
) -> dict[str, Any]:
    """Answer whether all these data rows can be put into a batch. Unknown ones are ignored: our assumption."""
    store, seconds = info.context.store, info.context.settings.seconds_until_processed
    if dataRowIds:
        done = await run_in_threadpool(store.catalog.are_processed, "id", dataRowIds, seconds)
    else:
        done = await run_in_threadpool(store.catalog.are_processed, "global_key", globalKeys or [], seconds)
    return {"allDataRowsHaveBeenProcessed": done}
