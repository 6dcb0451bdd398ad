"""Does tasks one after another, a slice of data rows at a time."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping

import msgspec
import orjson

from prelabel_sandbox.jobs.background import Background
from prelabel_sandbox.jobs.export_rows import export
from prelabel_sandbox.jobs.upsert_rows import items_of
from prelabel_sandbox.settings import Settings
from prelabel_sandbox.store import Store
from prelabel_sandbox.store.tasks import Task, Type

_SLICE = 2000  # data rows in one short transaction
_IDLE_SECONDS = 1.0  # the longest sleep: settings can change meanwhile
_log = logging.getLogger(__name__)


class _Failed(Exception):
    """A task cannot be done; the text says why."""


class TaskRunner(Background):
    """Does tasks, oldest first."""

    def __init__(self, store: Store, settings: Settings) -> None:
        super().__init__("tasks")
        self._store = store
        self._settings = settings

    def _turn(self) -> float:
        task = self._store.tasks.next()
        if task is None:
            return _IDLE_SECONDS
        wait = task.created + self._settings.seconds_per_task - time.time()
        if wait > 0:
            return min(wait, _IDLE_SECONDS)
        self._do(task)
        return 0

    def _do(self, task: Task) -> None:
        tasks = self._store.tasks
        try:
            for _ in _WORK[task.type](self._store, task, self._settings):
                if self._stopping:
                    return
        except _Failed as error:
            tasks.end(task, "FAILED", orjson.dumps({"error": str(error)}).decode())
        except Exception as error:
            _log.error("task %s cannot be done: %s", task.id, type(error).__name__)
            tasks.end(task, "FAILED", orjson.dumps({"error": "Internal server error"}).decode())
        else:
            tasks.end(task, "COMPLETE")


def _upsert(store: Store, task: Task, _: Settings) -> Iterator[None]:
    """Create or change the data rows of the uploaded files that the task lists."""
    position = 0
    for secret in task.spec["chunks"]:
        upload = store.uploads.find(secret)
        try:
            items = items_of(upload[1].read_bytes() if upload else b"")
        except msgspec.MsgspecError as error:
            raise _Failed(f"a chunk cannot be read: {error}") from None
        for start in range(0, len(items), _SLICE):
            part = items[start : start + _SLICE]
            if position >= task.done:  # an earlier process stored the rows before `task.done`
                store.catalog.put(task, position, part)
            position += len(part)
            yield


def _fill(store: Store, task: Task, settings: Settings) -> Iterator[None]:
    """Put data rows into a batch, without unknown ones; a task that leaves its batch empty fails. Both are assumed."""
    spec = task.spec
    values = spec["values"]
    for start in range(task.done, len(values), _SLICE):
        part = values[start : start + _SLICE]
        ids, _ = store.catalog.ready(spec["column"], part, settings.seconds_until_processed)
        store.batches.put(task, start + len(part), spec["project"], spec["batch"], ids)
        yield
    batch = store.batches.get(spec["project"], spec["batch"])
    if values and (batch is None or batch.size == 0):
        raise _Failed("none of the data rows exists")


_WORK: Mapping[Type, Callable[[Store, Task, Settings], Iterator[None]]] = {
    "adv-upsert-data-rows": _upsert,
    "add-data-rows-to-batch": _fill,
    "export-data-rows": export,
}
