"""Carry out bulk actions in threads of this process, and keep their progress in Redis.

One more thread writes the progress of all actions and reads who aborts them, so that an action shows signs of life
while it searches many dead letters that do not match.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import redis
import structlog

from prelabel.printing import counted
from prelabel.wire.client import Client, is_of_keys, words_of
from prelabel_console.bulk.preview import act
from prelabel_console.bulk.request import BulkRequest
from prelabel_worker.dead_letters.bulk import Bulk, Pacer
from prelabel_worker.dead_letters.bulk_log import BulkAction, BulkLog, Ended, TooMany
from prelabel_worker.dead_letters.filter import DeadLetterFilter
from prelabel_worker.dead_letters.store import HeldRows
from prelabel_worker.operations.action_log import Actions

ROWS_PER_SECOND = 2_000.0
"""Maximum rows per second of one action, so that a retry does not fill the lanes before other rows."""
AT_ONCE = 4
"""Maximum number of actions that one console carries out at a time."""
_BEAT_SECONDS = 0.5
_END_SECONDS = 5.0
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Run:
    """An action that is being carried out."""

    action: BulkAction
    bulk: Bulk
    projects_done: int = 0
    unreadable: int = 0


class BulkRunner:
    """Carries out bulk actions. Thread-safe."""

    def __init__(self, client: Client, key_prefix: str, rows_per_second: float = ROWS_PER_SECOND) -> None:
        self._client = client
        self._prefix = key_prefix
        self._rate = rows_per_second
        self.log = BulkLog(client, key_prefix)
        self._lock = threading.Lock()
        self._runs: dict[str, _Run] = {}
        self._threads: list[threading.Thread] = []
        self._beat: threading.Thread | None = None
        self._stopped = threading.Event()

    def start(
        self, request: BulkRequest, chosen: DeadLetterFilter, project_ids: Sequence[str], matching: int, who: str
    ) -> BulkAction:
        """Begin an action and return it. Raises AlreadyRunning and TooMany."""
        with self._lock:
            if len(self._runs) >= AT_ONCE:
                raise TooMany(f"this console carries out {AT_ONCE} bulk actions: wait for one of them, or abort one")
            action = self.log.begin(
                name=request.name,
                verb=request.verb,
                who=who,
                scope=request.scope,
                matching=matching,
                projects=len(project_ids),
            )
            run = _Run(action, Bulk(HeldRows(self._client, self._prefix), chosen, Pacer(self._rate)))
            self._runs[action.id] = run
            self._begin(run, request, list(project_ids))
        return action

    def stop(self) -> None:
        """End all actions after their present slices, and wait a moment for them."""
        self._stopped.set()
        with self._lock:
            runs, threads = list(self._runs.values()), list(self._threads)
        for run in runs:
            run.bulk.stop.set()
        for thread in threads:
            thread.join(_END_SECONDS)

    def _begin(self, run: _Run, request: BulkRequest, project_ids: list[str]) -> None:
        thread = threading.Thread(
            target=self._carry_out, args=(run, request, project_ids), name=f"bulk-{run.action.id}", daemon=True
        )
        self._threads = [known for known in self._threads if known.is_alive()] + [thread]
        thread.start()
        if self._beat is None:
            self._beat = threading.Thread(target=self._show_life, name="bulk-progress", daemon=True)
            self._beat.start()

    def _carry_out(self, run: _Run, request: BulkRequest, project_ids: list[str]) -> None:
        state: Ended = "failed"
        problem = ""
        try:
            for project_id in project_ids:
                if run.bulk.stop.is_set():
                    break
                self._act(run, request, project_id)
                run.projects_done += 1
            state = "aborted" if run.bulk.stop.is_set() else "done"
            problem = f"{counted(run.unreadable, 'project')} could not be read" if run.unreadable else ""
            if state == "aborted" and self._stopped.is_set():
                problem = "the console that carried it out was stopped"
        except Exception as error:
            problem = words_of(error) if isinstance(error, redis.RedisError) else type(error).__name__
            _log.warning("console.bulk.failed", bulk=run.action.id, error=type(error).__name__)
        finally:
            with self._lock:
                del self._runs[run.action.id]
            self._record(run, request, state, problem)

    def _act(self, run: _Run, request: BulkRequest, project_id: str) -> None:
        try:
            act(run.bulk, project_id, request)
        except redis.ResponseError as error:
            if not is_of_keys(error):
                raise
            run.unreadable += 1

    def _record(self, run: _Run, request: BulkRequest, state: Ended, problem: str) -> None:
        """Record the end of the action, and in each project what was done there."""
        details = run.bulk.chosen.as_details() | request.edits.as_details() | {"bulk": run.action.id}
        details |= {"asNew": True} if request.as_new else {}
        try:
            self.log.end(run.action, run.bulk.result, run.projects_done, state, problem)
            actions = Actions(self._client, self._prefix, run.action.who)
            for project_id, result in run.bulk.by_project.items():
                actions.record(project_id, request.verb, details | result.as_json())
        except redis.RedisError as error:
            # Redis is away: the action counts as interrupted once it has been silent for a while.
            _log.warning("console.bulk.unrecorded", bulk=run.action.id, error=type(error).__name__)

    def _show_life(self) -> None:
        while not self._stopped.wait(_BEAT_SECONDS):
            with self._lock:
                runs = list(self._runs.values())
            for run in runs:
                self._update(run)

    def _update(self, run: _Run) -> None:
        try:
            with self._lock:  # the end of the action must not be overwritten
                if run.action.id in self._runs and self.log.update(run.action, run.bulk.result, run.projects_done):
                    run.bulk.stop.set()
        except redis.RedisError as error:
            _log.warning("console.bulk.unrecorded", bulk=run.action.id, error=type(error).__name__)
