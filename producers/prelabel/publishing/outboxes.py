"""The outboxes of all projects under one lock, and the only place that changes them.

The sender and the spooler are loops around it: each asks what to do next, does it without the lock, and reports what
became of it. Whoever publishes, flushes or closes waits here for what they report.
"""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from prelabel.errors import PublisherClosed
from prelabel.publishing.buffer import Limits, ProjectBuffer, Row
from prelabel.publishing.outbox import Outbox, Step
from prelabel.publishing.retry import Failure, RedisHealth
from prelabel.spool.files import ProjectSpool, SpoolFull
from prelabel.spool.slots import Slot


class Send(NamedTuple):
    """What to send next: from the spool, or else the rows in flight."""

    box: Outbox
    spool: ProjectSpool | None


@dataclass(frozen=True, slots=True)
class Flush:
    """The rows that were published before somebody began to wait for them."""

    #: The count of `answered` to wait for, for each buffer.
    goals: list[tuple[ProjectBuffer, int]]
    health: RedisHealth
    refusals_before: int

    def left(self) -> int:
        """Return how many of them Redis does not have yet."""
        return sum(max(0, goal - buffer.answered) for buffer, goal in self.goals)

    def is_over(self) -> bool:
        """Return whether Redis has them all, or has refused a send for a reason that waiting cannot fix."""
        return self.health.refusals > self.refusals_before or self.left() == 0


@dataclass(frozen=True, slots=True)
class HandOver:
    """The rows that a closing publisher would rather leave to Redis than to the disk."""

    flush: Flush
    #: Each outbox, with its failed sends at the beginning.
    boxes: list[tuple[Outbox, int]]
    failures_before: int

    def is_over(self) -> bool:
        """Return whether waiting gains nothing.

        That is so when Redis has all rows, or the disk has them and Redis did not take them when it was asked again.
        """
        health = self.flush.health
        away = health.is_away and health.retry.failures > self.failures_before
        return self.flush.left() == 0 or all(
            not box.buffer.rows or (box.is_on_disk and (away or (box.refused and box.retry.failures > failures)))
            for box, failures in self.boxes
        )


@dataclass
class Outboxes:
    """The state of a publisher. Safe to share between threads."""

    #: The limits of sends and frames.
    limits: Limits
    #: Maximum rows of one project in memory.
    max_rows: int
    #: The same in bytes of messages.
    max_bytes: int
    #: Where this process has its spools; None without a `spool_dir`.
    slot: Slot | None = None
    #: Maximum bytes on the disk for one project.
    spool_bytes: int = 0
    #: The lock of everything here; notified when there may be room, an answer or something to do.
    changed: threading.Condition = field(default_factory=threading.Condition)
    #: The outboxes of this process by project.
    own: dict[str, Outbox] = field(default_factory=dict)
    #: The outboxes of processes that are gone, by their slots.
    adopted: dict[Slot, list[Outbox]] = field(default_factory=dict)
    #: What to call when `changed` is notified, for those who cannot wait for it.
    listeners: list[Callable[[], None]] = field(default_factory=list)
    #: Whether the threads shall end, and no row is taken any longer.
    closed: bool = False
    #: Whether Redis takes anything.
    health: RedisHealth = field(default_factory=RedisHealth)

    def __post_init__(self) -> None:
        for project_id in self.slot.projects() if self.slot else ():
            self._open(project_id)

    # What a publisher calls.

    def put(self, project_id: str, row: Row, block_seconds: float) -> bool:
        """Take a row, or return False when there is no room for it within `block_seconds`. Raises PublisherClosed."""
        with self.changed:
            box = self.own.get(project_id) or self._open(project_id)
            buffer = box.buffer
            if not self._has_room(buffer) and not self._wait_for_room(buffer, block_seconds):
                return False
            if self.closed:
                raise PublisherClosed("the publisher is closed")
            before = buffer.ready_at()
            buffer.add(row, time.monotonic())
            if before != buffer.ready_at():
                self.changed.notify_all()
        return True

    def begin_flush(self) -> Flush:
        """Send everything published so far without waiting for more."""
        with self.changed:
            goals = [(box.buffer, box.buffer.flush()) for box in self.own.values()]
            self.changed.notify_all()
            return Flush(goals, self.health, self.health.refusals)

    def begin_hand_over(self) -> HandOver:
        """Send everything at once, however recently Redis failed."""
        with self.changed:
            boxes = list(self.own.values())
            for retry in (self.health.retry, *(box.retry for box in boxes)):
                retry.at_once()
            failures = [(box, box.retry.failures) for box in boxes]
            return HandOver(self.begin_flush(), failures, self.health.retry.failures)

    def wait_for(self, done: Callable[[], bool], seconds: float | None) -> None:
        """Return when `done()` is true, which is asked under the lock, or when the time is over."""
        with self.changed:
            self.changed.wait_for(done, seconds)

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener`, from any thread, when there may be room or an answer; return what ends that."""
        with self.changed:
            self.listeners.append(listener)

        def stop() -> None:
            with self.changed:
                self.listeners.remove(listener)

        return stop

    def close(self) -> None:
        """Take no more rows, and end the threads."""
        with self.changed:
            self.closed = True
            self.notify()

    def rest(self) -> Iterator[Outbox]:
        """Yield an outbox for each write of what is in memory when the threads have ended, until no disk takes more."""
        for box in self.own.values():
            with self.changed:
                box.begin_rest()
            while box.rest_can_be_written:
                with self.changed:
                    box.begin_write(time.monotonic())
                yield box

    def rows_in_memory(self) -> int:
        """Return how many rows are neither on the disk nor in Redis."""
        with self.changed:
            return sum(box.buffer.rows_in_memory for box in self.own.values())

    def spooled_rows(self) -> int:
        """Return how many rows are on the disk, with those that were adopted."""
        with self.changed:
            return sum(max(0, box.buffer.spooled) for box in self.every())

    def take_set_aside(self) -> int:
        """Return how many rows were set aside since this was last called."""
        with self.changed:
            rows = sum(box.set_aside for box in self.own.values())
            for box in self.own.values():
                box.set_aside = 0
            return rows

    # What the sender calls.

    def next_send(self) -> Send | None:
        """Wait until Redis should be asked to take something; None when the publisher is closed.

        The project comes first whose last send is longest ago.
        """
        with self.changed:
            while not self.closed:
                now = time.monotonic()
                times = [(at, box) for box in self.every() if (at := box.send_at()) is not None]
                due = self._due([(max(at, self.health.retry.not_before), box) for at, box in times], now)
                if due:
                    box = min(due, key=lambda box: box.last_send)
                    return Send(box, box.begin_send(now))
        return None

    def frames(self, box: Outbox) -> list[bytes]:
        """Return the frames of the rows in flight, for the thread that has them: it compresses without the lock."""
        return box.buffer.encode()

    def recut(self, box: Outbox, lanes: int) -> None:
        """Cut the rows in flight for this number of lanes; the same thread may then send them again."""
        box.buffer.recut(lanes)
        with self.changed:
            self._let_go(box)

    def sent(self, box: Outbox) -> None:
        """Redis has the rows in flight."""
        with self.changed:
            box.buffer.answer()
            self._answered(box)
            self._let_go(box)

    def stepped(self, box: Outbox, step: Step) -> None:
        """A step through the spool of an outbox is done."""
        with self.changed:
            box.stepped(step)
            if step.answered:
                self._answered(box)
            self.notify()

    def not_sent(self, send: Send, failure: Failure) -> None:
        """Redis did not take a send."""
        now = time.monotonic()
        with self.changed:
            send.box.failed(failure, now)
            self.health.failed(failure, now)
            if send.spool is None:
                send.box.busy = False
            self.notify()

    # What the spooler calls.

    def next_write(self, until: float) -> Outbox | None:
        """Wait until rows should go to the disk; None at the time `until`, and when the publisher is closed."""
        with self.changed:
            while not self.closed and (now := time.monotonic()) < until:
                boxes = self.own.values()
                times = [(at, box) for box in boxes if (at := box.write_at(self.health.is_away)) is not None]
                due = self._due(times, now, until)
                if due:
                    box = min(due, key=lambda box: box.last_write)
                    box.begin_write(now)
                    return box
        return None

    def written(self, box: Outbox) -> None:
        """The rows in flight are on the disk."""
        with self.changed:
            box.buffer.spool()
            self._let_go(box)

    def not_written(self, box: Outbox, error: Exception) -> None:
        """The disk did not take the rows in flight."""
        with self.changed:
            self.health.add(error)
            box.not_written(time.monotonic(), full=isinstance(error, SpoolFull))
            self._let_go(box)

    def adopt(self, slot: Slot) -> None:
        """Take over the spools that a process left. Reads them, so it does not hold the lock meanwhile."""
        boxes = [self._with_spool(project_id, slot) for project_id in slot.projects()]
        with self.changed:
            self.adopted[slot] = boxes
            self.changed.notify_all()

    def release_adopted(self, *, unfinished_too: bool = False) -> None:
        """Leave slots that were adopted to other processes, once everything in them is sent."""
        with self.changed:
            for slot, boxes in list(self.adopted.items()):
                if unfinished_too or not any(box.buffer.spooled for box in boxes):
                    del self.adopted[slot]
                    slot.release()

    def every(self) -> list[Outbox]:
        """Return the outboxes of this process and those that were adopted."""
        return [*self.own.values(), *(box for boxes in self.adopted.values() for box in boxes)]

    def notify(self) -> None:
        """Wake everyone who waits; the caller holds the lock."""
        self.changed.notify_all()
        for listener in self.listeners:
            listener()

    def _due(self, times: list[tuple[float, Outbox]], now: float, until: float | None = None) -> list[Outbox]:
        """Return the outboxes whose time has come; when there are none, wait for the first, or for a change."""
        due = [box for at, box in times if at <= now]
        if not due:
            first = min([at for at, _ in times] + ([] if until is None else [until]), default=None)
            self.changed.wait(None if first is None else first - now)
        return due

    def _answered(self, box: Outbox) -> None:
        box.answered()
        self.health.answered()

    def _let_go(self, box: Outbox) -> None:
        box.busy = False
        self.notify()

    def _open(self, project_id: str) -> Outbox:
        self.own[project_id] = self._with_spool(project_id, self.slot)
        return self.own[project_id]

    def _with_spool(self, project_id: str, slot: Slot | None) -> Outbox:
        spool = slot.spool(project_id, self.spool_bytes) if slot else None
        rows = spool.rows if spool else 0
        buffer = ProjectBuffer(self.limits, accepted=rows, spooled=rows)
        return Outbox(project_id, buffer, spool, self.max_rows // 2, self.max_bytes // 2)

    def _has_room(self, buffer: ProjectBuffer) -> bool:
        return buffer.rows_in_memory < self.max_rows and buffer.bytes_in_memory < self.max_bytes

    def _wait_for_room(self, buffer: ProjectBuffer, block_seconds: float) -> bool:
        def room() -> bool:
            return self.closed or self._has_room(buffer)

        return self.changed.wait_for(room, block_seconds) if block_seconds > 0 else room()
