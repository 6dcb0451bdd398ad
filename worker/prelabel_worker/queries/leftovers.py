"""Read which annotations of older messages remain in Labelbox. Read-only."""

from prelabel.wire.client import Client
from prelabel.wire.keys import ProjectKeys
from prelabel_worker.chunks.annotation_counts import MODEL, Leftovers, leftovers
from prelabel_worker.rendering.identity import ProjectIdentity, counts_digest, row_key
from prelabel_worker.scripts import Scripts

_DAY_MS = 86_400_000


def read_leftovers(
    client: Client, project_keys: ProjectKeys, project_id: str, data_row: str, history_days: float
) -> list[Leftovers]:
    """Return the leftovers of each model on a data row, which is named by its global key or id.

    They are remembered for `history_days`.
    """
    numbers = client.hgetall(project_keys.annotation_counts_names)
    if not numbers or not history_days:
        return []
    names = {int(number): name for name, number in numbers.items()}
    models = [name[1:].decode() for name in numbers if name.startswith(MODEL)]
    rows = [(f"{form}:{data_row}", model) for model in models for form in "ik"]
    digests = [counts_digest(row_key(*row)) for row in rows]
    packed_counts = Scripts(client).run(
        "annotation_counts_of", project_keys.root, int(history_days * _DAY_MS), *digests
    )
    identity = ProjectIdentity(project_id)
    by_model = [
        leftovers(row[1], packed, names, identity.row(*row)) for row, packed in zip(rows, packed_counts, strict=True)
    ]
    return [of_model for of_model in by_model if of_model.annotations]
