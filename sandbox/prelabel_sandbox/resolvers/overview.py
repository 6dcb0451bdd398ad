"""A project's overview and task queues: how many of its data rows are where (docs/reference/labelbox-api.md#2-12)."""

from typing import Any

from ariadne import ObjectType
from starlette.concurrency import run_in_threadpool

from prelabel_sandbox.ids import derived_id
from prelabel_sandbox.resolvers.common import Info
from prelabel_sandbox.store.projects import Project
from prelabel_sandbox.store.workflow import Counts

project_type, queue_type = ObjectType("Project"), ObjectType("TaskQueue")
BINDABLES = (project_type, queue_type)

# A new project has three task queues (live test); the types of the last two are in the SDK, the rest is assumed.
_QUEUES = {
    "INITIAL_LABELING_QUEUE": "Initial labeling task",
    "MANUAL_REVIEW_QUEUE": "Initial review task",
    "MANUAL_REWORK_QUEUE": "Rework (all rejected)",
}


async def _counts(project: Project, info: Info, batch_ids: list[str] | None = None) -> Counts:
    return await run_in_threadpool(info.context.store.workflow.counts, project, batch_ids)


@project_type.field("workstreamStateCounts")
async def state_counts(project: Project, info: Info, batchIds: list[str] | None = None) -> list[dict[str, Any]]:  # noqa: N803
    """Answer the number of data rows in each state, of all data rows or of those of some batches."""
    counts = await _counts(project, info, batchIds)
    states = {
        "All": counts.total,
        "Unlabeled": counts.unlabeled,
        "Labeled": counts.labeled,
        "InReview": 0,
        "InRework": 0,
        "Skipped": 0,
        "Done": counts.labeled,
        "NotInTaskQueue": 0,
    }
    return [{"state": state, "count": count} for state, count in states.items()]


@project_type.field("completedDataRowCount")
async def completed(project: Project, info: Info) -> int:
    """Answer the number of data rows that are done."""
    return (await _counts(project, info)).labeled


@project_type.field("issues")
def issues(_: Project, __: Info) -> dict[str, int]:
    """Answer that nobody has opened an issue."""
    return {"totalCount": 0}


@project_type.field("taskQueues")
def task_queues(project: Project, _: Info) -> list[dict[str, Any]]:
    """Answer the task queues of a new project."""
    return [
        {
            "id": derived_id(project.id, "queue", kind),
            "name": name,
            "description": None,
            "queueType": kind,
            "project": project,
        }
        for kind, name in _QUEUES.items()
    ]


@queue_type.field("dataRowCount")
async def queue_size(queue: dict[str, Any], info: Info, input: Any = None) -> int:  # noqa: A002
    """Answer the number of data rows in a queue: unlabeled ones wait for a labeler, the other queues are empty."""
    if queue["queueType"] != "INITIAL_LABELING_QUEUE":
        return 0
    parts = ((input or {}).get("searchQuery") or {}).get("query") or []
    batch_ids = [batch_id for part in parts if part.get("type") == "batch" for batch_id in part["ids"]]
    return (await _counts(queue["project"], info, batch_ids or None)).unlabeled
