"""The rows of each project on their way to Redis: in memory, then perhaps on the disk; and whose turn it is.

The order of a project's rows is the order of its spool, then what is in flight, then what waits. So nothing is sent
from memory while anything is on the disk, and one thread at a time has what is in flight in its hands.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from prelabel.errors import BufferFull, PublisherClosed
from prelabel.publishing.buffer import Limits, ProjectBuffer, Row
from prelabel.spool.files import ProjectSpool
from prelabel.spool.slots import Slot

_LEAST_SHARE = 1 / 64


@dataclass
class Outbox:
    """One project's rows. `busy`: a thread has what is in flight in its hands; `refused`: Redis did not take the last
    send; `full`: the spool had no room for what is in flight; `set_aside`: rows that nobody was told of yet; `share`:
    how much of a full send is sent from the spool; `crowd_rows`, `crowd_bytes`: with more in memory the disk helps.
    """

    project_id: str
    buffer: ProjectBuffer
    spool: ProjectSpool | None = None
    crowd_rows: int = 0
    crowd_bytes: int = 0
    busy: bool = False
    refused: bool = False
    full: bool = False
    set_aside: int = 0
    failures: int = 0
    failed_sends: int = 0
    share: float = 1.0
    write_not_before: float = 0.0
    served: float = 0.0
    written: float = 0.0

    @property
    def crowded(self) -> bool:
        """Whether Redis takes rows, but slower than they come: then they go to the disk before memory is full."""
        if self.spool is None or self.full:
            return False
        return self.buffer.rows_in_memory > self.crowd_rows or self.buffer.bytes_in_memory > self.crowd_bytes

    def send_at(self) -> float | None:
        """When Redis should be asked to take something; None: there is nothing, or a thread has it."""
        if self.buffer.spooled > 0:
            return self.buffer.retry_at
        return None if self.busy or self.crowded else self.buffer.due_at()

    def write_at(self, redis_is_away: bool) -> float | None:
        """When rows should go from memory to the end of the spool; None: they should not."""
        if self.spool is None or self.busy or self.full:
            return None
        if not (redis_is_away or self.refused or self.buffer.spooled or self.crowded):
            return None
        ready = self.buffer.ready_at()
        return None if ready is None else max(ready, self.write_not_before)

    def failed(self, retry_at: float, *, too_much: bool) -> None:
        """Redis did not take the last send; `too_much`: it may take a smaller one."""
        self.refused = True
        self.failures += 1
        self.failed_sends += 1
        if too_much:
            self.share = max(_LEAST_SHARE, self.share / 2)
        self.buffer.retry_at = retry_at

    def succeeded(self) -> None:
        """Redis took the last send."""
        self.refused = self.full = False
        self.failures = 0
        self.share = min(1.0, self.share * 1.5)


@dataclass
class Outboxes:
    """The outboxes of all projects, under one lock (`changed`), and what the threads tell each other."""

    limits: Limits
    max_rows: int
    max_bytes: int
    slot: Slot | None = None
    spool_bytes: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)
    own: dict[str, Outbox] = field(default_factory=dict)
    adopted: list[Outbox] = field(default_factory=list)
    listeners: list[Callable[[], None]] = field(default_factory=list)
    closed: bool = False
    redis_is_away: bool = False
    not_before: float = 0.0
    failed_sends: int = 0
    last_error: str | None = None
    #: Sends that Redis refused for a reason that waiting does not fix, and what to change; None once one is answered.
    refusals: int = 0
    remedy: str | None = None

    def __post_init__(self) -> None:
        for project_id in self.slot.projects() if self.slot else ():
            self._outbox(project_id)

    def put(self, project_id: str, row: Row, block_seconds: float) -> bool:
        """Take a row; False when there was no room for it within so many seconds. Raises PublisherClosed."""
        with self.changed:
            box = self.own.get(project_id) or self._outbox(project_id)
            buffer = box.buffer
            if not self._has_room(buffer) and not self._room(box, block_seconds):
                return False
            if self.closed:
                raise PublisherClosed("the publisher is closed")
            before = buffer.ready_at()
            buffer.add(row, time.monotonic())
            if before != buffer.ready_at():
                self.changed.notify_all()
        return True

    def begin_flush(self) -> "Flush":
        """Hurry everything published so far."""
        with self.changed:
            goals = [(box.buffer, box.buffer.accepted) for box in self.own.values()]
            for buffer, goal in goals:
                buffer.flush_until = goal
            self.changed.notify_all()
            return Flush(self, goals, self.refusals)

    def begin_hand_over(self) -> Callable[[], bool]:
        """Try Redis at once; what is returned says whether waiting longer gains nothing.

        That is so when Redis has all rows, or the disk has them and Redis did not take them when it was tried again.
        """
        with self.changed:
            before = [(box, box.failed_sends) for box in self.own.values()]
            away_before, self.not_before = self.failed_sends, 0.0
            for box, _ in before:
                box.buffer.retry_at = 0.0
            self.changed.notify_all()

        def safe(box: Outbox, failed_before: int) -> bool:
            away = self.redis_is_away and self.failed_sends > away_before
            refused = box.refused and box.failed_sends > failed_before
            return not box.buffer.rows or ((away or refused) and not box.buffer.rows_in_memory)

        return lambda: all(safe(box, failed_before) for box, failed_before in before)

    def rows_in_memory(self) -> int:
        """Rows that are neither on the disk nor in Redis."""
        with self.changed:
            return sum(box.buffer.rows_in_memory for box in self.own.values())

    def spooled_rows(self) -> int:
        """Rows on the disk, with those of former processes that were taken over."""
        with self.changed:
            return sum(max(0, box.buffer.spooled) for box in self.every())

    def told_of_set_aside(self) -> int:
        """Rows that were set aside since this was last asked."""
        with self.changed:
            rows = sum(box.set_aside for box in self.own.values())
            for box in self.own.values():
                box.set_aside = 0
            return rows

    def every(self) -> list[Outbox]:
        """Our own outboxes and those that were taken over."""
        return [*self.own.values(), *self.adopted]

    def adopt(self, slot: Slot) -> list[Outbox]:
        """Take over the spools that a process left; reads them, so it is called without the lock."""
        found = [self._with_spool(name, slot) for name in slot.projects()]
        with self.changed:
            self.adopted += found
            self.changed.notify_all()
        return found

    def tell(self) -> None:
        """Something went on; the caller holds the lock."""
        self.changed.notify_all()
        for listener in self.listeners:
            listener()

    def _outbox(self, project_id: str) -> Outbox:
        box = self._with_spool(project_id, self.slot)
        self.own[project_id] = box
        return box

    def _with_spool(self, project_id: str, slot: Slot | None) -> Outbox:
        spool = slot.spool(project_id, self.spool_bytes) if slot else None
        rows = spool.rows if spool else 0
        buffer = ProjectBuffer(self.limits, accepted=rows, spooled=rows)
        return Outbox(project_id, buffer, spool, self.max_rows // 2, self.max_bytes // 2)

    def _has_room(self, buffer: ProjectBuffer) -> bool:
        return buffer.rows_in_memory < self.max_rows and buffer.bytes_in_memory < self.max_bytes

    def _room(self, box: Outbox, block_seconds: float) -> bool:
        def room() -> bool:
            return self.closed or self._has_room(box.buffer)

        return self.changed.wait_for(room, block_seconds) if block_seconds > 0 else room()


@dataclass(frozen=True, slots=True)
class Flush:
    """The rows that were published before somebody began to wait for them."""

    outboxes: Outboxes
    goals: list[tuple[ProjectBuffer, int]]
    refusals_before: int

    def left(self) -> int:
        """How many of them Redis does not have yet."""
        return sum(max(0, goal - buffer.answered) for buffer, goal in self.goals)

    def is_over(self) -> bool:
        """Whether Redis has them all, or has since refused them for a reason that waiting does not fix."""
        return self.outboxes.refusals > self.refusals_before or self.left() == 0


def no_room(outboxes: Outboxes, project_id: str, where: str) -> BufferFull:
    """What a publisher says of a row that it could not take."""
    box = outboxes.own[project_id]
    disk = f" ({box.buffer.spooled} of them on the disk)" if box.buffer.spooled else ""
    return BufferFull(f"{box.buffer.rows} rows{disk} are still waiting for {where}")
