"""How long imported rows took from their publication to the commit that counts them. No I/O.

Rows are counted by frame and not one by one: all rows of a frame were published at the same time.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from prelabel_worker.chunks.chunk import Chunk

BOUNDS_SECONDS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)
"""The upper bounds of the buckets; slower rows are in a last one, `inf`."""
BUCKETS = (*map(str, BOUNDS_SECONDS), "inf")
"""The names of the buckets. A bucket has the rows above the bound before it, up to its own."""
TOTAL = "ms"
"""The name of the sum of all rows' times, in ms."""


@dataclass(slots=True)
class Freshness:
    """Rows by the time that they took."""

    #: Number of rows by bucket, and the sum `ms`; only what is not zero.
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, rows: int, age_ms: int) -> None:
        """Count rows that took so long; a negative time, by a clock that was set back, counts as none."""
        bucket, age_ms = BUCKETS[bisect_left(BOUNDS_SECONDS, age_ms / 1000)], max(age_ms, 0)
        for name, number in ((bucket, rows), (TOTAL, rows * age_ms)):
            if number:
                self.counts[name] = self.counts.get(name, 0) + number


class PublishedRows:
    """When the rows of a chunk that were sent had been published."""

    def __init__(self, chunk: Chunk, rows: Sequence[int]) -> None:
        """`rows` are the indexes of the rows that were sent, ascending; a row's place in it is its position."""
        self._published: list[int] = []  # of each item
        self._ends: list[int] = []  # of each item: the position behind its last row
        index = 0
        for at, item in enumerate(chunk.items):
            index += item.high - item.low
            self._published.append(chunk.published_ms(at))
            self._ends.append(bisect_left(rows, index))

    def observe(self, freshness: Freshness, start: int, stop: int, now_ms: int) -> None:
        """Count the rows at positions `start` to `stop` (exclusive) as imported now, except those of unknown age."""
        for at in range(bisect_right(self._ends, start), len(self._ends)):
            if start >= stop:
                return
            end = min(self._ends[at], stop)
            if end > start and self._published[at]:
                freshness.add(end - start, now_ms - self._published[at])
            start = max(start, end)
