"""Decide when a part of the stack that has ended is started again. No I/O."""

import time
from collections.abc import Callable, Sequence

WAITS_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""The waits before the starts after the first, second … death in a row; after one more death, the stack gives up."""
LASTING_SECONDS = 60.0
"""A part that has run for so long begins to count anew: its deaths are not in a row."""


class Restarts:
    """The deaths in a row of each part."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, waits_seconds: Sequence[float] = WAITS_SECONDS
    ) -> None:
        self._clock = clock
        self._waits = waits_seconds
        self._began = clock()
        self._started: dict[str, float] = {}
        self._deaths: dict[str, int] = {}

    def started(self, part: str) -> None:
        """Record that a part was started."""
        self._started[part] = self._clock()

    def died(self, part: str) -> float | None:
        """Record that a part has ended; return the seconds to wait before its start, or None to give up."""
        lasted = self._clock() - self._started.get(part, self._began)
        deaths = 1 if lasted >= LASTING_SECONDS else self._deaths.get(part, 0) + 1
        self._deaths[part] = deaths
        return self._waits[deaths - 1] if deaths <= len(self._waits) else None

    def deaths(self, part: str) -> int:
        """Return how many times in a row a part has ended."""
        return self._deaths.get(part, 0)
