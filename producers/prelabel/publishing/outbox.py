"""One project's rows on their way to Redis: in memory, then perhaps on the disk; and when something is to be done.

The order of a project's rows is the order of its spool, then what is in flight, then what waits. So nothing is sent
from memory while anything is on the disk, and one thread at a time has the rows in flight.

Pure but for the spool that it carries: it is told the time, and `Outboxes` calls it under its lock.
"""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from prelabel.publishing.buffer import Limits, ProjectBuffer
from prelabel.publishing.retry import Failure, Retry
from prelabel.spool.files import ProjectSpool

_WRITE_AGAIN_SECONDS = 1.0
_MINIMUM_SHARE = 1 / 64


class Step(NamedTuple):
    """What one step through a spool did."""

    #: Rows that Redis has now.
    answered: int = 0
    #: Rows moved to `expired/` or `damaged/`.
    set_aside: int = 0
    #: The project's lanes, where the frames had been cut for another number.
    lanes: int | None = None


@dataclass
class Outbox:
    """The rows of one project, and what became of its last sends and writes."""

    #: The project of all rows.
    project_id: str
    #: The rows in memory, and the counts of all.
    buffer: ProjectBuffer
    #: Where rows go that Redis does not take; None without a `spool_dir`.
    spool: ProjectSpool | None = None
    #: With more rows in memory than this, rows go to the disk although Redis takes some.
    crowd_rows: int = 0
    #: The same in bytes of messages.
    crowd_bytes: int = 0
    #: Whether a thread is sending or writing the rows in flight.
    busy: bool = False
    #: Whether Redis did not take the last send.
    refused: bool = False
    #: Whether the spool had no room for the rows in flight.
    full: bool = False
    #: Rows in `expired/` or `damaged/` that no `flush()` has reported yet.
    set_aside: int = 0
    #: How much of a full send is sent from the spool: less where a full one is refused or takes too long.
    share: float = 1.0
    #: When to ask Redis again.
    retry: Retry = field(default_factory=Retry)
    #: When to write again after an error of the disk.
    write_not_before: float = 0.0
    #: When the last send began: the project whose last send is longest ago is next.
    last_send: float = 0.0
    #: When the last write began.
    last_write: float = 0.0

    @property
    def crowded(self) -> bool:
        """Whether Redis takes rows, but more slowly than they come: they go to the disk before memory is full."""
        if self.spool is None or self.full:
            return False
        return self.buffer.rows_in_memory > self.crowd_rows or self.buffer.bytes_in_memory > self.crowd_bytes

    @property
    def is_on_disk(self) -> bool:
        """Whether the process can end without losing a row."""
        return self.spool is not None and not self.buffer.rows_in_memory

    def send_at(self) -> float | None:
        """Return when to ask Redis to take rows; None when there are none, or a thread has them."""
        if self.buffer.spooled > 0:
            return self.retry.not_before
        ready = None if self.busy or self.crowded else self.buffer.ready_at()
        return None if ready is None else max(ready, self.retry.not_before)

    def write_at(self, redis_is_away: bool) -> float | None:
        """Return when to move rows from memory to the end of the spool; None when they should stay."""
        if self.spool is None or self.busy or self.full:
            return None
        if not (redis_is_away or self.refused or self.buffer.spooled or self.crowded):
            return None
        ready = self.buffer.ready_at()
        return None if ready is None else max(ready, self.write_not_before)

    def begin_send(self, now: float) -> ProjectSpool | None:
        """Return the spool to send from; None when the rows to send are in flight now."""
        self.last_send = now
        if self.buffer.spooled > 0:
            return self.spool
        self.busy = True
        self.buffer.take(now)
        return None

    def begin_write(self, now: float) -> None:
        """Put the rows in flight that go to the disk."""
        self.busy, self.last_write = True, now
        self.buffer.take(now)

    def begin_rest(self) -> None:
        """Forget what kept rows from the disk: the process ends, and no thread has any."""
        self.busy = self.full = False
        self.write_not_before = 0.0

    @property
    def rest_can_be_written(self) -> bool:
        """Whether there are rows in memory that the disk has not failed to take since `begin_rest`."""
        failed = self.full or self.write_not_before
        return self.spool is not None and self.buffer.rows_in_memory > 0 and not failed

    def limits(self) -> Limits:
        """Return the limits of a send from the spool.

        Smaller ones are for a connection that does not carry a full send within the time-out, and for an inbox with
        little room.
        """
        full = self.buffer.limits
        rows, size = int(full.send_rows * self.share), int(full.send_bytes * self.share)
        return replace(full, send_rows=max(1, rows), send_bytes=max(1, size))

    def answered(self) -> None:
        """Redis took a send."""
        self.refused = self.full = False
        self.retry.succeeded()
        self.share = min(1.0, self.share * 1.5)

    def stepped(self, step: Step) -> None:
        """A step through the spool is done."""
        self.buffer.lanes = step.lanes or self.buffer.lanes
        self.buffer.unspool(step.answered + step.set_aside)
        self.set_aside += step.set_aside
        self.retry.at_once()

    def failed(self, failure: Failure, now: float) -> None:
        """Redis did not take a send."""
        self.refused = True
        self.retry.failed(now)
        if failure.too_much:
            self.share = max(_MINIMUM_SHARE, self.share / 2)

    def not_written(self, now: float, *, full: bool) -> None:
        """The disk did not take the rows in flight; they stay in memory."""
        if full:
            self.full = True
        else:
            self.write_not_before = now + _WRITE_AGAIN_SECONDS
