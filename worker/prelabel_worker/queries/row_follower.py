"""Follow the rows of a file to their outcomes: read new records of the history instead of looking up each row."""

import threading
import time
from collections.abc import Iterator

from prelabel.wire.client import Client
from prelabel_worker.chunks.held_state import HeldState
from prelabel_worker.dead_letters.filter import DeadLetterFilter
from prelabel_worker.dead_letters.letter import DeadLetter
from prelabel_worker.dead_letters.reader import HeldReader
from prelabel_worker.queries.imports import Imports
from prelabel_worker.queries.row_report import PENDING, RowReport
from prelabel_worker.queries.status import Inspector, ProjectStatus

_LOOK_SECONDS = 0.3
_HELD_SECONDS = 2.0


class Follower:
    """Follows the rows of one project, and records their outcomes in the report."""

    def __init__(self, client: Client, key_prefix: str, report: RowReport, project_id: str, since_ms: float) -> None:
        self._imports = Imports(client, key_prefix)
        self._held = HeldReader(client, key_prefix)
        self._inspector = Inspector(client, key_prefix)
        self._report = report
        self._project = project_id
        self._since = since_ms
        self._read: set[str] = set()
        self._held_at = 0.0
        self._began_ms = self._held.now_ms()
        self.pending = True
        self.only_retrying = False
        self.status: ProjectStatus | None = None

    def look(self) -> bool:
        """Record the outcomes since the last look; return whether any row of the report still has no final outcome."""
        # Read the status before the history: if no row was pending then, the history has all outcomes now.
        status = self.status = self._inspector.status(self._project)
        self._read_history()
        counts = self._report.counts(self._project)
        look_at_held = not counts[PENDING] and time.monotonic() - self._held_at > _HELD_SECONDS
        if look_at_held or not status.pending:
            self._read_held()
            counts = self._report.counts(self._project)
        if not status.pending:
            self._report.give_up(self._project)
            counts = self._report.counts(self._project)
        self.only_retrying = not counts[PENDING] and not counts["held"] and counts["retrying"] > 0
        self.pending = bool(counts[PENDING] or counts["held"] or counts["retrying"])
        return self.pending

    def end(self) -> None:
        """Look for the last time, at held rows too."""
        self._read_history()
        self._read_held()

    def _read_history(self) -> None:
        for chunk_id, at_ms, record in self._imports.settled_since(self._project, self._since, self._read):
            if at_ms > self._since:
                self._since, self._read = at_ms, set()
            self._read.add(chunk_id)
            self._report.settle(self._project, record.rows(), record.head.name)

    def _read_held(self) -> None:
        """Report which held rows are dead, which are retrying, and which are no longer held."""
        self._held_at = time.monotonic()
        for ids in self._report.held(self._project):
            states = self._held.states(self._project, ids)
            dead = {
                dead_letter.id: dead_letter
                for dead_letter in self._held.choose(self._project, DeadLetterFilter(ids=tuple(ids)))
            }
            for held_id in ids:
                if (dead_letter := dead.get(held_id)) is not None:
                    self._report.mark(self._project, int(held_id), "dead", dead_letter.reason, _details(dead_letter))
                elif (state := states.get(held_id)) is not None:
                    outcome = "retrying" if self._is_retrying(state) else PENDING
                    self._report.mark(self._project, int(held_id), outcome, state.reason, None)
                else:
                    self._report.mark(self._project, int(held_id), "gone", None, None)

    def _is_retrying(self, state: HeldState) -> bool:
        """Return whether a held row is retrying; if its try began before this command, it is pending until it ends."""
        queued = state.queued
        # `True` comes from an older release, which did not record when it sent the row back.
        return not queued or (queued is not True and queued > self._began_ms and (state.since or 0) > 0)


def _details(dead_letter: DeadLetter) -> dict[str, object]:
    """Return what `prelabel dead show` shows of a dead letter, without the message."""
    return {"deadLetter": dead_letter.id, **{name: value for name, value in dead_letter.details.items() if value}}


def follow(followers: list[Follower], timeout: float, stop: threading.Event) -> Iterator[None]:
    """Look until every row has its outcome, `timeout` seconds have passed, or `stop` is set; yield after each look."""
    deadline = time.monotonic() + timeout
    while True:
        pending = [follower.look() for follower in followers]
        if not any(pending):
            break
        yield
        if time.monotonic() > deadline or stop.wait(_LOOK_SECONDS):
            return
    yield
