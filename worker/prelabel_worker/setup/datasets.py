"""Make a dataset (docs/reference/labelbox-api.md#2-1). The API has no look-up of a dataset by name."""

from prelabel_worker.labelbox.response_types import CreatedDataset
from prelabel_worker.setup.calls import Calls

_CREATE = "mutation NewDataset($name: String!) { createDataset(data: {name: $name}) { id name } }"


def create_dataset(calls: Calls, name: str) -> str:
    """Make a dataset and return its id. Raises RequestError; with `maybe_accepted` one may have been made."""
    return calls.create(_CREATE, {"name": name}, CreatedDataset).create_dataset.id
