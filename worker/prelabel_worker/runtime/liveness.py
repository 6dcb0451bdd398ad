"""Does this worker get on with its work? Pure: it is told what is in hand, and what waits.

That a process lives and ticks says little: a pool child may hang in a call that never returns, and a consumer may have
lost its broker without noticing. Both show as the same thing: there is work, and nothing begins or ends.
"""

import time
from collections.abc import Callable, Iterable


class Liveness:
    """Progress is a task that was taken, began or ended, and having nothing to do."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: dict[str, float] = {}
        self._begun = 0
        self._moved = clock()

    def look(self, in_hand: Iterable[str], begun: int, waiting: int) -> None:
        """Note the ids of the tasks in hand, how many ever began, and how many hints wait in the queue."""
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
