"""Say what a bulk action would do, without changing anything; a preview looks at a bounded number of dead letters."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from prelabel_console.bulk.request import BulkRequest
from prelabel_console.message_text import printable_lines
from prelabel_worker.dead_letters.bulk import Bulk
from prelabel_worker.dead_letters.differences import differences
from prelabel_worker.dead_letters.filter import DeadLetterFilter
from prelabel_worker.dead_letters.letter import DeadLetter
from prelabel_worker.dead_letters.store import BulkResult, HeldRows

MOST = 20_000
"""Maximum number of dead letters that a preview looks at, give or take a slice."""
MOST_SECONDS = 3.0
_SHOWN_CHARACTERS = 120


@dataclass(frozen=True, slots=True)
class Change:
    """A place of a message that an edit changes."""

    path: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Example:
    """What an action changes in one dead letter."""

    dead_letter: DeadLetter
    #: The message as it would be sent.
    message: bytes
    changes: list[Change]


@dataclass(frozen=True, slots=True)
class Preview:
    """What an action would do."""

    #: The numbers of dead letters that match and that would be skipped.
    result: BulkResult
    #: How many of them a retry would count as superseded.
    superseded: int
    #: Reason → how many an edit would skip for it.
    why_skipped: dict[str, int]
    #: Some dead letters that an edit would change.
    examples: list[Example]
    #: Whether all dead letters that match were looked at.
    complete: bool
    #: The project → its matching dead letters, those with the most first.
    projects: dict[str, int] = field(default_factory=dict)

    @property
    def would(self) -> int:
        """How many dead letters the action would send or discard."""
        return self.result.matched - self.result.skipped - self.superseded


def preview(rows: HeldRows, request: BulkRequest, chosen: DeadLetterFilter, project_ids: Sequence[str]) -> Preview:
    """Return what an action on these projects would do."""
    ends = time.monotonic() + MOST_SECONDS
    stop = threading.Event()

    def look(result: BulkResult) -> None:
        if result.matched >= MOST or time.monotonic() > ends:
            stop.set()

    bulk = Bulk(rows, chosen, progress=look, dry_run=True, stop=stop)
    for project_id in project_ids:
        if stop.is_set() or time.monotonic() > ends:
            stop.set()
            break
        act(bulk, project_id, request)
    matched = {name: result.matched for name, result in bulk.by_project.items()}
    return Preview(
        bulk.result,
        bulk.superseded,
        dict(bulk.why_skipped.most_common()),
        [_example(dead_letter, raw) for dead_letter, raw in bulk.examples],
        complete=not stop.is_set(),
        projects=dict(sorted(matched.items(), key=lambda item: (-item[1], item[0]))),
    )


def act(bulk: Bulk, project_id: str, request: BulkRequest) -> None:
    """Carry out the action, or its dry run, on the dead letters of one project."""
    if request.kind == "discard":
        bulk.discard(project_id)
    elif request.kind == "rename":
        bulk.edit(project_id, request.edits, as_new=request.as_new)
    else:
        bulk.retry(project_id, as_new=request.as_new)


def _example(dead_letter: DeadLetter, raw: bytes) -> Example:
    pairs = differences(orjson.loads(dead_letter.message), orjson.loads(raw))
    changes = [Change(path, _short(before), _short(after)) for path, before, after in pairs]
    return Example(dead_letter, raw, changes[:20])


def _short(value: Any) -> str:
    text = printable_lines(orjson.dumps(value).decode())
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"
