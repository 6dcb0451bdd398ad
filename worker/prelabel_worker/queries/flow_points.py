"""Numbers by time as readers get them: what became of rows, and which requests were sent, in an interval. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from prelabel.errors import Reason
from prelabel_worker.accounts import request_counts
from prelabel_worker.chunks import freshness
from prelabel_worker.queries.histogram import Histogram

OTHER = "other"
"""Stands for the reasons that this release does not know, and for groups beyond the bound of a hash."""
_REASONS = {reason.value for reason in Reason}


def freshness_of(numbers: Mapping[str, int]) -> Histogram:
    """Return the histogram of freshness among series of a project."""
    counts = tuple(numbers.get(f"fresh:{bucket}", 0) for bucket in freshness.BUCKETS)
    return Histogram(freshness.BOUNDS_SECONDS, counts, numbers.get(f"fresh:{freshness.TOTAL}", 0))


def request_seconds_of(operation: str, numbers: Mapping[str, int]) -> Histogram:
    """Return the histogram of an operation's seconds among series of an account."""
    series = request_counts.seconds_series
    counts = tuple(numbers.get(series(operation, bucket), 0) for bucket in request_counts.BUCKETS)
    return Histogram(request_counts.BOUNDS_SECONDS, counts, numbers.get(series(operation, "ms"), 0))


NO_FRESHNESS = freshness_of({})


@dataclass(frozen=True, slots=True)
class FlowPoint:
    """What became of rows of a project, or of several, in a minute, in a quarter of an hour, or ever."""

    #: When the interval begins, in Unix seconds by Redis's clock; 0 for sums.
    start: int = 0
    #: Rows that Redis accepted. In sums since ever it is 0: the project's counts have it.
    published: int = 0
    #: Rows that were imported, whether or not their imports were undone later.
    imported: int = 0
    #: Rows that a newer message replaced.
    superseded: int = 0
    #: Rows that the policy `skip` left out.
    skipped: int = 0
    #: Rows of dead letters that were discarded, and of imports that were undone.
    discarded: int = 0
    #: Held rows that were sent back, by an operator or by their timer.
    retried: int = 0
    #: Rows that became dead letters, by reason; a row that is retried and dies again counts again.
    dead: Mapping[str, int] = field(default_factory=dict)
    #: How long the imported rows took from their publication.
    freshness: Histogram = NO_FRESHNESS

    @property
    def died(self) -> int:
        """Return the rows that became dead letters, for whatever reason."""
        return sum(self.dead.values())

    @classmethod
    def of(cls, numbers: Mapping[str, int], start: int = 0) -> Self:
        """Return the point with these series."""
        dead: dict[str, int] = {}
        for series, number in numbers.items():
            kind, _, reason = series.partition(":")
            if kind == "dead":
                known = reason if reason in _REASONS else OTHER
                dead[known] = dead.get(known, 0) + number
        plain = {name: numbers.get(name, 0) for name in _PLAIN}
        return cls(start=start, **plain, dead=dead, freshness=freshness_of(numbers))

    def __add__(self, other: "FlowPoint") -> "FlowPoint":
        plain = {name: getattr(self, name) + getattr(other, name) for name in _PLAIN}
        dead = {reason: self.dead.get(reason, 0) + other.dead.get(reason, 0) for reason in {**self.dead, **other.dead}}
        return FlowPoint(
            start=self.start or other.start, **plain, dead=dead, freshness=self.freshness + other.freshness
        )


_PLAIN = ("published", "imported", "superseded", "skipped", "discarded", "retried")


@dataclass(frozen=True, slots=True)
class Requests:
    """Requests of workers with one account, in a minute, in a quarter of an hour, or ever."""

    #: When the interval begins, in Unix seconds by Redis's clock; 0 for sums.
    start: int = 0
    #: Number of requests by operation and status, see labelbox/sent_request.py.
    numbers: Mapping[tuple[str, str], int] = field(default_factory=dict)
    #: Seconds that requests took, by operation.
    seconds: Mapping[str, Histogram] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Return the number of requests."""
        return sum(self.numbers.values())

    def of_operation(self, operation: str) -> int:
        """Return the number of requests of an operation."""
        return sum(number for (name, _), number in self.numbers.items() if name == operation)

    @classmethod
    def of(cls, numbers: Mapping[str, int], start: int = 0) -> Self:
        """Return the requests with these series."""
        by_status: dict[tuple[str, str], int] = {}
        for series, number in numbers.items():
            operation, _, status = series.partition(":")
            if operation != "seconds":
                by_status[operation, status] = number
        operations = sorted({operation for operation, _ in by_status})
        return cls(start, by_status, {name: request_seconds_of(name, numbers) for name in operations})
