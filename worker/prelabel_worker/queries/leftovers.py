"""Find which annotations of older messages remain in Labelbox. No I/O."""

from collections.abc import Iterable

from prelabel_worker.chunks.annotation_counts import Counted, ImportedMessage, Leftovers, leftovers
from prelabel_worker.chunks.history import Emptied, digest_of
from prelabel_worker.rendering.identity import ProjectIdentity


def leftovers_of(
    project_id: str, data_row_key: str, messages: Iterable[tuple[Counted | Emptied, bool]]
) -> Iterable[Leftovers]:
    """Yield the leftovers of each model on a data row, which is named by its key, `i:<id>` or `k:<global key>`.

    `messages` are those of the data row that the history has, the oldest first, and whether their imports were undone.
    An empty one is in no import, so it stays the newest of its model.
    """
    by_model: dict[str, list[ImportedMessage]] = {}
    for message, undone in messages:
        if isinstance(message, Counted):
            by_model.setdefault(message.model, []).append(ImportedMessage(message, undone))
            continue
        for model, earlier in by_model.items():
            if digest_of(model) == message.model:
                earlier.append(ImportedMessage(Counted(model, {}, 0), undone=False))
    identity = ProjectIdentity(project_id)
    for model, messages in by_model.items():
        of_model = leftovers(messages, identity.row(data_row_key, model))
        if of_model.annotations:
            yield of_model
