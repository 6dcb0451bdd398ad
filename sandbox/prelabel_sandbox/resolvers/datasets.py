"""Datasets (docs/reference/labelbox-api.md#2-1)."""

from typing import Any

from ariadne import MutationType, ObjectType
from starlette.concurrency import run_in_threadpool

from prelabel_sandbox.errors import not_found
from prelabel_sandbox.resolvers.common import Info, add_times
from prelabel_sandbox.store.datasets import Dataset

mutation, dataset_type = MutationType(), ObjectType("Dataset")
BINDABLES = (mutation, dataset_type)
add_times(dataset_type)


@mutation.field("createDataset")
async def create_dataset(_: Any, info: Info, data: dict[str, Any]) -> Dataset:
    """Create a dataset."""
    return await run_in_threadpool(info.context.store.datasets.create, data["name"], data.get("description"))


@mutation.field("updateDataset")
async def update_dataset(_: Any, info: Info, where: dict[str, Any], data: dict[str, Any]) -> Dataset:
    """Change a dataset, or delete it; a deleted one is answered as it was."""
    datasets = info.context.store.datasets
    dataset = datasets.get(where["id"])
    if dataset is None:
        raise not_found("Dataset")
    if data.get("deleted"):
        await run_in_threadpool(datasets.delete, dataset.id)
        return dataset
    texts = {key: data.get(key) for key in ("name", "description")}
    await run_in_threadpool(lambda: datasets.change(dataset.id, **texts))
    return datasets.get(dataset.id) or dataset


@dataset_type.field("rowCount")
def row_count(dataset: Dataset, info: Info) -> int:
    """Answer the number of data rows."""
    return info.context.store.datasets.row_count(dataset.id)
