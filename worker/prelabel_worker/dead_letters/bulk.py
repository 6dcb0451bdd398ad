"""Bulk actions on dead letters: which, in slices, at a pace, and ended between two slices."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from prelabel.errors import MessageError
from prelabel_worker.dead_letters.editing import Mended, Mending, checked, mended
from prelabel_worker.dead_letters.filter import LetterFilter
from prelabel_worker.dead_letters.letter import DeadLetter
from prelabel_worker.dead_letters.reader import SLICE, SLICE_BYTES
from prelabel_worker.dead_letters.store import BulkResult, HeldRows, Then

_EXAMPLES = 3
UNCHANGED, WHOLE_FRAME = "unchanged", "whole-frame"


class Pace:
    """At most so many rows a second, over all slices; the first goes at once."""

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
        """Until the rows of the last slice have had their time, or somebody wants it to end."""
        left = self._free_at - self._clock()
        if left > 0:
            stop.wait(left)

    def spent(self, rows: int) -> None:
        """So many rows were sent."""
        self._free_at = max(self._free_at, self._clock()) + rows / self._rate


@dataclass(slots=True)
class Bulk:
    """One action over the letters of some projects; `stop` ends it after the slice in hand: `result` stays right."""

    rows: HeldRows
    chosen: LetterFilter
    pace: Pace = field(default_factory=lambda: Pace(1e9))
    progress: Callable[[BulkResult], None] = lambda _: None
    dry_run: bool = False
    stop: threading.Event = field(default_factory=threading.Event)
    result: BulkResult = field(default_factory=BulkResult)
    by_project: dict[str, BulkResult] = field(default_factory=dict)
    why_skipped: Counter[str] = field(default_factory=Counter)
    examples: list[tuple[DeadLetter, bytes]] = field(default_factory=list)

    def retry(self, project_id: str, *, as_new: bool = False) -> None:
        """Send the letters back as they are."""
        self._each(project_id, lambda part: self.rows.retry(project_id, part, as_new=as_new))

    def discard(self, project_id: str) -> None:
        """Delete the letters."""
        self._each(project_id, lambda part: self.rows.discard(project_id, part))

    def mend(self, project_id: str, mending: Mending, *, as_new: bool = False) -> None:
        """Send the letters back with new names; those that do not change, or become wrong, are skipped."""
        lanes = self.rows.lanes(project_id)
        then: Then = "new" if as_new else "old"
        for part in _few_megabytes(self.rows.choose(project_id, self.chosen), self.pace.slice):
            if not self._go_on():
                return
            ready = [new for letter in part if (new := self._mended(letter, mending, lanes)) is not None]
            done = BulkResult() if self.dry_run else self.rows.mend(project_id, ready, then)
            lost = 0 if self.dry_run else len(ready) - done.done
            self._add(project_id, BulkResult(len(part), done.done, len(part) - len(ready) + lost, done.rows))

    def _mended(self, letter: DeadLetter, mending: Mending, lanes: int) -> Mended | None:
        if letter.whole_frame:
            self.why_skipped[WHOLE_FRAME] += 1
            return None
        raw = mending.apply(letter.message)
        if raw == letter.message:
            self.why_skipped[UNCHANGED] += 1
            return None
        try:
            prepared = checked(letter, raw)
        except MessageError as error:
            self.why_skipped[error.reason.value] += 1
            return None
        if len(self.examples) < _EXAMPLES:
            self.examples.append((letter, prepared.raw))
        return mended(letter, prepared, lanes)

    def _each(self, project_id: str, action: Callable[[list[str]], BulkResult]) -> None:
        for part in self._paced(project_id):
            if not self._go_on():
                return
            if self.dry_run:
                there = self.rows.count_dead(project_id, part) if self.chosen.ids else len(part)
                self._add(project_id, BulkResult(len(part), 0, len(part) - there))
            else:
                self._add(project_id, action(part))

    def _go_on(self) -> bool:
        """Wait for the pace; False when somebody wants it to end."""
        if not self.stop.is_set():
            self.pace.wait(self.stop)
        return not self.stop.is_set()

    def _paced(self, project_id: str) -> Iterator[list[str]]:
        for part in self.rows.slices(project_id, self.chosen):
            for at in range(0, len(part), self.pace.slice):
                yield part[at : at + self.pace.slice]

    def _add(self, project_id: str, part: BulkResult) -> None:
        self.result += part
        self.by_project[project_id] = self.by_project.get(project_id, BulkResult()) + part
        self.pace.spent(part.rows)
        self.progress(self.result)


def _few_megabytes(letters: Iterable[DeadLetter], most: int) -> Iterator[list[DeadLetter]]:
    """So many letters at a time, fewer when they are large."""
    part: list[DeadLetter] = []
    size = 0
    for letter in letters:
        part.append(letter)
        size += len(letter.message)
        if len(part) == most or size >= SLICE_BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part
