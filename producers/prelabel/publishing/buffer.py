"""The buffered rows of one project, and how they are cut into frames; without threads, a clock or Redis."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import attrgetter

import msgspec

from prelabel.tracing import MAX_TRACES, distinct
from prelabel.wire.frame import (
    MAX_FRAME_BYTES,
    MAX_FRAME_ROWS,
    MAX_SHARED_BYTES,
    MAX_SHARED_ROWS,
    encode_frame,
    encode_shared_frame,
)
from prelabel.wire.lanes import DEFAULT_LANES, lane_of


class Row(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A checked message.

    The garbage collector does not track rows: tens of thousands wait here, and it would look at all of them again and
    again. Journals have rows as arrays, so new fields come last and have defaults.
    """

    #: The key of its data row, see `prelabel.validation.gate.data_row_key`.
    data_row_key: str
    #: Its JSON on one line.
    raw: bytes
    #: The number of its slow annotations.
    slow: int
    #: The context of the span in which it was published, see `prelabel.tracing`; empty for none.
    trace: bytes = b""


@dataclass(frozen=True, slots=True)
class Limits:
    """When rows are sent, and how much goes into one send and one frame."""

    #: This many rows are sent without waiting for more; also the maximum rows of one send.
    send_rows: int
    #: The same in bytes of messages.
    send_bytes: int
    #: Maximum rows of one frame.
    frame_rows: int
    #: Maximum bytes of messages in one frame.
    frame_bytes: int
    #: Maximum slow annotations in one frame.
    frame_slow: int
    #: How long a row waits for more rows before it is sent.
    linger_seconds: float


@dataclass(slots=True)
class Batch:
    """The rows of one send.

    They are gathered here when they are added. To count and copy them later, when they have left the processor's
    caches, would take 0.2 µs a row, during which `publish()` waits.
    """

    rows: list[Row]
    #: Bytes of their messages.
    bytes: int

    def is_full(self, limits: Limits) -> bool:
        """Return whether it has as many rows or bytes as a send may have."""
        return len(self.rows) >= limits.send_rows or self.bytes >= limits.send_bytes


@dataclass(slots=True)
class ProjectBuffer:
    """The rows of one project that Redis does not have yet, in the order in which they were published.

    Rows on the disk were published before the rows in flight, and these before the waiting rows.
    """

    #: The limits of sends and frames.
    limits: Limits
    #: The number of lanes to cut frames for.
    lanes: int = DEFAULT_LANES
    #: Rows in memory that are not in flight, as the next sends; rows are added to the last one.
    waiting: deque[Batch] = field(default_factory=deque)
    #: Rows that a thread is sending, or writing to the disk.
    in_flight: list[Row] = field(default_factory=list)
    #: Bytes of the messages in flight.
    in_flight_bytes: int = 0
    #: The frames of the rows in flight once they are cut; kept, so that a repeated send has the same ids.
    frames: list[bytes] = field(default_factory=list)
    #: The context of the span that sends the rows in flight first; empty for none.
    trace: bytes = b""
    #: Since when the waiting rows wait, by the clock of `add`.
    oldest: float = 0.0
    #: Number of rows that are neither in Redis nor in the spool.
    rows_in_memory: int = 0
    #: Bytes of their messages.
    bytes_in_memory: int = 0
    #: Rows ever accepted, including the rows that were on the disk at the start.
    accepted: int = 0
    #: Rows on the disk.
    spooled: int = 0
    #: Rows that Redis has, or that were set aside.
    answered: int = 0
    #: Until `answered` reaches this number, rows do not wait for more rows.
    flush_until: int = 0
    #: Until this number of rows has left the memory, rows should go to the disk before they are sent.
    disk_until: int = 0

    def add(self, row: Row, now: float) -> bool:
        """Accept a row at the end; return whether the rows in memory may be ready earlier than before."""
        size, waiting, limits = len(row.raw), self.waiting, self.limits
        self.accepted += 1
        self.rows_in_memory += 1
        self.bytes_in_memory += size
        if not waiting:
            waiting.append(Batch([row], size))
            self.oldest = now
            return True
        batch = waiting[-1]
        rows, after = batch.rows, batch.bytes + size
        if len(rows) < limits.send_rows and after <= limits.send_bytes:
            rows.append(row)
            batch.bytes = after
            return len(rows) == limits.send_rows or after == limits.send_bytes
        waiting.append(Batch([row], size))
        return not batch.is_full(limits)

    @property
    def rows(self) -> int:
        """Return the number of rows that Redis does not have yet."""
        return self.accepted - self.answered

    @property
    def left(self) -> int:
        """Return how many rows have left the memory: Redis or the disk has them."""
        return self.answered + self.spooled

    def has_room(self, max_rows: int, max_bytes: int) -> bool:
        """Return whether a row may be added, with at most so many rows and bytes in memory before it."""
        return self.rows_in_memory < max_rows and self.bytes_in_memory < max_bytes

    def ready_at(self) -> float | None:
        """Return from when the rows in memory need not wait for more rows, 0 for at once; None if there are none."""
        if self.in_flight:
            return 0.0
        if not self.waiting:
            return None
        if len(self.waiting) > 1 or self.waiting[0].is_full(self.limits) or self.flush_until > self.answered:
            return 0.0
        return self.oldest + self.limits.linger_seconds

    @property
    def goes_by_disk(self) -> bool:
        """Return whether a caller waits for rows in memory to be on the disk."""
        return self.disk_until > self.left

    def flush(self, *, by_disk: bool = False) -> int:
        """Make all rows accepted so far ready to be sent; return the count of accepted rows."""
        self.flush_until = self.accepted
        if by_disk:
            self.disk_until = self.accepted
        return self.accepted

    def cut(self, now: float) -> list[bytes]:
        """Return the frames of the next send: the same frames until `answer`, `spool` or `recut` is called."""
        self.take(now)
        return self.encode()

    def take(self, now: float) -> None:
        """Put the oldest waiting rows in flight, unless other rows are in flight already."""
        if self.in_flight or not self.waiting:
            return
        batch = self.waiting.popleft()
        self.in_flight, self.in_flight_bytes = batch.rows, batch.bytes
        self.oldest = now

    def in_memory(self) -> Iterator[Row]:
        """Return the rows in memory, oldest first."""
        return chain(self.in_flight, *(batch.rows for batch in self.waiting))

    def encode(self, trace: bytes = b"") -> list[bytes]:
        """Return the frames of the rows in flight; compresses them first, and nothing else may touch them meanwhile.

        `trace` is the context of the send, for rows that were published in no span.
        """
        self.trace = self.trace or trace
        if not self.frames:
            self.frames = list(frames_of(self.in_flight, self.lanes, self.limits, self.trace))
        return self.frames

    def answer(self) -> None:
        """Forget the rows in flight: Redis has them."""
        self.answered += len(self.in_flight)
        self._let_go()

    def spool(self) -> None:
        """Forget the rows in flight: they are on the disk."""
        self.spooled += len(self.in_flight)
        self._let_go()

    def unspool(self, rows: int) -> None:
        """Remove `rows` from the head of the spool: Redis has them, or they were set aside."""
        self.spooled -= rows
        self.answered += rows

    def recut(self, lanes: int) -> None:
        """Cut the rows in flight again, for another number of lanes, after Redis refused all of their frames."""
        self.lanes = lanes
        self.frames = list(frames_of(self.in_flight, lanes, self.limits, self.trace))

    def _let_go(self) -> None:
        self.rows_in_memory -= len(self.in_flight)
        self.bytes_in_memory -= self.in_flight_bytes
        self.in_flight, self.frames, self.in_flight_bytes, self.trace = [], [], 0, b""


def frames_of(rows: Iterable[Row], lanes: int, limits: Limits, trace: bytes = b"") -> Iterator[bytes]:
    """Cut rows into frames with new ids; rows of one lane keep their order.

    Few rows of several lanes are one frame: that is smaller than one for each lane, and costs Redis less. They are not
    if one frame cannot name all their traces.
    """
    by_lane: list[list[Row]] = [[] for _ in range(lanes)]
    for row in rows:
        by_lane[lane_of(row.data_row_key, lanes)].append(row)
    parts = [(lane, lane_rows) for lane, lane_rows in enumerate(by_lane) if lane_rows]
    in_order = list(chain.from_iterable(by_lane))
    can_share = len(parts) > 1 and _fit(in_order, limits, MAX_SHARED_ROWS, MAX_SHARED_BYTES)
    if can_share and len(contexts := traces_of(in_order)) <= MAX_TRACES:
        yield encode_shared_frame(
            [(lane, [row.raw for row in part], sum([row.slow for row in part])) for lane, part in parts],
            lanes=lanes,
            form=in_order[0].data_row_key[0],
            traces=distinct(contexts, trace),
        )
        return
    for lane, lane_rows in parts:
        for part in _parts(lane_rows, limits):
            yield encode_frame(
                [row.raw for row in part],
                lane=lane,
                lanes=lanes,
                slow=sum([row.slow for row in part]),
                form=part[0].data_row_key[0],
                traces=distinct(traces_of(part), trace),
            )


def traces_of(rows: Sequence[Row]) -> dict[bytes, None]:
    """Return the contexts of rows, each once and in order; of many, those that are enough to name."""
    traces = dict.fromkeys(map(_TRACE, rows[:_LOOK_ROWS]))
    if len(traces) <= MAX_TRACES:
        traces |= dict.fromkeys(map(_TRACE, rows[_LOOK_ROWS:]))
    return traces


_TRACE = attrgetter("trace")
_LOOK_ROWS = 2 * MAX_TRACES


def _parts(rows: list[Row], limits: Limits) -> Iterator[list[Row]]:
    """Cut rows of a lane into those of each frame."""
    for first in range(0, len(rows), limits.frame_rows):
        part = rows[first : first + limits.frame_rows]
        if _fit(part, limits):  # in nearly all sends
            yield part
        else:
            yield from _smaller(part, limits)


def _smaller(rows: list[Row], limits: Limits) -> Iterator[list[Row]]:
    """Cut rows at the bytes or slow annotations of a frame; a row that exceeds a limit alone gets its own frame."""
    part: list[Row] = []
    size = slow = 0
    for row in rows:
        if part and (size + len(row.raw) > limits.frame_bytes or slow + row.slow > limits.frame_slow):
            yield part
            part, size, slow = [], 0, 0
        part.append(row)
        size += len(row.raw) + 1
        slow += row.slow
    yield part


def _fit(rows: Sequence[Row], limits: Limits, max_rows: int = MAX_FRAME_ROWS, max_bytes: int = MAX_FRAME_BYTES) -> bool:
    """Return whether all these rows fit one frame, which has at most so many rows and bytes."""
    return (
        len(rows) <= min(limits.frame_rows, max_rows)
        and sum([len(row.raw) for row in rows]) + len(rows) <= min(limits.frame_bytes, max_bytes)
        and sum([row.slow for row in rows]) <= limits.frame_slow
    )
