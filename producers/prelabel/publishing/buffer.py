"""The buffered rows of one project, and how they are cut into frames; without threads, a clock or Redis."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from prelabel.wire.frame import encode_frame
from prelabel.wire.lanes import DEFAULT_LANES, lane_of


class Row(NamedTuple):
    """A checked message: the key of its data row, its JSON on one line, and the number of its slow annotations."""

    data_row_key: str
    raw: bytes
    slow: int


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


@dataclass
class ProjectBuffer:
    """The rows of one project that Redis does not have yet, in the order in which they were published.

    Rows on the disk were published before the rows in flight, and these before the waiting rows.
    """

    #: The limits of sends and frames.
    limits: Limits
    #: The number of lanes to cut frames for.
    lanes: int = DEFAULT_LANES
    #: Rows in memory that are not in flight.
    waiting: deque[Row] = field(default_factory=deque)
    #: Bytes of the waiting rows' messages.
    waiting_bytes: int = 0
    #: Rows that a thread is sending, or writing to the disk.
    in_flight: list[Row] = field(default_factory=list)
    #: Bytes of the messages in flight.
    in_flight_bytes: int = 0
    #: The frames of the rows in flight once they are cut; kept, so that a repeated send has the same ids.
    frames: list[bytes] = field(default_factory=list)
    #: Since when the waiting rows wait, by the clock of `add`.
    oldest: float = 0.0
    #: Rows ever accepted, including the rows that were on the disk at the start.
    accepted: int = 0
    #: Rows on the disk.
    spooled: int = 0
    #: Rows that Redis has, or that were set aside.
    answered: int = 0
    #: Until `answered` reaches this number, rows do not wait for more rows.
    flush_until: int = 0

    def add(self, row: Row, now: float) -> None:
        """Accept a row at the end."""
        if not self.waiting:
            self.oldest = now
        self.waiting.append(row)
        self.waiting_bytes += len(row.raw)
        self.accepted += 1

    @property
    def rows(self) -> int:
        """Return the number of rows that Redis does not have yet."""
        return self.accepted - self.answered

    @property
    def rows_in_memory(self) -> int:
        """Return the number of rows that a crash of the process would lose."""
        return len(self.waiting) + len(self.in_flight)

    @property
    def bytes_in_memory(self) -> int:
        """Return the bytes of the messages of the rows in memory."""
        return self.waiting_bytes + self.in_flight_bytes

    def ready_at(self) -> float | None:
        """Return from when the rows in memory need not wait for more rows, 0 for at once; None if there are none."""
        if self.in_flight:
            return 0.0
        if not self.waiting:
            return None
        full = len(self.waiting) >= self.limits.send_rows or self.waiting_bytes >= self.limits.send_bytes
        if full or self.flush_until > self.answered:
            return 0.0
        return self.oldest + self.limits.linger_seconds

    def flush(self) -> int:
        """Make all rows accepted so far ready to be sent; return the count of accepted rows."""
        self.flush_until = self.accepted
        return self.accepted

    def cut(self, now: float) -> list[bytes]:
        """Return the frames of the next send: the same frames until `answer`, `spool` or `recut` is called."""
        self.take(now)
        return self.encode()

    def take(self, now: float) -> None:
        """Put the oldest waiting rows in flight, unless other rows are in flight already."""
        if self.in_flight:
            return
        while self.waiting and len(self.in_flight) < self.limits.send_rows:
            size = self.in_flight_bytes + len(self.waiting[0].raw)
            if self.in_flight and size > self.limits.send_bytes:
                break
            self.in_flight.append(self.waiting.popleft())
            self.in_flight_bytes = size
        self.waiting_bytes -= self.in_flight_bytes
        self.oldest = now

    def encode(self) -> list[bytes]:
        """Return the frames of the rows in flight; compresses them first, and nothing else may touch them meanwhile."""
        if not self.frames:
            self.frames = list(frames_of(self.in_flight, self.lanes, self.limits))
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
        self.frames = list(frames_of(self.in_flight, lanes, self.limits))

    def _let_go(self) -> None:
        self.in_flight, self.frames, self.in_flight_bytes = [], [], 0


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
    """Cut rows at whichever limit of a frame comes first; a row that exceeds a limit alone gets its own frame."""
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
