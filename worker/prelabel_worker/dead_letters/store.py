"""Change held rows: retry, edit, discard and expire dead letters, and try retrying rows again."""

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
    """The numbers of dead letters in a bulk action; `rows` is the number of rows that those done stand for."""

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
    """Reads and changes the held rows of all projects in one Redis."""

    def __init__(self, client: Client, key_prefix: str = keys.DEFAULT_PREFIX) -> None:
        super().__init__(client, key_prefix)
        self._scripts = Scripts(client)

    def retry(self, project_id: str, dead_letter_ids: Sequence[str], *, as_new: bool = False) -> BulkResult:
        """Send dead letters back to their lanes.

        With `as_new` they get new arrival numbers. Without it, superseded ones are counted as superseded instead.
        """
        number = "new" if as_new else "old"
        return self._wake(project_id, self._sliced("retry", project_id, dead_letter_ids, 0, number))

    def discard(self, project_id: str, dead_letter_ids: Sequence[str]) -> BulkResult:
        """Delete dead letters; their rows are counted as discarded."""
        return self._sliced("discard", project_id, dead_letter_ids)

    def edit(self, project_id: str, dead_letters: Iterable[EditedMessage], then: Then) -> BulkResult:
        """Replace the messages of dead letters. Skips dead letters that somebody has changed since they were read."""
        total = BulkResult()
        for part in parts(dead_letters, lambda edited: len(edited.body)):
            args: list[str | bytes] = [then]
            for message in part:
                args += [message.id, message.body_digest, orjson.dumps(message.facts), message.body]
            answer = self._scripts.run("edit", self._keys(project_id).root, *args)
            total += BulkResult(len(part), *map(int, answer))
        return total if then == "keep" else self._wake(project_id, total)

    def retry_due(self, project_id: str) -> int:
        """Send retrying rows that are due back to their lanes, at most `SLICE`; return how many."""
        return int(self._scripts.run("retry", self._keys(project_id).root, SLICE, "due")[0])

    def retry_now(self, project_id: str) -> int:
        """Send all retrying rows back to their lanes, due or not; return how many rows are tried.

        A row that is already being tried, perhaps since before somebody fixed the cause, is tried once more if that try
        fails.
        """
        project_keys = self._keys(project_id)
        with self._client.pipeline(transaction=True) as pipeline:
            pipeline.zrange(project_keys.retrying_queued, 0, -1)
            pipeline.zcard(project_keys.retrying)
            queued, retrying = pipeline.execute()
        being_tried = self._try_once_more(project_id, [held_id.decode() for held_id in queued])
        done = 0
        # Stops at the number counted above: a row that is held again meanwhile has just been tried.
        while done < retrying:
            sent = int(self._scripts.run("retry", project_keys.root, min(retrying - done, SLICE), "all")[0])
            if not sent:
                break
            done += sent
        self._wake(project_id, BulkResult(done=done))
        return being_tried + done

    def try_dead_letters_once_more(self, project_id: str, reason: str) -> int:
        """Mark dead letters of this reason that are being tried; return how many.

        A marked row is tried once more if this try fails for a reason that may pass with time.
        """
        ids = [held_id.decode() for held_id in self._client.zrange(self._keys(project_id).dead_queued, 0, -1)]
        states = self.states(project_id, ids)
        return self._try_once_more(project_id, [held_id for held_id, state in states.items() if state.reason == reason])

    def _try_once_more(self, project_id: str, held_ids: Sequence[str]) -> int:
        parts = (held_ids[start : start + SLICE] for start in range(0, len(held_ids), SLICE))
        return sum(int(self._scripts.run("try_once_more", self._keys(project_id).root, *part)) for part in parts)

    def give_up(self, project_id: str) -> tuple[int, int]:
        """Make dead letters of all retrying rows.

        Returns the number of new dead letters, and the number of rows being tried that become dead letters if the try
        fails.
        """
        project_keys, dead_letters, queued = self._keys(project_id), 0, 0
        with self._client.pipeline(transaction=True) as pipeline:
            pipeline.zcard(project_keys.retrying)
            pipeline.zcard(project_keys.retrying_queued)
            total = sum(pipeline.execute())
        while dead_letters + queued < total:
            most = min(total - dead_letters - queued, SLICE)
            done, _, being_tried = map(int, self._scripts.run("give_up", project_keys.root, most))
            if not done + being_tried:
                break
            dead_letters, queued = dead_letters + done, queued + being_tried
        return dead_letters, queued

    def expire(self, project_id: str, keep_days: float) -> tuple[int, int, bool]:
        """Discard at most `SLICE` dead letters older than `keep_days`; 0 keeps them for ever.

        Returns how many, the number of their rows, and whether more are due.
        """
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
