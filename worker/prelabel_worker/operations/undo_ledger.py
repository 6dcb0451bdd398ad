"""The steps of an undo: begin, remove its rows from the policy's memory, finish. Each is safe to repeat.

`begin` and `finish` return only when their writes are durable. Otherwise a Redis that restarts could still count rows
as imported although their import is deleted, and nobody would know.
"""

from collections.abc import Sequence
from typing import Any

from prelabel.errors import PrelabelError
from prelabel.wire import keys
from prelabel.wire.client import Client
from prelabel.wire.durability import NotDurable
from prelabel_worker.presence import living
from prelabel_worker.scripts import Scripts
from prelabel_worker.settings import Settings

_DAY_MS = 86_400_000
_TOGETHER = 500  # rows in one script call


def with_workers_history(client: Client, settings: Settings) -> Settings:
    """Return the settings with the workers' `history_days`, whatever the environment of this process says.

    Workers write what the history remembers, so it is found only by their setting. The longest counts if they differ.
    """
    announced = [worker.history_days for worker in living(client, settings.key_prefix)]
    days = max((days for days in announced if days is not None), default=settings.history_days)
    return settings.model_copy(update={"history_days": days})


class UndoLedger:
    """Records the undoing of imports of all projects in one Redis; an import is named by the id of its chunk."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self._client = client
        self._scripts = Scripts(client)
        self._prefix = settings.key_prefix
        self._durability = settings.durability
        self._keep_ms = int(settings.history_days * _DAY_MS)

    def begin(self, project_id: str, chunk_ids: Sequence[str]) -> list[str]:
        """Begin to undo imports; return `begun`, `undone` or `forgotten` for each. Only a begun one may be deleted."""
        return [answer.decode() for answer in self._durably("undo_begin", project_id, chunk_ids)]

    def forget(self, project_id: str, chunk_id: str, marks: Sequence[int]) -> None:
        """Remove these rows from the policy's memory. Call before `finish`, which drops the record of them."""
        for at in range(0, len(marks), _TOGETHER):
            part = marks[at : at + _TOGETHER]
            self._scripts.run("undo_forget", self._root(project_id), chunk_id, self._keep_ms, *part)

    def finish(self, project_id: str, chunk_ids: Sequence[str]) -> list[int]:
        """Count the rows of begun imports, which Labelbox no longer has, as discarded.

        Returns the number of rows of each import; -1 if somebody else has finished its undo.
        """
        return [int(rows) for rows in self._durably("undo", project_id, chunk_ids)]

    def _durably(self, script: str, project_id: str, chunk_ids: Sequence[str]) -> Any:
        try:
            return self._scripts.run_durably(self._durability, script, self._root(project_id), *chunk_ids)
        except NotDurable as error:
            raise PrelabelError(f"{error}; repeat the command to resume") from None

    def _root(self, project_id: str) -> str:
        return keys.project_root(self._prefix, project_id)
