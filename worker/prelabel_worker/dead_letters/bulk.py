"""Bulk actions on dead letters: done in slices, at a limited rate, and stopped only between two slices."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from prelabel.errors import MessageError
from prelabel_worker.chunks.held_rows import facts_of
from prelabel_worker.dead_letters.batches import SLICE, parts
from prelabel_worker.dead_letters.editing import EditedMessage, Edits, checked, edited_message
from prelabel_worker.dead_letters.filter import DeadLetterFilter
from prelabel_worker.dead_letters.letter import DeadLetter
from prelabel_worker.dead_letters.store import BulkResult, HeldRows, Then

_EXAMPLES = 3
UNCHANGED, WHOLE_FRAME = "unchanged", "whole-frame"


class Pacer:
    """Limits the rows per second over all slices. The first slice does not wait."""

    def __init__(
        self,
        rows_per_second: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.slice = max(1, min(SLICE, int(rows_per_second)))
        self._rate = rows_per_second
        self._clock = clock
        self._free_at = clock()

    def wait(self, stop: threading.Event) -> None:
        """Wait until the rate allows the next slice, or `stop` is set."""
        seconds = self._free_at - self._clock()
        if seconds > 0:
            stop.wait(seconds)

    def spent(self, rows: int) -> None:
        """Count rows that were sent against the rate."""
        self._free_at = max(self._free_at, self._clock()) + rows / self._rate


@dataclass(slots=True)
class Bulk:
    """An action on the dead letters of one or more projects."""

    #: The store that changes the dead letters.
    rows: HeldRows
    #: Which dead letters to act on.
    chosen: DeadLetterFilter
    #: The limit of rows per second.
    pacer: Pacer = field(default_factory=lambda: Pacer(1e9))
    #: Called with the result so far after each slice.
    progress: Callable[[BulkResult], None] = lambda _: None
    #: Whether to count only, and change nothing.
    dry_run: bool = False
    #: Ends the action after the current slice, so that `result` is right.
    stop: threading.Event = field(default_factory=threading.Event)
    #: The result so far.
    result: BulkResult = field(default_factory=BulkResult)
    #: The result so far of each project.
    by_project: dict[str, BulkResult] = field(default_factory=dict)
    #: Reason → number of dead letters that an edit skipped for it.
    why_skipped: Counter[str] = field(default_factory=Counter)
    #: In a dry run of a retry: how many dead letters a retry would count as superseded instead of sending them.
    superseded: int = 0
    #: The first edited dead letters, each with its new message.
    examples: list[tuple[DeadLetter, bytes]] = field(default_factory=list)

    def retry(self, project_id: str, *, as_new: bool = False) -> None:
        """Send the dead letters back unchanged."""
        keeps_order = not as_new
        self._by_slice(
            project_id, lambda part: self.rows.retry(project_id, part, as_new=as_new), keeps_order=keeps_order
        )

    def discard(self, project_id: str) -> None:
        """Delete the dead letters."""
        self._by_slice(project_id, lambda part: self.rows.discard(project_id, part))

    def edit(self, project_id: str, edits: Edits, *, as_new: bool = False) -> None:
        """Send the dead letters back with new names.

        Skips a dead letter that the edits do not change, and one that they would make invalid.
        """
        lanes = self.rows.lanes(project_id)
        chosen = self.rows.choose(project_id, self.chosen, self._ended)
        then: Then = "new" if as_new else "old"
        for part in parts(chosen, lambda dead_letter: len(dead_letter.message), self.pacer.slice):
            if not self._continue():
                return
            edited = [(old, new) for old in part if (new := self._edited(old, edits, lanes)) is not None]
            ready = [new for _, new in edited]
            if self.dry_run and not as_new:
                self.superseded += sum(_stays_superseded(old, new) for old, new in edited)
            done = BulkResult() if self.dry_run else self.rows.edit(project_id, ready, then)
            lost = 0 if self.dry_run else len(ready) - done.done
            self._add(project_id, BulkResult(len(part), done.done, len(part) - len(ready) + lost, done.rows))

    def _edited(self, dead_letter: DeadLetter, edits: Edits, lanes: int) -> EditedMessage | None:
        if dead_letter.whole_frame:
            self.why_skipped[WHOLE_FRAME] += 1
            return None
        raw = edits.apply(dead_letter.message)
        if raw == dead_letter.message:
            self.why_skipped[UNCHANGED] += 1
            return None
        try:
            prepared = checked(dead_letter, raw)
        except MessageError as error:
            self.why_skipped[error.reason.value] += 1
            return None
        if len(self.examples) < _EXAMPLES:
            self.examples.append((dead_letter, prepared.raw))
        return edited_message(dead_letter, prepared, lanes)

    def _by_slice(
        self, project_id: str, action: Callable[[list[str]], BulkResult], *, keeps_order: bool = False
    ) -> None:
        for part in self._paced(project_id):
            if not self._continue():
                return
            if self.dry_run:
                dead, superseded = self.rows.count_dead(project_id, part)
                self.superseded += superseded if keeps_order else 0
                self._add(project_id, BulkResult(len(part), 0, len(part) - dead))
            else:
                self._add(project_id, action(part))

    def _ended(self) -> bool:
        """Report the progress of a search that may find nothing for a while; return whether the action is to stop."""
        self.progress(self.result)
        return self.stop.is_set()

    def _continue(self) -> bool:
        """Wait for the rate; return False when the action is to stop."""
        if not self.stop.is_set():
            self.pacer.wait(self.stop)
        return not self.stop.is_set()

    def _paced(self, project_id: str) -> Iterator[list[str]]:
        for part in self.rows.slices(project_id, self.chosen, self._ended):
            for at in range(0, len(part), self.pacer.slice):
                yield part[at : at + self.pacer.slice]

    def _add(self, project_id: str, part: BulkResult) -> None:
        self.result += part
        self.by_project[project_id] = self.by_project.get(project_id, BulkResult()) + part
        self.pacer.spent(part.rows)
        self.progress(self.result)


def _stays_superseded(dead_letter: DeadLetter, edited: EditedMessage) -> bool:
    """Return whether a dead letter is superseded and its new message is of the same data row and model."""
    return dead_letter.superseded and (edited.facts.get("row") or "") == facts_of(dead_letter.message).row_key
