"""Histograms: how many things took how long, and what share of them took at most how long. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many things took how long."""

    #: The upper bounds of all buckets but the last, in seconds, ascending.
    bounds: Sequence[float]
    #: Number of things by bucket; the last has those above all bounds.
    counts: tuple[int, ...]
    #: The sum of their times, in ms.
    total_ms: int = 0

    @property
    def count(self) -> int:
        """Return the number of things."""
        return sum(self.counts)

    def quantile(self, share: float) -> float | None:
        """Return the seconds that this share of them does not exceed, linear within a bucket; None without any.

        In the last bucket it is that bucket's lower bound, as in Prometheus: it may be more.
        """
        if not self.count:
            return None
        rank, below, lower = share * self.count, 0, 0.0
        for bound, number in zip(self.bounds, self.counts, strict=False):
            if number and below + number >= rank:
                return lower + (bound - lower) * max(0.0, rank - below) / number
            below, lower = below + number, float(bound)
        return lower

    def within(self, seconds: float) -> int:
        """Return how many took at most so long; `seconds` is one of the bounds."""
        return sum(number for bound, number in zip(self.bounds, self.counts, strict=False) if bound <= seconds)

    def __add__(self, other: "Histogram") -> "Histogram":
        counts = tuple(a + b for a, b in zip(self.counts, other.counts, strict=True))
        return Histogram(self.bounds, counts, self.total_ms + other.total_ms)
