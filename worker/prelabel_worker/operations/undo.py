"""Imports undone: deleted at Labelbox, then their rows moved from imported to discarded, exactly once.

An import is begun in Redis, deleted, looked up until nothing of its name is found, and only then are its rows moved. So
after a crash anywhere the same undoing goes on: to delete again is safe, what is not found is gone, and the move is one
script that ends what was begun.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import takewhile
from typing import TypeVar

from prelabel_worker.accounts.pacing import Pacer
from prelabel_worker.accounts.rate_limiter import POLLED_TOGETHER
from prelabel_worker.dead_letters.store import BulkResult
from prelabel_worker.labelbox.client import Labelbox
from prelabel_worker.labelbox.errors import Throttled, Unavailable
from prelabel_worker.labelbox.types import ImportName, SubmitAs
from prelabel_worker.operations.undo_ledger import UndoLedger
from prelabel_worker.queries.imports import Imports, ImportStatus

RUNNING, UNDONE, FORGOTTEN = "still in progress", "already undone", "forgotten meanwhile"
GROUND_TRUTH = "ground truth, which Labelbox's API does not delete"
STILL_THERE = "deleted, and still found by name"
_ROUNDS = 4  # a name may stand for several imports, where Labelbox took one upload twice
_TRIES, _FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 5, 0.5, 60.0
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Service:
    """Labelbox with an account's key, and the account's budget."""

    labelbox: Labelbox
    pacer: Pacer


def sent_between(imports: Imports, project_id: str, since_ms: int, until_ms: int | None) -> Iterator[ImportStatus]:
    """The imports of a project that Labelbox took in this time, newest first, also those that still run."""
    since, until = since_ms / 1000, float("inf") if until_ms is None else until_ms / 1000
    recent = list(takewhile(lambda each: (each.settled_at or 0) >= since, imports.settled(project_id)))
    known = {each.chunk_id for each in recent}
    unfinished = (each for each in imports.undoing(project_id) if each.chunk_id not in known)
    for each in (*imports.open(project_id), *recent, *unfinished):
        if each.import_id and since <= (each.submitted_at or 0) <= until:
            yield each


def refusal(found: ImportStatus) -> str:
    """Why this import cannot be undone; '' when it can."""
    if found.state != "settled":
        return RUNNING
    if found.submit_as == SubmitAs.GROUND_TRUTH:
        return GROUND_TRUTH
    return UNDONE if found.undone_at else ""


@dataclass(slots=True)
class Undo:
    """One action. `service` opens the account an import was sent with; `stop` ends it after the slice in hand."""

    imports: Imports
    ledger: UndoLedger
    service: Callable[[str], Service]
    progress: Callable[[BulkResult], None] = lambda _: None
    stop: threading.Event = field(default_factory=threading.Event)
    result: BulkResult = field(default_factory=BulkResult)
    why_skipped: Counter[str] = field(default_factory=Counter)

    def run(self, project_id: str, chosen: Sequence[ImportStatus]) -> None:
        """Undo these imports of a project, some at a time. Raises RequestError: the same again goes on from there."""
        ready = []
        for each in chosen:
            if why := refusal(each):
                self._skip(why)
            else:
                ready.append(each)
        for together in _slices(ready):
            if self.stop.is_set():
                return
            self._slice(project_id, self.service(together[0].account), together)

    def _slice(self, project_id: str, service: Service, together: Sequence[ImportStatus]) -> None:
        begun = []
        answers = self.ledger.begin(project_id, [each.chunk_id for each in together])
        for each, answer in zip(together, answers, strict=True):
            if answer == "begun":
                begun.append(each)
            else:
                self._skip(UNDONE if answer == "undone" else FORGOTTEN)
        left = self._delete(service, project_id, begun) if begun else set()
        gone = [each.chunk_id for each in begun if each.chunk_id not in left]
        for chunk_id in gone:
            self.ledger.forget(project_id, chunk_id, self.imports.marks(project_id, chunk_id))
        for rows in self.ledger.finish(project_id, gone) if gone else ():
            self._skip(UNDONE) if rows < 0 else self._add(BulkResult(1, 1, 0, rows))
        for _ in left:
            self._skip(STILL_THERE)

    def _delete(self, service: Service, project_id: str, begun: Sequence[ImportStatus]) -> set[str]:
        """Delete until nothing is found by these names; the chunks of those that stay. Raises RequestError."""
        names = {each.chunk_id: ImportName(project_id, each.name) for each in begun}
        ids = {each.chunk_id: each.import_id for each in begun}
        for _ in range(_ROUNDS):
            for import_id in ids.values():
                self._ask(service, partial(service.labelbox.delete_import, import_id))
            asked = [names[chunk_id] for chunk_id in ids]
            found = self._ask(service, partial(service.labelbox.find_imports, asked))
            ids = {chunk_id: job.id for chunk_id, job in zip(ids, found, strict=True) if job is not None}
            if not ids:
                break
        return set(ids)

    def _ask(self, service: Service, request: Callable[[], _Answer]) -> _Answer:
        """One request with its permit; what may pass is tried again a few times. Raises RequestError."""
        wait = _FIRST_WAIT_SECONDS
        for tries_left in range(_TRIES - 1, -1, -1):
            try:
                service.pacer.wait()
                return request()
            except (Throttled, Unavailable) as error:
                service.pacer.tell(error)
                if not tries_left or self.stop.is_set():
                    raise
                self.stop.wait(min(error.retry_after or wait, _LONGEST_WAIT_SECONDS))
                wait *= 2
        raise AssertionError("the last try raises")

    def _skip(self, why: str) -> None:
        self.why_skipped[why] += 1
        self._add(BulkResult(1, 0, 1))

    def _add(self, part: BulkResult) -> None:
        self.result += part
        self.progress(self.result)


def _slices(ready: Sequence[ImportStatus]) -> Iterator[list[ImportStatus]]:
    """As many as one request looks up, of one account each."""
    by_account: dict[str, list[ImportStatus]] = {}
    for each in ready:
        by_account.setdefault(each.account, []).append(each)
    for same in by_account.values():
        for at in range(0, len(same), POLLED_TOGETHER):
            yield same[at : at + POLLED_TOGETHER]
