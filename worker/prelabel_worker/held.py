"""Held rows from the operator's side: dead letters listed, shown and sent back."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from prelabel import keys
from prelabel.client import Client
from prelabel_worker.letters import split_body
from prelabel_worker.scripts import Scripts

_SLICE = 200  # letters handled by one script call


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A row that no one will try again unless asked. Times are Unix seconds; `weight` is its rows in our sums."""

    id: str
    project_id: str
    message_id: str | None
    data_row: str
    model: str
    reason: str
    group: str
    details: dict[str, Any]
    stage: str
    chunk_id: str
    import_name: str
    attempts: int
    first_at: float
    last_at: float
    struck: bool
    weight: int
    message: bytes

    def as_json(self) -> dict[str, Any]:
        """The letter for `--json`, with the message as text."""
        return {
            "id": self.id,
            "projectId": self.project_id,
            "messageId": self.message_id,
            "dataRow": self.data_row,
            "model": self.model,
            "reason": self.reason,
            "group": self.group,
            "details": self.details,
            "stage": self.stage,
            "chunk": self.chunk_id,
            "import": self.import_name,
            "attempts": self.attempts,
            "firstAt": self.first_at,
            "lastAt": self.last_at,
            "struck": self.struck,
            "rows": self.weight,
            "message": self.message.decode("utf-8", "replace"),
        }


@dataclass(frozen=True, slots=True)
class BulkResult:
    """What a bulk action did, in letters."""

    matched: int
    done: int
    skipped: int


class HeldRows:
    """Reads and retries the held rows of all projects behind one Redis."""

    def __init__(self, client: Client, key_prefix: str = keys.DEFAULT_PREFIX) -> None:
        self._client = client
        self._prefix = key_prefix
        self._scripts = Scripts(client)

    def letters(
        self, project_id: str, *, reason: str | None = None, message_id: str | None = None, limit: int = 50
    ) -> list[DeadLetter]:
        """The newest dead letters that match, newest first."""
        found = []
        for letter_id in self.matching(project_id, reason=reason, message_id=message_id):
            letter = self.letter(project_id, letter_id)
            if letter is not None:
                found.append(letter)
            if len(found) >= limit:
                break
        return found

    def letter(self, project_id: str, letter_id: str) -> DeadLetter | None:
        """One dead letter, or None when there is none of this id (any more)."""
        root = keys.project_root(self._prefix, project_id)
        with self._client.pipeline(transaction=True) as pipeline:
            pipeline.zscore(f"{root}:dead", letter_id)
            pipeline.hget(f"{root}:held", letter_id)
            pipeline.hget(f"{root}:held:body", letter_id)
            died, state, body = pipeline.execute()
        if died is None or state is None or body is None:
            return None
        return _dead_letter(project_id, letter_id, orjson.loads(state), body)

    def matching(self, project_id: str, *, reason: str | None = None, message_id: str | None = None) -> Iterator[str]:
        """Ids of the dead letters that match, newest first; read in slices, so a million cost no memory."""
        root = keys.project_root(self._prefix, project_id)
        if message_id is not None:
            found = self._client.hget(f"{root}:dead:messages", message_id)
            if found and self._has_reason(root, found.decode(), reason):
                yield found.decode()
            return
        key = f"{root}:dead:reason:{reason}" if reason else f"{root}:dead"
        # Down by score from the last one seen: letters that are retried meanwhile shift no page.
        highest: str | float = "+inf"
        seen: set[bytes] = set()
        while True:
            page = self._client.zrevrangebyscore(key, highest, "-inf", 0, _SLICE + len(seen), withscores=True)
            fresh = [(name, score) for name, score in page if name not in seen]
            if not fresh:
                return
            yield from (name.decode() for name, _ in fresh)
            lowest = fresh[-1][1]
            seen = {name for name, score in page if score == lowest} | (seen if lowest == highest else set())
            highest = lowest

    def retry(self, project_id: str, letter_ids: Iterable[str]) -> BulkResult:
        """Send letters back to their lanes with their old arrival numbers; a struck one is superseded."""
        root = keys.project_root(self._prefix, project_id)
        matched = done = skipped = 0
        ids = list(letter_ids)
        for start in range(0, len(ids), _SLICE):
            part = ids[start : start + _SLICE]
            answer = self._scripts.run("retry", root, 0, *part)
            matched += len(part)
            done += int(answer[0])
            skipped += int(answer[1])
        if done:
            self._client.zadd(keys.projects(self._prefix), {project_id: 0}, lt=True)
        return BulkResult(matched, done, skipped)

    def heal(self, project_id: str) -> int:
        """Send the healing rows that are due back to their lanes."""
        root = keys.project_root(self._prefix, project_id)
        return int(self._scripts.run("retry", root, _SLICE)[0])

    def _has_reason(self, root: str, letter_id: str, reason: str | None) -> bool:
        return reason is None or self._client.zscore(f"{root}:dead:reason:{reason}", letter_id) is not None


def _dead_letter(project_id: str, letter_id: str, state: dict[str, Any], body: bytes) -> DeadLetter:
    details, payload = split_body(body)
    known = {name: details.pop(name, None) for name in ("messageId", "dataRow", "model", "stage", "chunk", "import")}
    return DeadLetter(
        id=letter_id,
        project_id=project_id,
        message_id=known["messageId"],
        data_row=known["dataRow"] or "",
        model=known["model"] or "",
        reason=state["reason"],
        group=state["group"],
        details=details,
        stage=known["stage"] or "",
        chunk_id=known["chunk"] or "",
        import_name=known["import"] or "",
        attempts=int(state["attempts"]),
        first_at=state["first"] / 1000,
        last_at=state["last"] / 1000,
        struck=bool(state.get("struck")),
        weight=int(state["weight"]),
        message=payload,
    )
