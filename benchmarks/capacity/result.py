"""What a simulation measured."""

from bisect import bisect_left
from itertools import accumulate

import msgspec

_BUSY, _MUCH = 0.9, 0.5


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a simulation measured."""

    #: Simulated seconds that the figures are about.
    seconds: float
    #: Rows that publishers sent, rows that were settled, and rows in between at the end.
    published: int
    settled: int
    pending: int
    #: Rows settled a second.
    rows_a_second: float
    #: Rows by which the backlog grew a second.
    growth: float
    #: Rows of a chunk, on average.
    chunk_rows: float
    #: Share of its time that each kind of resource was busy; the busiest of its kind.
    used: dict[str, float]
    #: Share of the time in which a project had rows for a chunk and could not have one more open; the mean of all.
    blocked: float
    #: Seconds from publish to upload, and to settled: percentile → seconds.
    to_upload: dict[int, float]
    to_settled: dict[int, float]

    @property
    def bottleneck(self) -> str:
        """The resource that was busy most; the limit of open chunks, if rows waited for it and nothing was busy."""
        busiest = max(self.used, key=lambda name: self.used[name])
        return "open chunks" if self.blocked > _MUCH and self.used[busiest] < _BUSY else busiest


class Latencies:
    """Seconds, each for a number of rows."""

    def __init__(self) -> None:
        self._seconds: list[tuple[float, int]] = []

    def add(self, seconds: float, rows: int) -> None:
        """Add the seconds that these rows took."""
        self._seconds.append((seconds, rows))

    def percentiles(self) -> dict[int, float]:
        """Return percentile → seconds."""
        ordered = sorted(self._seconds)
        sums = list(accumulate(rows for _, rows in ordered))
        return {at: ordered[bisect_left(sums, sums[-1] * at / 100)][0] for at in (50, 90, 99)} if ordered else {}
