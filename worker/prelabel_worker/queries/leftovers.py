"""Find which annotations of older messages remain in Labelbox. No I/O."""

from collections.abc import Iterable

from prelabel_worker.chunks.annotation_counts import Counted, ImportedMessage, Leftovers, leftovers
from prelabel_worker.rendering.identity import ProjectIdentity


def leftovers_of(project_id: str, data_row_key: str, imported: Iterable[tuple[Counted, bool]]) -> Iterable[Leftovers]:
    """Yield the leftovers of each model on a data row, which is named by its key, `i:<id>` or `k:<global key>`.

    `imported` are the messages of the data row that the history has, the oldest first, and whether their imports were
    undone.
    """
    by_model: dict[str, list[ImportedMessage]] = {}
    for counted, undone in imported:
        by_model.setdefault(counted.model, []).append(ImportedMessage(counted, undone))
    identity = ProjectIdentity(project_id)
    for model, messages in by_model.items():
        of_model = leftovers(messages, identity.row(data_row_key, model))
        if of_model.annotations:
            yield of_model
