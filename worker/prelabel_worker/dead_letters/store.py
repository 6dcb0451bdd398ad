"""Change held rows: retry, edit and discard dead letters, retry rows that are due, expire what is too old."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import orjson

from prelabel.json_record import JsonRecord
from prelabel.wire import keys
from prelabel.wire.client import Client
from prelabel_worker.dead_letters.batches import SLICE, parts
from prelabel_worker.dead_letters.editing import EditedMessage
from prelabel_worker.dead_letters.reader import HeldReader
from prelabel_worker.scripts import Scripts

Then = Literal["keep", "old", "new"]
"""What becomes of an edited dead letter: it stays dead, or goes back with its old or a new arrival number."""


@dataclass(frozen=True, slots=True)
class BulkResult(JsonRecord):
    """What a bulk action did, in dead letters; `rows` is what those done weigh."""

    json_fields = ("matched", "done", "skipped")

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


class HeldRows(HeldReader):
    """Reads and changes the held rows of all projects behind one Redis."""

    def __init__(self, client: Client, key_prefix: str = keys.DEFAULT_PREFIX) -> None:
        super().__init__(client, key_prefix)
        self._scripts = Scripts(client)

    def retry(self, project_id: str, dead_letter_ids: Sequence[str], *, as_new: bool = False) -> BulkResult:
        """Send dead letters back to their lanes; superseded ones are dropped, unless `as_new`."""
        number = "new" if as_new else "old"
        return self._wake(project_id, self._sliced("retry", project_id, dead_letter_ids, 0, number))

    def discard(self, project_id: str, dead_letter_ids: Sequence[str]) -> BulkResult:
        """Delete dead letters; their rows are counted as discarded."""
        return self._sliced("discard", project_id, dead_letter_ids)

    def edit(self, project_id: str, dead_letters: Iterable[EditedMessage], then: Then) -> BulkResult:
        """Give dead letters other messages, except those that somebody else changed first."""
        total = BulkResult()
        for part in parts(dead_letters, lambda edited: len(edited.body)):
            args: list[str | bytes] = [then]
            for each in part:
                args += [each.id, each.body_digest, orjson.dumps(each.facts), each.body]
            answer = self._scripts.run("edit", self._keys(project_id).root, *args)
            total += BulkResult(len(part), *map(int, answer))
        return total if then == "keep" else self._wake(project_id, total)

    def retry_due(self, project_id: str) -> int:
        """Send the retrying rows that are due back to their lanes."""
        return int(self._scripts.run("retry", self._keys(project_id).root, SLICE, "due")[0])

    def retry_now(self, project_id: str) -> int:
        """Have all retrying rows tried now, due or not; returns how many are.

        A row that is already being tried, perhaps from before a fix, is tried once more if that try fails.
        """
        project_keys = self._keys(project_id)
        with self._client.pipeline(transaction=True) as pipeline:
            pipeline.zrange(project_keys.retrying_queued, 0, -1)
            pipeline.zcard(project_keys.retrying)
            queued, left = pipeline.execute()
        tried = self._try_once_more(project_id, [name.decode() for name in queued])
        done = 0
        while done < left:  # a row that comes back meanwhile has already been tried
            some = int(self._scripts.run("retry", project_keys.root, min(left - done, SLICE), "all")[0])
            if not some:
                break
            done += some
        self._wake(project_id, BulkResult(done=done))
        return tried + done

    def try_dead_letters_once_more(self, project_id: str, reason: str) -> int:
        """Mark dead letters of this reason that are being tried for another try if this one fails; return how many.

        They get it only if they fail for a reason that passes with time.
        """
        ids = [name.decode() for name in self._client.zrange(self._keys(project_id).dead_queued, 0, -1)]
        states = self.states(project_id, ids)
        return self._try_once_more(project_id, [name for name, state in states.items() if state.reason == reason])

    def _try_once_more(self, project_id: str, held_ids: Sequence[str]) -> int:
        parts = (held_ids[start : start + SLICE] for start in range(0, len(held_ids), SLICE))
        return sum(int(self._scripts.run("try_once_more", self._keys(project_id).root, *part)) for part in parts)

    def give_up(self, project_id: str) -> tuple[int, int]:
        """Make dead letters of all retrying rows; returns how many, and how many become it if their try fails."""
        project_keys, dead_letters, queued = self._keys(project_id), 0, 0
        with self._client.pipeline(transaction=True) as pipeline:
            pipeline.zcard(project_keys.retrying)
            pipeline.zcard(project_keys.retrying_queued)
            left = sum(pipeline.execute())
        while dead_letters + queued < left:
            done, _, tried = map(
                int, self._scripts.run("give_up", project_keys.root, min(left - dead_letters - queued, SLICE))
            )
            if not done + tried:
                break
            dead_letters, queued = dead_letters + done, queued + tried
        return dead_letters, queued

    def expire(self, project_id: str, keep_days: float) -> tuple[int, int, bool]:
        """Discard a slice of dead letters that are too old; return how many, their rows, and whether more are due."""
        answer = self._scripts.run("expire", self._keys(project_id).root, int(keep_days * 86_400_000), SLICE)
        return int(answer[0]), int(answer[1]), bool(answer[2])

    def _sliced(self, script: str, project_id: str, dead_letter_ids: Sequence[str], *args: str | int) -> BulkResult:
        total = BulkResult()
        for start in range(0, len(dead_letter_ids), SLICE):
            part = dead_letter_ids[start : start + SLICE]
            answer = self._scripts.run(script, self._keys(project_id).root, *args, *part)
            total += BulkResult(len(part), *map(int, answer))
        return total

    def _wake(self, project_id: str, result: BulkResult) -> BulkResult:
        if result.done:
            self._client.zadd(keys.projects(self._prefix), {project_id: 0}, lt=True)
        return result
