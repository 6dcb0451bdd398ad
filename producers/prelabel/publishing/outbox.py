"""One project's rows on their way to Redis, in memory or on the disk, and when to send or write them.

The oldest rows of a project are in its spool, newer rows are in flight, and the newest are waiting. To keep this order,
nothing is sent from memory while rows are on the disk, and only one thread at a time has the rows in flight.

No I/O here: callers pass the time, and `Outboxes` holds its lock when it calls this.
"""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from prelabel.publishing.buffer import Limits, ProjectBuffer
from prelabel.publishing.retry import Failure, Retry
from prelabel.spool.files import ProjectSpool

_WRITE_AGAIN_SECONDS = 1.0
_MINIMUM_SHARE = 1 / 64


class Step(NamedTuple):
    """The result of one step through a spool."""

    #: Rows that Redis has now.
    answered: int = 0
    #: Rows moved to `expired/` or `damaged/`.
    set_aside: int = 0
    #: The project's number of lanes, if the frames had been cut for another number.
    lanes: int | None = None


@dataclass
class Outbox:
    """The rows of one project, and the results of its last sends and writes."""

    #: The project of all rows.
    project_id: str
    #: The rows in memory, and the counts of all rows.
    buffer: ProjectBuffer
    #: Where to put rows that Redis does not accept; None without a `spool_dir`.
    spool: ProjectSpool | None = None
    #: With more rows in memory than this, rows go to the disk even though Redis accepts some.
    crowd_rows: int = 0
    #: The same in bytes of messages.
    crowd_bytes: int = 0
    #: Whether a thread is sending or writing the rows in flight.
    busy: bool = False
    #: Whether Redis did not accept the last send.
    refused: bool = False
    #: Whether the spool had no room for the rows in flight.
    full: bool = False
    #: Rows in `expired/` or `damaged/` that no `flush()` has reported yet.
    set_aside: int = 0
    #: The share of a full send that is sent from the spool; smaller after sends that were refused or took too long.
    share: float = 1.0
    #: When to send again.
    retry: Retry = field(default_factory=Retry)
    #: When to write again after an error of the disk.
    write_not_before: float = 0.0
    #: When the last send began; the project whose last send is longest ago is next.
    last_send: float = 0.0
    #: When the last write began.
    last_write: float = 0.0

    @property
    def crowded(self) -> bool:
        """Return whether rows go to the disk although Redis accepts some: so many are in memory, or a caller waits."""
        if self.spool is None or self.full:
            return False
        buffer = self.buffer
        many = buffer.rows_in_memory > self.crowd_rows or buffer.bytes_in_memory > self.crowd_bytes
        return many or buffer.goes_by_disk

    @property
    def is_on_disk(self) -> bool:
        """Return whether the process can end without losing a row."""
        return self.spool is not None and not self.buffer.rows_in_memory

    def send_at(self) -> float | None:
        """Return when to send rows to Redis; None if there are none, or a thread has them."""
        if self.buffer.spooled > 0:
            return self.retry.not_before
        ready = None if self.busy or self.crowded else self.buffer.ready_at()
        return None if ready is None else max(ready, self.retry.not_before)

    def write_at(self, redis_is_away: bool) -> float | None:
        """Return when to move rows from memory to the end of the spool; None if they should stay."""
        if self.spool is None or self.busy or self.full:
            return None
        if not (redis_is_away or self.refused or self.buffer.spooled or self.crowded):
            return None
        ready = self.buffer.ready_at()
        return None if ready is None else max(ready, self.write_not_before)

    def begin_send(self, now: float) -> ProjectSpool | None:
        """Begin a send: return the spool to send from, or put rows from memory in flight and return None."""
        self.last_send = now
        if self.buffer.spooled > 0:
            return self.spool
        self.busy = True
        self.buffer.take(now)
        return None

    def begin_write(self, now: float) -> None:
        """Begin a write to the disk: put the rows for it in flight."""
        self.busy, self.last_write = True, now
        self.buffer.take(now)

    def begin_rest(self) -> None:
        """Allow writes again, whatever failed before: the process ends, and no thread has rows any more."""
        self.busy = self.full = False
        self.write_not_before = 0.0

    @property
    def rest_can_be_written(self) -> bool:
        """Return whether rows are in memory, and no write has failed since `begin_rest`."""
        failed = self.full or self.write_not_before
        return self.spool is not None and self.buffer.rows_in_memory > 0 and not failed

    def limits(self) -> Limits:
        """Return the limits of a send from the spool.

        They shrink if the connection is too slow for a full send within the time-out, or the inbox has little room.
        """
        full = self.buffer.limits
        rows, size = int(full.send_rows * self.share), int(full.send_bytes * self.share)
        return replace(full, send_rows=max(1, rows), send_bytes=max(1, size))

    def answered(self) -> None:
        """Record that Redis accepted a send."""
        self.refused = self.full = False
        self.retry.succeeded()
        self.share = min(1.0, self.share * 1.5)

    def stepped(self, step: Step) -> None:
        """Record a step through the spool."""
        self.buffer.lanes = step.lanes or self.buffer.lanes
        self.buffer.unspool(step.answered + step.set_aside)
        self.set_aside += step.set_aside
        self.retry.at_once()

    def failed(self, failure: Failure, now: float) -> None:
        """Record that Redis did not accept a send."""
        self.refused = True
        self.retry.failed(now)
        if failure.too_much:
            self.share = max(_MINIMUM_SHARE, self.share / 2)

    def not_written(self, now: float, *, full: bool) -> None:
        """Record that the disk did not accept the rows in flight; they stay in memory."""
        if full:
            self.full = True
        else:
            self.write_not_before = now + _WRITE_AGAIN_SECONDS
