"""Follow the rows of a file to their outcomes: read what the history gained, without a look-up for each row."""

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
    """Follows the rows of one project, and writes to the report what became of them."""

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

    def look(self) -> bool:
        """Report what happened since the last look; return whether rows of the report are still on their way."""
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
        """Look for the last time, also at rows that are held."""
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
            for name in ids:
                if (dead_letter := dead.get(name)) is not None:
                    self._report.mark(self._project, int(name), "dead", dead_letter.reason, _details(dead_letter))
                elif (state := states.get(name)) is not None:
                    outcome = "retrying" if self._is_retrying(state) else PENDING
                    self._report.mark(self._project, int(name), outcome, state.reason, None)
                else:
                    self._report.mark(self._project, int(name), "gone", None, None)

    def _is_retrying(self, state: HeldState) -> bool:
        """Return whether a held row is retrying. A try that began before this command is waited for: it is pending."""
        queued = state.queued
        # `true`: a script of an older release sent it back, which did not record when.
        return not queued or (queued is not True and queued > self._began_ms and (state.since or 0) > 0)


def _details(dead_letter: DeadLetter) -> dict[str, object]:
    """Return what `prelabel dead show` shows of it, without the message."""
    return {"deadLetter": dead_letter.id, **{name: value for name, value in dead_letter.details.items() if value}}


def follow(followers: list[Follower], timeout: float, stop: threading.Event) -> Iterator[None]:
    """Look repeatedly until no row is on its way, the time is over, or `stop` is set; yield after each look."""
    deadline = time.monotonic() + timeout
    while True:
        pending = [follower.look() for follower in followers]
        if not any(pending):
            break
        yield
        if time.monotonic() > deadline or stop.wait(_LOOK_SECONDS):
            return
    yield
