"""Tasks, and the outcomes of their data rows (docs/reference/labelbox-api.md#2-3)."""

from typing import Any

from ariadne import ObjectType, QueryType
from starlette.concurrency import run_in_threadpool

from prelabel_sandbox.errors import malformed, not_found
from prelabel_sandbox.resolvers.common import Info, add_times
from prelabel_sandbox.store.tasks import Task

query, task_type, user_type = QueryType(), ObjectType("Task"), ObjectType("User")
BINDABLES = (query, task_type, user_type)
add_times(task_type)

_NAMES = {"adv-upsert-data-rows": "JSON Import", "add-data-rows-to-batch": "Add data rows to batch"}
_PAGE = 5000


@user_type.field("createdTasks")
def created_tasks(_: Any, info: Info, where: dict[str, Any], skip: int = 0, first: int = 100) -> list[Task]:
    """Answer a list of the task with this id."""
    task = info.context.store.tasks.get(where["id"])
    return [task][skip : skip + first] if task else []


@task_type.field("name")
def name(task: Task, _: Info) -> str | None:
    """Answer the name of an export, or of the task's type."""
    return task.spec["name"] if task.type == "export-data-rows" else _NAMES.get(task.type)


@task_type.field("completionPercentage")
def completion_percentage(task: Task, _: Info) -> float:
    """Answer the progress in percent."""
    return 100.0 if task.status == "COMPLETE" or task.total == 0 else 100 * task.done / task.total


@query.field("failedDataRowImports")
async def failures(_: Any, info: Info, data: dict[str, Any]) -> dict[str, Any]:
    """Answer a page of the data rows that could not be created or changed, with the reasons."""
    rows, page = await run_in_threadpool(_page, info, data, False)
    return {**page, "results": rows}


@query.field("successesfulDataRowImports")
async def successes(_: Any, info: Info, data: dict[str, Any]) -> dict[str, Any]:
    """Answer a page of the data rows that were created or changed; the spelling is Labelbox's."""
    rows, page = await run_in_threadpool(_page, info, data, True)
    return {**page, "nodes": rows}


def _page(info: Info, data: dict[str, Any], ok: bool) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    tasks = info.context.store.tasks
    task = tasks.get(data["taskId"])
    if task is None:
        raise not_found("Task")
    first = min(max(data.get("first") or _PAGE, 1), _PAGE)
    after = data.get("from") or "-1"
    if not after.removeprefix("-").isdecimal():
        raise malformed("from is not the cursor of a page")
    rows = tasks.rows(task, ok=ok, after=int(after), first=first + 1)
    more = len(rows) > first
    page = {"after": str(rows[first - 1][0]) if more else None, "total": tasks.row_count(task, ok=ok)}
    return [body for _, body in rows[:first]], page
