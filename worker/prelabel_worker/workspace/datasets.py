"""Datasets: a new one (wire reference 2.1). The API has no look-up of a dataset by name."""

from prelabel_worker.errors import Garbled
from prelabel_worker.workspace.calls import Calls

_CREATE = "mutation NewDataset($name: String!) { createDataset(data: {name: $name}) { id name } }"


def create_dataset(calls: Calls, name: str) -> str:
    """The id of a new dataset. An error with `maybe_accepted` may have made one. Raises RequestError."""
    made = calls.create(_CREATE, {"name": name}).get("createDataset")
    if not isinstance(made, dict) or not made.get("id"):
        raise Garbled("the answer names no dataset", maybe_accepted=True)
    return str(made["id"])
