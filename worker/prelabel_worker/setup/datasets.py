"""Datasets: a new one (docs/reference/labelbox-api.md#2-1). The API has no look-up of a dataset by name."""

from prelabel_worker.labelbox.response_types import CreatedDataset
from prelabel_worker.setup.calls import Calls

_CREATE = "mutation NewDataset($name: String!) { createDataset(data: {name: $name}) { id name } }"


def create_dataset(calls: Calls, name: str) -> str:
    """The id of a new dataset. An error with `maybe_accepted` may have made one. Raises RequestError."""
    return calls.create(_CREATE, {"name": name}, CreatedDataset).create_dataset.id
