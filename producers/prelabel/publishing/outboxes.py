"""The outboxes of all projects under one lock, and the only place that changes them.

The sender and the spooler are loops around it: each asks what to do next, does it without the lock, and reports the
result. Callers of `publish()`, `flush()` and `close()` wait here for these results.
"""

import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from prelabel.errors import PublisherClosed
from prelabel.publishing.buffer import Limits, ProjectBuffer, Row
from prelabel.publishing.journal import Accepted, Cut, Journal
from prelabel.publishing.outbox import Outbox, Step
from prelabel.publishing.retry import Failure, RedisHealth
from prelabel.spool.files import ProjectSpool, SpoolFull
from prelabel.spool.slots import Slot

EARLY = 0.25
"""Share of `linger_seconds` by which rows are sent earlier, if another project is sent just then."""


class Send(NamedTuple):
    """The next send: the first frames of `spool`, or if that is None, the rows in flight."""

    box: Outbox
    spool: ProjectSpool | None


@dataclass(frozen=True, slots=True)
class Flush:
    """The rows that a `flush()` waits for: all that were published before it began."""

    #: The count of `answered` to wait for, for each buffer.
    goals: list[tuple[ProjectBuffer, int]]
    health: RedisHealth
    refusals_before: int

    def remaining(self) -> int:
        """Return how many of these rows Redis does not have yet."""
        return sum(max(0, goal - buffer.answered) for buffer, goal in self.goals)

    def in_memory(self) -> int:
        """Return how many of these rows are neither in Redis nor on the disk yet."""
        return sum(max(0, goal - buffer.answered - buffer.spooled) for buffer, goal in self.goals)

    def is_refused(self) -> bool:
        """Return whether Redis has refused a send for a reason that waiting cannot fix."""
        return self.health.refusals > self.refusals_before

    def is_over(self) -> bool:
        """Return whether Redis has all of these rows, or has refused a send for a reason that waiting cannot fix."""
        return self.is_refused() or self.remaining() == 0


@dataclass(frozen=True, slots=True)
class HandOver:
    """The rows that a closing publisher tries to send to Redis, although they may be on the disk already."""

    flush: Flush
    #: Each outbox, with its number of failed sends when the hand-over began.
    boxes: list[tuple[Outbox, int]]
    failures_before: int

    def is_over(self) -> bool:
        """Return whether further waiting is useless.

        It is if Redis has all rows, or if the disk has the other rows and one more send of them has failed.
        """
        health = self.flush.health
        is_down = health.is_away and health.retry.failures > self.failures_before
        return self.flush.remaining() == 0 or all(
            not box.buffer.rows or (box.is_on_disk and (is_down or (box.refused and box.retry.failures > failures)))
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
    #: Maximum projects of one round trip.
    most_projects: int
    #: Where this process has its spools; None without a `spool_dir`.
    slot: Slot | None = None
    #: Maximum bytes on the disk for one project.
    spool_bytes: int = 0
    #: Whether the rows in memory are in a journal too.
    journals: bool = False
    #: The lock of everything here. `put` takes it as it is: entering `changed` costs several times as much.
    lock: threading.RLock = field(default_factory=threading.RLock, init=False)
    #: The same lock as a condition; notified when there may be room, an answer or something to do.
    changed: threading.Condition = field(init=False)
    #: Where rows are for as long as they are in memory; None for nowhere.
    journal: Journal | None = field(default=None, init=False)
    #: The outboxes of this process by project.
    own: dict[str, Outbox] = field(default_factory=dict)
    #: The outboxes of processes that have ended, by their slots.
    adopted: dict[Slot, list[Outbox]] = field(default_factory=dict)
    #: Functions to call when there may be room or an answer, for callers that cannot wait for `changed`.
    listeners: list[Callable[[], None]] = field(default_factory=list)
    #: Whether the threads should end, and no more rows are accepted.
    closed: bool = False
    #: Whether Redis accepts sends, and why not.
    health: RedisHealth = field(default_factory=RedisHealth)
    #: When the sender will look for something to send, if nobody wakes it; -inf unless it sleeps.
    _sender_sleeps_until: float = -math.inf
    #: The same for the spooler.
    _spooler_sleeps_until: float = -math.inf

    def __post_init__(self) -> None:
        self.changed = threading.Condition(self.lock)
        if self.slot is not None and self.journals:
            self.journal = Journal(self.slot.journal, self._in_memory)
        for project_id in self.slot.projects() if self.slot else ():
            self._open(project_id)

    # Called by publishers.

    def put(self, project_id: str, row: Row, block_seconds: float) -> bool:
        """Accept a row, or return False if there is no room for it within `block_seconds`. Raises PublisherClosed."""
        self.lock.acquire()  # `with` takes twice as long
        try:
            box = self.own.get(project_id) or self._open(project_id)
            buffer = box.buffer
            if not buffer.has_room(self.max_rows, self.max_bytes) and not self._wait_for_room(buffer, block_seconds):
                return False
            if self.closed:
                raise PublisherClosed("the publisher is closed")
            sooner = buffer.add(row, time.monotonic())
            if self.journal is not None:
                self.journal.write(Accepted(project_id, buffer.accepted, row))
            if sooner:
                self._wake_for(box)
        finally:
            self.lock.release()
        return True

    def begin_flush(self, projects: Iterable[str] | None = None, *, by_disk: bool = False) -> Flush:
        """Make all rows published so far ready to be sent, and return them as something to wait for.

        `projects` restricts this to their rows. With `by_disk` rows go to the spool first, if there is one and it has
        room: then they are safe without an answer of Redis, however slow it is.
        """
        with self.changed:
            own = self.own
            boxes = own.values() if projects is None else [own[name] for name in projects if name in own]
            goals = [(box.buffer, box.buffer.flush(by_disk=by_disk)) for box in boxes]
            self.changed.notify_all()
            return Flush(goals, self.health, self.health.refusals)

    def begin_hand_over(self) -> HandOver:
        """Make all rows ready to be sent, even if Redis failed just now, and return them as something to wait for."""
        with self.changed:
            boxes = list(self.own.values())
            for retry in (self.health.retry, *(box.retry for box in boxes)):
                retry.at_once()
            failures = [(box, box.retry.failures) for box in boxes]
            return HandOver(self.begin_flush(), failures, self.health.retry.failures)

    def wait_for(self, done: Callable[[], bool], seconds: float | None) -> None:
        """Wait until `done()` returns True or the time is over; `done` is called with the lock held."""
        with self.changed:
            self.changed.wait_for(done, seconds)

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener`, from any thread, when there may be room or an answer; return a function that ends this."""
        with self.changed:
            self.listeners.append(listener)

        def stop() -> None:
            with self.changed:
                self.listeners.remove(listener)

        return stop

    def close(self) -> None:
        """Accept no more rows, and end the threads."""
        with self.changed:
            self.closed = True
            self.notify()

    def rest(self) -> Iterator[Outbox]:
        """Yield an outbox for each write that is needed to empty the memory, until the disk accepts no more rows.

        For the end of the process, after the threads have ended.
        """
        for box in self.own.values():
            with self.changed:
                box.begin_rest()
            while box.rest_can_be_written:
                with self.changed:
                    box.begin_write(time.monotonic())
                yield box

    def end_journal(self) -> None:
        """End the journal, after the threads have ended; its files stay if rows are in memory."""
        if self.journal is not None:
            self.journal.close(keep=self.rows_in_memory() > 0)

    def rows_in_memory(self) -> int:
        """Return how many rows are neither in the spool nor in Redis."""
        with self.changed:
            return sum(box.buffer.rows_in_memory for box in self.own.values())

    def rows_at_risk(self) -> int:
        """Return how many rows are lost if the process ends now."""
        return 0 if self.journal is not None and self.journal.is_complete else self.rows_in_memory()

    def spooled_rows(self) -> int:
        """Return how many rows are on the disk, including adopted spools."""
        with self.changed:
            return sum(max(0, box.buffer.spooled) for box in self.every())

    def take_set_aside(self) -> int:
        """Return how many rows were set aside since the last call."""
        with self.changed:
            rows = sum(box.set_aside for box in self.own.values())
            for box in self.own.values():
                box.set_aside = 0
            return rows

    # Called by the sender.

    def next_sends(self) -> list[Send]:
        """Wait until something should be sent; return the sends of one round trip, or none if the publisher is closed.

        The project whose last send is longest ago comes first. What others send from memory travels with it, as far as
        the limits of a send allow, also if they would be due a little later. A send from the spool travels alone.
        """
        with self.changed:
            while not self.closed:
                now = time.monotonic()
                times = [(at, box) for box in self.every() if (at := box.send_at()) is not None]
                first = max(min([at for at, _ in times], default=math.inf), self.health.retry.not_before)
                if first <= now:
                    soon = now + EARLY * self.limits.linger_seconds
                    may_go = [box for at, box in times if at <= soon and box.retry.not_before <= now]
                    return self._together(sorted(may_go, key=lambda box: box.last_send), now)
                self._sender_sleeps_until = first
                self.changed.wait(None if first == math.inf else first - now)
                self._sender_sleeps_until = -math.inf
        return []

    def _together(self, boxes: list[Outbox], now: float) -> list[Send]:
        """Begin to send the first of these outboxes, and those after it that may travel with it."""
        first, *others = boxes
        sends = [Send(first, first.begin_send(now))]
        if sends[0].spool is not None:
            return sends
        rows, size = len(first.buffer.in_flight), first.buffer.in_flight.size
        for box in others[: self.most_projects - 1]:
            if box.buffer.spooled > 0:
                continue
            rows += box.buffer.rows_in_memory
            size += box.buffer.bytes_in_memory
            if rows > self.limits.send_rows or size > self.limits.send_bytes:
                break
            sends.append(Send(box, box.begin_send(now)))
        return sends

    def frames(self, box: Outbox, trace: bytes = b"") -> list[bytes]:
        """Return the frames of the rows in flight. Only the thread that has these rows may call it; no lock is held.

        `trace` is the context of the send.
        """
        if not box.buffer.frames:
            box.buffer.encode(trace)
            self._write_cut(box)
        return box.buffer.frames

    def recut(self, box: Outbox, lanes: int) -> None:
        """Cut the rows in flight again, for another number of lanes, and let them be sent again."""
        box.buffer.recut(lanes)
        self._write_cut(box)
        with self.changed:
            self._let_go(box)

    def sent(self, boxes: Sequence[Outbox]) -> None:
        """Record that Redis has the rows in flight."""
        with self.changed:
            for box in boxes:
                box.buffer.answer()
                self._answered(box)
                box.busy = False
            self._rows_left(boxes)
            self.notify()

    def stepped(self, box: Outbox, step: Step) -> None:
        """Record a step through the spool of an outbox."""
        with self.changed:
            box.stepped(step)
            if step.answered:
                self._answered(box)
            self.notify()

    def not_sent(self, sends: Iterable[Send], failure: Failure) -> None:
        """Record that Redis did not accept sends that travelled together."""
        now = time.monotonic()
        with self.changed:
            for send in sends:
                send.box.failed(failure, now)
                if send.spool is None:
                    send.box.busy = False
            self.health.failed(failure, now)
            self.notify()

    # Called by the spooler.

    def next_write(self, until: float) -> Outbox | None:
        """Wait until rows should go to the disk, and return their outbox; None at the time `until`, or if closed."""
        with self.changed:
            while not self.closed and (now := time.monotonic()) < until:
                boxes = self.own.values()
                times = [(at, box) for box in boxes if (at := box.write_at(self.health.is_away)) is not None]
                due = [box for at, box in times if at <= now]
                if due:
                    box = min(due, key=lambda box: box.last_write)
                    box.begin_write(now)
                    return box
                self._spooler_sleeps_until = min([until, *(at for at, _ in times)])
                self.changed.wait(self._spooler_sleeps_until - now)
                self._spooler_sleeps_until = -math.inf
        return None

    def written(self, box: Outbox) -> None:
        """Record that the rows in flight are on the disk."""
        with self.changed:
            box.buffer.spool()
            self._rows_left([box])
            self._let_go(box)

    def not_written(self, box: Outbox, error: Exception) -> None:
        """Record that the disk did not accept the rows in flight."""
        with self.changed:
            self.health.add(error)
            box.not_written(time.monotonic(), full=isinstance(error, SpoolFull))
            self._let_go(box)

    def adopt(self, slot: Slot) -> None:
        """Take over the spools that another process left; they are read without the lock, since that takes time."""
        boxes = [self._with_spool(project_id, slot) for project_id in slot.projects()]
        with self.changed:
            self.adopted[slot] = boxes
            self.changed.notify_all()

    def release_adopted(self, *, unfinished_too: bool = False) -> None:
        """Release the adopted slots whose frames are all sent; `unfinished_too`: all adopted slots."""
        with self.changed:
            for slot, boxes in list(self.adopted.items()):
                if unfinished_too or not any(box.buffer.spooled for box in boxes):
                    del self.adopted[slot]
                    slot.release()

    def every(self) -> list[Outbox]:
        """Return the outboxes of this process and the adopted ones."""
        return [*self.own.values(), *(box for boxes in self.adopted.values() for box in boxes)]

    def notify(self) -> None:
        """Wake everyone who waits; the caller holds the lock."""
        self.changed.notify_all()
        for listener in self.listeners:
            listener()

    def _wake_for(self, box: Outbox) -> None:
        """Wake a thread that would look too late at a row that was added; usually others have waited longer."""
        send_at, write_at = box.send_at(), box.write_at(self.health.is_away)
        if (send_at is not None and send_at < self._sender_sleeps_until) or (
            write_at is not None and write_at < self._spooler_sleeps_until
        ):
            self.changed.notify_all()

    def _write_cut(self, box: Outbox) -> None:
        """Write the frames of the rows in flight to the journal, before they are sent or spooled."""
        if self.journal is not None:
            with self.lock:
                self.journal.write(_cut(box))

    def _rows_left(self, boxes: Iterable[Outbox]) -> None:
        if self.journal is not None:
            self.journal.rows_left({box.project_id: box.buffer.left for box in boxes})

    def _in_memory(self) -> Iterator[Accepted | Cut]:
        """Yield the records that a journal needs of the rows in memory; the caller holds the lock."""
        for box in self.own.values():
            buffer = box.buffer
            for number, row in enumerate(buffer.in_memory(), buffer.left + 1):
                yield Accepted(box.project_id, number, row)
            if buffer.frames:
                yield _cut(box)

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

    def _wait_for_room(self, buffer: ProjectBuffer, block_seconds: float) -> bool:
        def room() -> bool:
            return self.closed or buffer.has_room(self.max_rows, self.max_bytes)

        return self.changed.wait_for(room, block_seconds) if block_seconds > 0 else room()


def _cut(box: Outbox) -> Cut:
    buffer = box.buffer
    return Cut(box.project_id, buffer.left + len(buffer.in_flight), buffer.frames)
