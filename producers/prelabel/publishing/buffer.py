"""Rows of one project on their way into frames: pure, without threads, time or Redis.

`Publisher` puts a thread around it; an asyncio publisher can put a task around the same.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from prelabel.wire.frame import encode_frame
from prelabel.wire.lanes import DEFAULT_LANES, lane_of


class Row(NamedTuple):
    """A checked message that waits: its data row key, its JSON in one line, its slow annotations."""

    data_row_key: str
    raw: bytes
    slow: int


@dataclass(frozen=True, slots=True)
class Limits:
    """When rows are sent, and how much of them goes into one frame and one send."""

    send_rows: int
    send_bytes: int
    frame_rows: int
    frame_bytes: int
    frame_slow: int
    linger_seconds: float


@dataclass
class ProjectBuffer:
    """The rows of one project that Redis does not have yet, in the order they were published.

    Those that are on the disk (`spooled` counts them) were published before those in flight, and these before those
    that wait.
    """

    limits: Limits
    lanes: int = DEFAULT_LANES
    waiting: deque[Row] = field(default_factory=deque)
    waiting_bytes: int = 0
    in_flight: list[Row] = field(default_factory=list)
    in_flight_bytes: int = 0
    frames: list[bytes] = field(default_factory=list)
    oldest: float = 0.0
    retry_at: float = 0.0
    accepted: int = 0
    spooled: int = 0
    answered: int = 0
    flush_until: int = 0

    def add(self, row: Row, now: float) -> None:
        """Take a row at the end."""
        if not self.waiting:
            self.oldest = now
        self.waiting.append(row)
        self.waiting_bytes += len(row.raw)
        self.accepted += 1

    @property
    def rows(self) -> int:
        """Rows that are still the publisher's."""
        return self.accepted - self.answered

    @property
    def rows_in_memory(self) -> int:
        """Rows that a crash of the process would take with it."""
        return len(self.waiting) + len(self.in_flight)

    @property
    def bytes_in_memory(self) -> int:
        """Bytes of these rows' messages."""
        return self.waiting_bytes + self.in_flight_bytes

    def due_at(self) -> float | None:
        """When the next send should go, on the clock of `add`; None when there is nothing to send."""
        ready = self.ready_at()
        return None if ready is None else max(self.retry_at, ready)

    def ready_at(self) -> float | None:
        """When the rows in memory have waited long enough for company; None when there are none."""
        if self.in_flight:
            return 0.0
        if not self.waiting:
            return None
        full = len(self.waiting) >= self.limits.send_rows or self.waiting_bytes >= self.limits.send_bytes
        if full or self.flush_until > self.answered:
            return 0.0
        return self.oldest + self.limits.linger_seconds

    def cut(self, now: float) -> list[bytes]:
        """The frames of the next send; the same ones again until `answer`, `spool` or `recut` is called."""
        self.take(now)
        return self.encode()

    def take(self, now: float) -> None:
        """Begin a send with the rows at the head, unless one is in flight."""
        if not self.in_flight:
            self._take(now)

    def encode(self) -> list[bytes]:
        """The frames of what was taken. It compresses; nothing else may touch what is in flight meanwhile."""
        if not self.frames:
            self.frames = list(frames_of(self.in_flight, self.lanes, self.limits))
        return self.frames

    def answer(self) -> None:
        """Redis has what was in flight."""
        self.answered += len(self.in_flight)
        self._let_go()
        self.retry_at = 0.0

    def spool(self) -> None:
        """What was in flight is on the disk."""
        self.spooled += len(self.in_flight)
        self._let_go()

    def unspool(self, rows: int) -> None:
        """So many rows at the head of the spool are on the disk no more: Redis has them, or they were set aside."""
        self.spooled -= rows
        self.answered += rows
        self.retry_at = 0.0

    def recut(self, lanes: int) -> None:
        """The frames were refused, all of them: cut the same rows for this number of lanes."""
        self.lanes = lanes
        self.frames = list(frames_of(self.in_flight, lanes, self.limits))

    def _let_go(self) -> None:
        self.in_flight, self.frames, self.in_flight_bytes = [], [], 0

    def _take(self, now: float) -> None:
        taken = 0
        while self.waiting and len(self.in_flight) < self.limits.send_rows:
            if self.in_flight and taken + len(self.waiting[0].raw) > self.limits.send_bytes:
                break
            row = self.waiting.popleft()
            taken += len(row.raw)
            self.in_flight.append(row)
        self.waiting_bytes -= taken
        self.in_flight_bytes = taken
        self.oldest = now


def frames_of(rows: Iterable[Row], lanes: int, limits: Limits) -> Iterator[bytes]:
    """Cut rows into frames with new ids; rows of one lane keep their order."""
    by_lane: dict[int, list[Row]] = {}
    for row in rows:
        by_lane.setdefault(lane_of(row.data_row_key, lanes), []).append(row)
    for lane, lane_rows in by_lane.items():
        for part in _parts(lane_rows, limits):
            yield encode_frame(
                [row.raw for row in part],
                lane=lane,
                lanes=lanes,
                slow=sum(row.slow for row in part),
                form=part[0].data_row_key[0],
            )


def _parts(rows: list[Row], limits: Limits) -> Iterator[list[Row]]:
    """Cut at whichever limit of a frame comes first; a row above a limit is a frame of its own."""
    part: list[Row] = []
    size = slow = 0
    for row in rows:
        over = (
            len(part) >= limits.frame_rows
            or size + len(row.raw) > limits.frame_bytes
            or slow + row.slow > limits.frame_slow
        )
        if part and over:
            yield part
            part, size, slow = [], 0, 0
        part.append(row)
        size += len(row.raw) + 1
        slow += row.slow
    if part:
        yield part
