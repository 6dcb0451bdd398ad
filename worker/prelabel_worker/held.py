"""Held rows, changed: letters sent back, mended, discarded; healing rows that are due; letters too old to keep."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import orjson

from prelabel import keys
from prelabel.client import Client
from prelabel_worker.held_reader import SLICE, SLICE_BYTES, HeldReader
from prelabel_worker.mending import Mended
from prelabel_worker.scripts import Scripts

Then = Literal["keep", "old", "new"]
"""What becomes of a mended letter: it stays dead, or goes back with its old or a new arrival number."""


@dataclass(frozen=True, slots=True)
class BulkResult:
    """What a bulk action did, in letters; `rows` is what those done weigh."""

    matched: int = 0
    done: int = 0
    skipped: int = 0
    rows: int = 0

    def __add__(self, other: "BulkResult") -> "BulkResult":
        return BulkResult(
            self.matched + other.matched,
            self.done + other.done,
            self.skipped + other.skipped,
            self.rows + other.rows,
        )

    def as_json(self) -> dict[str, int]:
        """The answer of every bulk action."""
        return {"matched": self.matched, "done": self.done, "skipped": self.skipped}


class HeldRows(HeldReader):
    """Reads and changes the held rows of all projects behind one Redis."""

    def __init__(self, client: Client, key_prefix: str = keys.DEFAULT_PREFIX) -> None:
        super().__init__(client, key_prefix)
        self._scripts = Scripts(client)

    def retry(self, project_id: str, letter_ids: Sequence[str], *, as_new: bool = False) -> BulkResult:
        """Send letters back to their lanes; a struck one is superseded, unless it goes as new."""
        number = "new" if as_new else "old"
        return self._wake(project_id, self._sliced("retry", project_id, letter_ids, 0, number))

    def discard(self, project_id: str, letter_ids: Sequence[str]) -> BulkResult:
        """Delete letters; their rows are counted as discarded."""
        return self._sliced("discard", project_id, letter_ids)

    def mend(self, project_id: str, letters: Iterable[Mended], then: Then) -> BulkResult:
        """Give letters other messages, unless somebody else was faster."""
        total = BulkResult()
        for part in _few_megabytes(letters):
            args: list[str | bytes] = [then]
            for each in part:
                args += [each.id, each.body_digest, orjson.dumps(each.facts), each.body]
            answer = self._scripts.run("mend", self._root(project_id), *args)
            total += BulkResult(len(part), *map(int, answer))
        return total if then == "keep" else self._wake(project_id, total)

    def heal(self, project_id: str) -> int:
        """Send the healing rows that are due back to their lanes."""
        return int(self._scripts.run("retry", self._root(project_id), SLICE, "due")[0])

    def heal_now(self, project_id: str) -> int:
        """Send all healing rows back to their lanes, due or not; returns how many."""
        done = self._of_healing("retry", project_id, "all")
        self._wake(project_id, BulkResult(done=done))
        return done

    def give_up(self, project_id: str) -> int:
        """Make dead letters of all healing rows; returns how many."""
        return self._of_healing("give_up", project_id)

    def _of_healing(self, script: str, project_id: str, *args: str) -> int:
        """In slices. No more than heal now: one that comes back meanwhile has been tried."""
        root, done = self._root(project_id), 0
        left = int(self._client.zcard(f"{root}:heal"))
        while left > 0:
            some = int(self._scripts.run(script, root, min(left, SLICE), *args)[0])
            if not some:
                break
            done, left = done + some, left - some
        return done

    def expire(self, project_id: str, keep_days: float) -> tuple[int, int, bool]:
        """Discard letters that are too old, some hundred; how many letters and rows, and whether more are due."""
        answer = self._scripts.run("expire", self._root(project_id), int(keep_days * 86_400_000), SLICE)
        return int(answer[0]), int(answer[1]), bool(answer[2])

    def _sliced(self, script: str, project_id: str, letter_ids: Sequence[str], *args: str | int) -> BulkResult:
        total = BulkResult()
        for start in range(0, len(letter_ids), SLICE):
            part = letter_ids[start : start + SLICE]
            answer = self._scripts.run(script, self._root(project_id), *args, *part)
            total += BulkResult(len(part), *map(int, answer))
        return total

    def _wake(self, project_id: str, result: BulkResult) -> BulkResult:
        if result.done:
            self._client.zadd(keys.projects(self._prefix), {project_id: 0}, lt=True)
        return result


def _few_megabytes(letters: Iterable[Mended]) -> Iterator[list[Mended]]:
    part: list[Mended] = []
    size = 0
    for each in letters:
        if part and (len(part) == SLICE or size + len(each.body) > SLICE_BYTES):
            yield part
            part, size = [], 0
        part.append(each)
        size += len(each.body)
    if part:
        yield part
