"""Schedules imports: when each is processed, and which ones at the same time. Also reports their progress."""

import logging
import time
from collections import deque
from collections.abc import Iterator

from prelabel_sandbox.faults.active import ActiveFaults
from prelabel_sandbox.faults.imports import StuckRunning
from prelabel_sandbox.jobs.background import Background
from prelabel_sandbox.jobs.import_job import fail, process
from prelabel_sandbox.settings import Settings
from prelabel_sandbox.store import Store
from prelabel_sandbox.store.imports import Import

_IDLE_SECONDS = 1.0  # a fault may have ended by then
_log = logging.getLogger(__name__)


class Processor(Background):
    """Processes running imports: those of one project in order, projects in turn.

    One thread, because more would only compete for the interpreter with each other and with requests.
    """

    def __init__(self, store: Store, faults: ActiveFaults, settings: Settings) -> None:
        super().__init__("imports")
        self._store = store
        self._faults = faults
        self._settings = settings
        self._jobs: deque[tuple[Import, Iterator[None]]] = deque()
        self._stuck: dict[int, StuckRunning] = {}

    def progress(self, item: Import) -> str:
        """Return the progress in percent: the first half is the minimum duration, the second half the judged lines.

        It is 100 only once the import has ended.
        """
        if item.state != "RUNNING":
            return "100%"
        waited = (time.time() - item.created) / max(self._settings.seconds_per_import, 0.001)
        return f"{int(50 * min(1.0, waited) + 49 * item.share)}%"

    def _turn(self) -> float:
        seconds = self._begin_due_imports()
        if not self._jobs:
            return seconds
        self._step()
        return 0

    def _begin_due_imports(self) -> float:
        """Begin the first due import of every idle project; return the seconds until the next one is due."""
        seconds = _IDLE_SECONDS
        busy_projects = {item.project_id for item, _ in self._jobs}
        for item in self._store.imports.running():
            if item.project_id in busy_projects or self._is_stuck(item):
                continue
            busy_projects.add(item.project_id)
            if not self._store.imports.is_fetched(item):
                continue
            due = item.created + self._settings.seconds_per_import - time.time()
            if due <= 0:
                self._jobs.append((item, process(item, self._store, self._faults, self._settings)))
            else:
                seconds = min(seconds, due)
        return seconds

    def _is_stuck(self, item: Import) -> bool:
        applied = self._stuck.get(item.seq) or self._faults.apply(StuckRunning, [item.project_id])
        if applied is not None and self._faults.holds(applied):
            self._stuck[item.seq] = applied
            return True
        self._stuck.pop(item.seq, None)
        return False

    def _step(self) -> None:
        """Process one slice of the next project in turn."""
        item, job = self._jobs.popleft()
        try:
            next(job)
        except StopIteration:
            return
        except Exception as error:
            _log.error("import %s cannot be processed: %s", item.id, type(error).__name__)
            fail(item, self._store, "Internal server error")
            return
        self._jobs.append((item, job))
