"""Hints: the messages of Celery, each of which names projects or chunks to look at, and carries no data.

Taking a hint costs a worker about as much as a small chunk. So when more is due than a tick may send hints, each names
several entries. Where there is room each names one, so that idle processes share the work.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from prelabel_worker.accounts.rate_limiter import POLLED_TOGETHER
from prelabel_worker.runtime.timers import Due

NAMED_TOGETHER = 8
"""Most entries of one hint, apart from polls."""
_TOGETHER_SECONDS = 0.25
"""After this time a task gives the entries that are left to others: there may be an idle process."""
_OF_A_PROJECT = ("group", "retry", "expire")
"""Stages whose entries are projects; those of others are chunks."""


@dataclass(frozen=True, slots=True)
class Hint:
    """What a task has to look at."""

    #: The stage that it runs.
    stage: str
    #: The arguments of the task: the projects, or a project and a chunk in turn, or the imports to poll.
    args: list[Any]


def hints_of(due: Sequence[Due], room: int) -> list[Hint]:
    """Return hints for all entries: `room` of them, or more where they would name too many; polls not counted."""
    polled = [[entry.project_id, entry.chunk_id] for entry in due if entry.stage == "poll"]
    hints = [Hint("poll", [polled[at : at + POLLED_TOGETHER]]) for at in range(0, len(polled), POLLED_TOGETHER)]
    others = [entry for entry in due if entry.stage != "poll"]
    together = min(NAMED_TOGETHER, -(-len(others) // max(room, 1)))
    for stage in dict.fromkeys(entry.stage for entry in others):
        entries = [entry for entry in others if entry.stage == stage]
        number = -(-len(entries) // together)
        # In turns, so that the most urgent entries come first in hints of their own.
        hints += [hint_of(stage, [_names(entry) for entry in entries[at::number]]) for at in range(number)]
    return hints


def _names(entry: Due) -> tuple[str, ...]:
    return (entry.project_id,) if entry.stage in _OF_A_PROJECT else (entry.project_id, entry.chunk_id)


def hint_of(stage: str, entries: Sequence[tuple[str, ...]]) -> Hint:
    """Return the hint that names these entries; a hint with one entry is one that older workers know."""
    return Hint(stage, [name for entry in entries for name in entry])


def entries_of(stage: str, names: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the entries that a hint names."""
    size = 1 if stage in _OF_A_PROJECT else 2
    return [tuple(names[at : at + size]) for at in range(0, len(names), size)]


def run_each(entries: Sequence[tuple[str, ...]], run: Callable[..., object], give: Callable[..., object]) -> None:
    """Run a stage for each entry; `give` those that are left to others once the task has taken long.

    An error says nothing about the entries that are left: others get them too.
    """
    begun = time.monotonic()
    for at, entry in enumerate(entries, 1):
        try:
            run(*entry)
        except Exception:
            if entries[at:]:
                give(entries[at:])
            raise
        if entries[at:] and time.monotonic() - begun > _TOGETHER_SECONDS:
            give(entries[at:])
            return
