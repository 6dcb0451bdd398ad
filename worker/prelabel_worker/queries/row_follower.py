"""Rows of a file on their way to an outcome: one pass over the history since then, never a look-up for each row."""

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
from prelabel_worker.queries.status import Inspector

_LOOK_SECONDS = 0.3
_HELD_SECONDS = 2.0


class Follower:
    """Follows the rows of one project, and tells the report what became of them."""

    def __init__(self, client: Client, key_prefix: str, report: RowReport, project_id: str, since_ms: float) -> None:
        self._imports = Imports(client, key_prefix)
        self._held = HeldReader(client, key_prefix)
        self._inspector = Inspector(client, key_prefix)
        self._report = report
        self._project = project_id
        self._since = since_ms
        self._seen: set[str] = set()
        self._held_at = 0.0
        self._began_ms = self._held.now_ms()
        self.pending = True
        self.only_retrying = False

    def look(self) -> bool:
        """Take up what happened since the last look; whether rows of the report are still on their way."""
        # Read before the history: when nothing was pending then, what can be known of the rows stands in it now.
        idle = self._inspector.status(self._project)
        self._read_history()
        counts = self._report.counts(self._project)
        look_at_held = not counts[PENDING] and time.monotonic() - self._held_at > _HELD_SECONDS
        if look_at_held or not idle.pending:
            self._read_held()
            counts = self._report.counts(self._project)
        if not idle.pending:
            self._report.give_up(self._project)
            counts = self._report.counts(self._project)
        self.only_retrying = not counts[PENDING] and not counts["held"] and counts["retrying"] > 0
        self.pending = bool(counts[PENDING] or counts["held"] or counts["retrying"])
        return self.pending

    def end(self) -> None:
        """The last look, also at rows that are held."""
        self._read_history()
        self._read_held()

    def _read_history(self) -> None:
        for chunk_id, at_ms, record in self._imports.settled_since(self._project, self._since, self._seen):
            if at_ms > self._since:
                self._since, self._seen = at_ms, set()
            self._seen.add(chunk_id)
            self._report.settle(self._project, record.rows(), record.head.name)

    def _read_held(self) -> None:
        """Of rows that were held: which are dead, which are tried again, which are neither any more."""
        self._held_at = time.monotonic()
        for ids in self._report.held(self._project):
            states = self._held.states(self._project, ids)
            dead = {
                dead_letter.id: dead_letter
                for dead_letter in self._held.choose(self._project, DeadLetterFilter(ids=tuple(ids)))
            }
            for name in ids:
                if (dead_letter := dead.get(name)) is not None:
                    self._report.mark(self._project, int(name), "dead", dead_letter.reason, _said(dead_letter))
                elif (state := states.get(name)) is not None:
                    outcome = "retrying" if self._is_retrying(state) else PENDING
                    self._report.mark(self._project, int(name), outcome, state.reason, None)
                else:
                    self._report.mark(self._project, int(name), "gone", None, None)

    def _is_retrying(self, state: HeldState) -> bool:
        """Also while it is being tried, but for a try that had begun before: what comes of that is waited for."""
        queued = state.queued
        # `true`: a script of the release before sent it back, and did not write down when.
        return not queued or (queued is not True and queued > self._began_ms and (state.since or 0) > 0)


def _said(dead_letter: DeadLetter) -> dict[str, object]:
    """Our words and Labelbox's: what `prelabel dead show` shows, without the message."""
    return {"deadLetter": dead_letter.id, **{name: value for name, value in dead_letter.details.items() if value}}


def follow(followers: list[Follower], timeout: float, stop: threading.Event) -> Iterator[None]:
    """Look again and again until no row is on its way, the time is over, or somebody stops it."""
    deadline = time.monotonic() + timeout
    while True:
        pending = [each.look() for each in followers]
        if not any(pending):
            break
        yield
        if time.monotonic() > deadline or stop.wait(_LOOK_SECONDS):
            return
    yield
