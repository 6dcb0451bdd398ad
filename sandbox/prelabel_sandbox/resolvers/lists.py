"""Lists of projects and datasets with their filters, and a dataset by id (docs/reference/labelbox-api.md#2-12)."""

from collections.abc import Sequence
from typing import Any, TypeVar

from ariadne import ObjectType, QueryType, ScalarType
from starlette.concurrency import run_in_threadpool

from prelabel_sandbox.errors import not_found
from prelabel_sandbox.resolvers.common import Info, page_of, seconds_of
from prelabel_sandbox.resolvers.filters import matches
from prelabel_sandbox.store.datasets import Dataset
from prelabel_sandbox.store.projects import Project

query, organization_type, project_type = QueryType(), ObjectType("Organization"), ObjectType("Project")
BINDABLES = (query, organization_type, project_type, ScalarType("DateTime", value_parser=seconds_of))

Record = TypeVar("Record", Project, Dataset)


@query.field("projects")
@organization_type.field("projects")
async def list_projects(_: Any, info: Info, where: Any = None, skip: int = 0, first: int = 0) -> Sequence[Project]:
    """Answer a page of the projects that a filter selects, oldest first."""
    projects = await run_in_threadpool(info.context.store.projects.all)
    return _page(projects, [project.details.get("description") for project in projects], where, skip, first)


@query.field("datasets")
async def list_datasets(_: Any, info: Info, where: Any = None, skip: int = 0, first: int = 0) -> Sequence[Dataset]:
    """Answer a page of the datasets that a filter selects, oldest first."""
    datasets = await run_in_threadpool(info.context.store.datasets.all)
    return _page(datasets, [dataset.description for dataset in datasets], where, skip, first)


def _page(
    records: Sequence[Record], descriptions: Sequence[str | None], where: Any, skip: int, first: int
) -> Sequence[Record]:
    skipped, size = page_of(skip, first)
    selected = [
        record
        for record, description in zip(records, descriptions, strict=True)
        if matches(_fields(record, description), where)
    ]
    return selected[skipped : skipped + size]


def _fields(record: Project | Dataset, description: str | None) -> dict[str, Any]:
    """Return the fields that filters compare; deleted records are in no list."""
    times = {"createdAt": record.created, "updatedAt": record.updated}
    return {"id": record.id, "name": record.name, "description": description, "deleted": False, **times}


@query.field("dataset")
def find_dataset(_: Any, info: Info, where: dict[str, Any]) -> Dataset:
    """Answer a dataset by id."""
    dataset = info.context.store.datasets.get(where["id"])
    if dataset is None:
        raise not_found("Dataset")
    return dataset


@project_type.field("queueMode")
def queue_mode(_: Project, __: Info) -> str:
    """Answer how data rows come into a project; SDK 5 asks for it. There are only batches."""
    return "BATCH"
