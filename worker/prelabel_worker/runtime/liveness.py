"""Detect a worker that makes no progress. No I/O: the caller passes the tasks in hand and the waiting hints.

A process that lives and ticks may still be stuck: a pool child may hang in a call that never returns, and a consumer
may have lost its broker without noticing. In both cases there is work, but no task begins or ends.
"""

import time
from collections.abc import Callable, Iterable


class Liveness:
    """Measures the time since the last progress: a task was taken, began or ended, or there was nothing to do."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: dict[str, float] = {}
        self._begun = 0
        self._moved = clock()

    def look(self, in_hand: Iterable[str], begun: int, waiting: int) -> None:
        """Record the ids of the tasks in hand, how many tasks ever began, and how many hints wait in the queue."""
        now = self._clock()
        since = {task: self._since.get(task, now) for task in in_hand}
        idle = not since and not waiting
        if idle or begun != self._begun or since.keys() != self._since.keys():
            self._moved = now
        self._since, self._begun = since, begun

    def busy_seconds(self) -> float | None:
        """Return the age of the oldest task in hand; None without one."""
        oldest = min(self._since.values(), default=None)
        return None if oldest is None else round(self._clock() - oldest, 1)

    def stalled_seconds(self) -> float:
        """Return the seconds since the last progress."""
        return round(self._clock() - self._moved, 1)
