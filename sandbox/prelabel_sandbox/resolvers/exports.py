"""Exports of data rows with their labels, as tasks whose results are streams (docs/reference/labelbox-api.md#2-12)."""

import secrets
from bisect import bisect_left
from typing import Any

from ariadne import MutationType, ObjectType, QueryType
from starlette.concurrency import run_in_threadpool

from prelabel_sandbox.errors import malformed, not_found
from prelabel_sandbox.exports.selection import Selection, Unusable
from prelabel_sandbox.resolvers.common import Info, the_project
from prelabel_sandbox.store.exports import Part
from prelabel_sandbox.store.tasks import Task

query, mutation, task_type = QueryType(), MutationType(), ObjectType("Task")
BINDABLES = (query, mutation, task_type)

_RESULT = "RESULT"


@mutation.field("exportDataRowsInProject")
async def export_project(_: Any, info: Info, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002
    """Begin to export the data rows of a project."""
    project = the_project(info, input["filters"]["projectId"])
    return await _begun(info, input, project.id)


@mutation.field("exportDataRowsInCatalog")
async def export_catalog(_: Any, info: Info, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002
    """Begin to export data rows of the account, with their labels in some projects."""
    return await _begun(info, input, None)


async def _begun(info: Info, fields: dict[str, Any], project_id: str | None) -> dict[str, Any]:
    wanted = fields["filters"]["searchQuery"].get("query") or []
    try:
        Selection(wanted)
    except Unusable as error:
        raise malformed(f"searchQuery: {error}") from None
    spec = {
        "name": fields.get("taskName") or "Export data rows",
        "project": project_id,
        "query": wanted,
        "params": fields.get("params") or {},
        "secret": secrets.token_urlsafe(24),
        "base": info.context.base_url,
    }
    task = await run_in_threadpool(info.context.store.tasks.begin, "export-data-rows", spec, 1)
    info.context.runner.wake()
    return {"taskId": task.id, "isStreamable": True}


@query.field("task")
def find_task(_: Any, info: Info, where: dict[str, Any] | None = None) -> Task:
    """Answer a task by id."""
    task = info.context.store.tasks.get((where or {}).get("id", ""))
    if task is None:
        raise not_found("Task")
    return task


@task_type.field("exportMetadataHeader")
def header(task: Task, info: Info, streamType: str) -> dict[str, int] | None:  # noqa: N803
    """Answer the size of a stream; None: the stream has nothing, as that of errors always."""
    parts = _parts(task, info, streamType)
    return {"totalSize": parts[-1].end + 1, "totalLines": parts[-1].last_line + 1} if parts else None


@task_type.field("exportFileFromOffset")
def file_from_offset(task: Task, info: Info, streamType: str, offset: Any) -> dict[str, Any] | None:  # noqa: N803
    """Answer the file of a stream that has a byte."""
    parts = _parts(task, info, streamType)
    return _file(task, info, parts, bisect_left(parts, _number(offset), key=lambda part: part.end))


@task_type.field("exportFileFromLine")
def file_from_line(task: Task, info: Info, streamType: str, line: Any) -> dict[str, Any] | None:  # noqa: N803
    """Answer the file of a stream that has a line."""
    parts = _parts(task, info, streamType)
    return _file(task, info, parts, bisect_left(parts, _number(line), key=lambda part: part.last_line))


def _parts(task: Task, info: Info, stream: str) -> list[Part]:
    if task.type != "export-data-rows" or task.status != "COMPLETE" or stream != _RESULT:
        return []
    return info.context.store.exports.parts(task.spec["secret"])


def _file(task: Task, info: Info, parts: list[Part], number: int) -> dict[str, Any] | None:
    if number >= len(parts):
        return None
    part = parts[number]
    return {
        "offsets": {"start": part.start, "end": part.end},
        "lines": {"start": part.first_line, "end": part.last_line},
        "file": f"{info.context.base_url}/exports/{task.spec['secret']}/{number}.ndjson",
    }


def _number(value: Any) -> int:
    """Return a number that the SDK sends as a text."""
    if not str(value).isdecimal():
        raise malformed("offset and line: expected a number")
    return int(value)
