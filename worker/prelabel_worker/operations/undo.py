"""Undo imports: delete them at Labelbox, then move their rows from imported to discarded, exactly once.

Redis first records that an undo has begun. Then the import is deleted and its name looked up until nothing is found.
Only then are its rows moved. So the same undo can be repeated after a crash at any point: to delete again is safe, an
import that is not found is gone, and one script moves the rows and removes the record.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import takewhile

from prelabel_worker.accounts.pacing import Pacer
from prelabel_worker.accounts.rate_limiter import POLLED_TOGETHER
from prelabel_worker.accounts.repeating import Repeating, Stopped
from prelabel_worker.dead_letters.store import BulkResult
from prelabel_worker.labelbox.client import Labelbox
from prelabel_worker.labelbox.types import ImportName, SubmitAs
from prelabel_worker.operations.undo_ledger import UndoLedger
from prelabel_worker.queries.imports import Imports, ImportStatus

RUNNING, UNDONE, FORGOTTEN = "still in progress", "already undone", "forgotten meanwhile"
GROUND_TRUTH = "ground truth, which Labelbox's API does not delete"
STILL_THERE = "deleted, and still found by name"
_ROUNDS = 4  # several imports have one name if Labelbox accepted one upload twice
_PATIENCE_SECONDS = 60.0  # for one request


@dataclass(frozen=True, slots=True)
class Service:
    """Labelbox with an account's key, and the account's budget."""

    labelbox: Labelbox
    pacer: Pacer


def sent_between(imports: Imports, project_id: str, since_ms: int, until_ms: int | None) -> Iterator[ImportStatus]:
    """Yield the imports of a project that Labelbox accepted in this time, running ones too, newest first."""
    since, until = since_ms / 1000, float("inf") if until_ms is None else until_ms / 1000
    recent = list(takewhile(lambda status: (status.settled_at or 0) >= since, imports.settled(project_id)))
    known = {status.chunk_id for status in recent}
    unfinished = (status for status in imports.undoing(project_id) if status.chunk_id not in known)
    for status in (*imports.open(project_id), *recent, *unfinished):
        if status.import_id and since <= (status.submitted_at or 0) <= until:
            yield status


def refusal(status: ImportStatus) -> str:
    """Return why this import cannot be undone; '' when it can."""
    if status.state != "settled":
        return RUNNING
    if status.submit_as == SubmitAs.GROUND_TRUTH:
        return GROUND_TRUTH
    return UNDONE if status.undone_at else ""


@dataclass(slots=True)
class Undo:
    """One action: undoes imports of one project."""

    imports: Imports
    ledger: UndoLedger
    #: Opens the account that an import was sent with.
    service: Callable[[str], Service]
    #: Called with the result so far after each import.
    progress: Callable[[BulkResult], None] = lambda _: None
    #: When set, ends the action after the current slice.
    stop: threading.Event = field(default_factory=threading.Event)
    #: How many imports were matched, undone and skipped so far.
    result: BulkResult = field(default_factory=BulkResult)
    #: How many imports were skipped, by reason.
    why_skipped: Counter[str] = field(default_factory=Counter)

    def run(self, project_id: str, chosen: Sequence[ImportStatus]) -> None:
        """Undo these imports of a project, slice by slice. Raises RequestError; the same call then resumes."""
        ready = []
        for status in chosen:
            if why := refusal(status):
                self._skip(why)
            else:
                ready.append(status)
        for part in _slices(ready):
            if self.stop.is_set():
                return
            try:
                self._slice(project_id, self.service(part[0].account), part)
            except Stopped:  # what was begun is in Redis: the same call resumes it
                return

    def _slice(self, project_id: str, service: Service, part: Sequence[ImportStatus]) -> None:
        begun = []
        answers = self.ledger.begin(project_id, [status.chunk_id for status in part])
        for status, answer in zip(part, answers, strict=True):
            if answer == "begun":
                begun.append(status)
            else:
                self._skip(UNDONE if answer == "undone" else FORGOTTEN)
        remaining = self._delete(service, project_id, begun) if begun else set()
        gone = [status.chunk_id for status in begun if status.chunk_id not in remaining]
        for chunk_id in gone:
            self.ledger.forget(project_id, chunk_id, self.imports.marks(project_id, chunk_id))
        for rows in self.ledger.finish(project_id, gone) if gone else ():
            self._skip(UNDONE) if rows < 0 else self._add(BulkResult(1, 1, 0, rows))
        for _ in remaining:
            self._skip(STILL_THERE)

    def _delete(self, service: Service, project_id: str, begun: Sequence[ImportStatus]) -> set[str]:
        """Delete until no import has these names; return the chunks whose imports remain. Raises RequestError."""
        names = {status.chunk_id: ImportName(project_id, status.name) for status in begun}
        ids = {status.chunk_id: status.import_id for status in begun}
        repeating = Repeating(service.pacer, stop=self.stop, patience_seconds=_PATIENCE_SECONDS)
        for _ in range(_ROUNDS):
            for import_id in ids.values():
                repeating.send(partial(service.labelbox.delete_import, import_id))
            remaining = [names[chunk_id] for chunk_id in ids]
            jobs = repeating.send(partial(service.labelbox.find_imports, remaining))
            ids = {chunk_id: job.id for chunk_id, job in zip(ids, jobs, strict=True) if job is not None}
            if not ids:
                break
        return set(ids)

    def _skip(self, why: str) -> None:
        self.why_skipped[why] += 1
        self._add(BulkResult(1, 0, 1))

    def _add(self, part: BulkResult) -> None:
        self.result += part
        self.progress(self.result)


def _slices(ready: Sequence[ImportStatus]) -> Iterator[list[ImportStatus]]:
    """Yield slices of imports: each of one account, and with at most as many imports as one request looks up."""
    by_account: dict[str, list[ImportStatus]] = {}
    for status in ready:
        by_account.setdefault(status.account, []).append(status)
    for statuses in by_account.values():
        for at in range(0, len(statuses), POLLED_TOGETHER):
            yield statuses[at : at + POLLED_TOGETHER]
