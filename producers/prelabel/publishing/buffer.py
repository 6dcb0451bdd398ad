"""The buffered rows of one project, and how they are cut into frames; without threads, a clock or Redis."""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import attrgetter

import msgspec

from prelabel.tracing import MAX_TRACES, distinct
from prelabel.wire.frame import MAX_SHARED_BYTES, MAX_SHARED_ROWS, FrameBody, encode_frames, encode_shared_frame
from prelabel.wire.lanes import DEFAULT_LANES, lane_of


class Row(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A checked message. Journals have rows as arrays, so new fields come last and have defaults."""

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


class Part(msgspec.Struct, frozen=True, gc=False):
    """Rows of one lane that follow each other and fit one frame."""

    #: Their lane.
    lane: int
    #: The number of rows.
    rows: int
    #: Their messages, with line breaks between them.
    body: bytes
    #: The number of slow annotations in them.
    slow: int
    #: How the first of them names its data row, see `FrameHeader.form`.
    form: str
    #: Their contexts, each once; of many, those that are enough to name.
    traces: dict[bytes, None]


class Pack:
    """Rows that follow each other, sorted by lane."""

    __slots__ = ("_keys", "_lanes", "_marks", "parts")

    def __init__(self, rows: Sequence[Row], lanes: int, limits: Limits) -> None:
        #: See `_parts_of`.
        self.parts = _parts_of(rows, lanes, limits)
        self._lanes = lanes
        self._keys = [row.data_row_key for row in rows]
        self._marks = {at: (row.slow, row.trace) for at, row in enumerate(rows) if row.slow or row.trace}

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._keys)

    def __iter__(self) -> Iterator[Row]:
        """Yield the rows, oldest first."""
        messages: defaultdict[int, list[bytes]] = defaultdict(list)
        for part in self.parts:
            messages[part.lane] += part.body.split(b"\n")
        left = {lane: iter(of_lane) for lane, of_lane in messages.items()}
        for at, key in enumerate(self._keys):
            yield Row(key, next(left[lane_of(key, self._lanes)]), *self._marks.get(at, _UNMARKED))

    def traces(self) -> dict[bytes, None]:
        """Return the contexts of the rows, each once and oldest first."""
        marks = self._marks  # none, where nothing is traced
        return dict.fromkeys([marks.get(at, _UNMARKED)[1] for at in range(len(self))] if marks else [b""])


@dataclass(slots=True)
class Batch:
    """The rows of one send.

    Rows are packed soon after they were added. To sort and copy them when the send is cut, when they have left the
    processor's caches, would take several times as long, and `publish()` waits meanwhile. Of a packed row there is no
    object but its key.
    """

    #: The number of lanes to cut frames for.
    lanes: int
    #: The limits of sends and frames.
    limits: Limits
    #: Rows, oldest first: packs, then the newest rows. One list, so that an interrupt (Ctrl-C) finds each row once.
    items: list[Pack | Row] = field(default_factory=list)
    #: The number of rows, to compare with the limits of a send.
    rows: int = 0
    #: Bytes of their messages, for the same.
    size: int = 0
    #: With so many items, the newest rows are packed.
    pack_at: int = MAX_SHARED_ROWS + 1

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.items) + sum([len(pack) - 1 for pack in self._packs()])

    def __iter__(self) -> Iterator[Row]:
        """Yield the rows, oldest first."""
        for item in self.items:
            if isinstance(item, Pack):
                yield from item
            else:
                yield item

    def add(self, row: Row) -> None:
        """Add a row at the end."""
        self.items.append(row)
        self.rows += 1
        self.size += len(row.raw)
        if len(self.items) == self.pack_at:
            self._pack()

    def _pack(self) -> None:
        rows = self._newest()
        self.items[-len(rows) :] = [Pack(rows, self.lanes, self.limits)]
        self.pack_at = len(self.items) + MAX_SHARED_ROWS

    def _packs(self) -> list[Pack]:
        if not self.items or isinstance(self.items[0], Row):  # there are none among few rows
            return []
        return [item for item in self.items if isinstance(item, Pack)]

    def _newest(self) -> list[Row]:
        """Return the rows that are not packed."""
        return [item for item in self.items if not isinstance(item, Pack)]

    def is_full(self) -> bool:
        """Return whether it has as many rows or bytes as a send may have."""
        return self.rows >= self.limits.send_rows or self.size >= self.limits.send_bytes

    def traces(self) -> dict[bytes, None]:
        """Return the contexts of the rows, each once and oldest first; of many, those that are enough to name."""
        contexts: dict[bytes, None] = {}
        for pack in self._packs():
            contexts |= pack.traces()
            if len(contexts) > MAX_TRACES:
                return contexts
        return contexts | dict.fromkeys(map(_TRACE, self._newest()))

    def frames(self, trace: bytes = b"") -> list[bytes]:
        """Return the rows as frames with new ids; rows of one lane keep their order.

        Few rows of several lanes are one frame: that is smaller than one for each lane, and costs Redis less. They are
        not if one frame cannot name all their traces. `trace` is the context of rows that have none.
        """
        packs, newest = self._packs(), _parts_of(self._newest(), self.lanes, self.limits)
        parts = sorted([*chain.from_iterable([pack.parts for pack in packs]), *newest], key=_LANE)
        joined = list(_joined(parts, self.limits)) if packs else parts
        if _can_share(joined, self.limits) and len(contexts := _contexts(joined)) <= MAX_TRACES:
            shared = [(part.lane, part.rows, part.body, part.slow) for part in joined]
            traces = distinct(contexts, trace)
            return [encode_shared_frame(shared, lanes=self.lanes, form=joined[0].form, traces=traces)]
        bodies = [
            FrameBody(part.lane, part.rows, part.body, part.slow, part.form, distinct(part.traces, trace))
            for part in joined
        ]
        return encode_frames(bodies, lanes=self.lanes)


_UNMARKED = 0, b""
_LANE = attrgetter("lane")
_TRACE = attrgetter("trace")


def gathered(rows: Iterable[Row], lanes: int, limits: Limits) -> Batch:
    """Return rows as one batch."""
    batch = Batch(lanes, limits)
    for row in rows:
        batch.add(row)
    return batch


def _parts_of(rows: Iterable[Row], lanes: int, limits: Limits) -> list[Part]:
    """Sort rows by lane, and cut them at the limits of a frame; those of one lane stay in order."""
    by_lane: defaultdict[int, list[Row]] = defaultdict(list)
    for row in rows:
        by_lane[lane_of(row.data_row_key, lanes)].append(row)
    parts: list[Part] = []
    for lane, lane_rows in by_lane.items():
        part = _part(lane, lane_rows)
        if part.rows <= limits.frame_rows and len(part.body) < limits.frame_bytes and part.slow <= limits.frame_slow:
            parts.append(part)  # nearly always
        else:
            parts += [_part(lane, some) for some in _within(lane_rows, limits)]
    return parts


def _part(lane: int, rows: Sequence[Row]) -> Part:
    return Part(
        lane,
        len(rows),
        b"\n".join([row.raw for row in rows]),
        sum([row.slow for row in rows]),
        rows[0].data_row_key[0],
        dict.fromkeys(map(_TRACE, rows)),
    )


def _within(rows: Sequence[Row], limits: Limits) -> Iterator[Sequence[Row]]:
    """Cut rows of a lane at the limits of a frame; a row that exceeds one alone is alone."""
    first = size = slow = 0
    for at, row in enumerate(rows):
        size += len(row.raw) + 1
        slow += row.slow
        if at > first and (at - first == limits.frame_rows or size > limits.frame_bytes or slow > limits.frame_slow):
            yield rows[first:at]
            first, size, slow = at, len(row.raw) + 1, row.slow
    if rows:
        yield rows[first:]


def _joined(parts: Iterable[Part], limits: Limits) -> Iterator[Part]:
    """Join parts of one lane as far as the limits of a frame allow; they come by lane, and in order."""
    group: list[Part] = []
    rows = size = slow = 0
    for part in parts:
        rows, size, slow = rows + part.rows, size + len(part.body) + 1, slow + part.slow
        fits = rows <= limits.frame_rows and size <= limits.frame_bytes and slow <= limits.frame_slow
        if group and not (fits and part.lane == group[0].lane):
            yield _join(group)
            group, rows, size, slow = [], part.rows, len(part.body) + 1, part.slow
        group.append(part)
    if group:
        yield _join(group)


def _join(parts: Sequence[Part]) -> Part:
    first = parts[0]
    if len(parts) == 1:
        return first
    return Part(
        first.lane,
        sum([part.rows for part in parts]),
        b"\n".join([part.body for part in parts]),
        sum([part.slow for part in parts]),
        first.form,
        _contexts(parts),
    )


def _can_share(parts: Sequence[Part], limits: Limits) -> bool:
    """Return whether these are parts of several lanes that fit one frame."""
    rows = sum([part.rows for part in parts])
    return (
        len(parts) > 1
        and rows <= min(limits.frame_rows, MAX_SHARED_ROWS)
        and sum([len(part.body) + 1 for part in parts]) <= min(limits.frame_bytes, MAX_SHARED_BYTES)
        and sum([part.slow for part in parts]) <= limits.frame_slow
    )


def _contexts(parts: Iterable[Part]) -> dict[bytes, None]:
    return dict.fromkeys(chain.from_iterable([part.traces for part in parts]))


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
    in_flight: Batch = field(init=False)
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

    def __post_init__(self) -> None:
        self.in_flight = Batch(self.lanes, self.limits)

    def add(self, row: Row, now: float) -> bool:
        """Accept a row at the end; return whether the rows in memory may be ready earlier than before."""
        size, waiting, limits = len(row.raw), self.waiting, self.limits
        self.accepted += 1
        self.rows_in_memory += 1
        self.bytes_in_memory += size
        sooner = True
        if waiting:
            batch = waiting[-1]
            rows, after = batch.rows + 1, batch.size + size
            if rows <= limits.send_rows and after <= limits.send_bytes:
                batch.add(row)
                return rows == limits.send_rows or after == limits.send_bytes
            sooner = not batch.is_full()
        else:
            self.oldest = now
        waiting.append(gathered([row], self.lanes, limits))
        return sooner

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
        if len(self.waiting) > 1 or self.waiting[0].is_full() or self.flush_until > self.answered:
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
        self.in_flight = self.waiting.popleft()
        self.oldest = now

    def in_memory(self) -> Iterator[Row]:
        """Return the rows in memory, oldest first."""
        return chain(self.in_flight, *self.waiting)

    def encode(self, trace: bytes = b"") -> list[bytes]:
        """Return the frames of the rows in flight; compresses them first, and nothing else may touch them meanwhile.

        `trace` is the context of the send, for rows that were published in no span.
        """
        self.trace = self.trace or trace
        if not self.frames:
            if self.in_flight.lanes != self.lanes:
                self.in_flight = gathered(self.in_flight, self.lanes, self.limits)
            self.frames = self.in_flight.frames(self.trace)
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
        self.lanes, self.frames = lanes, []
        self.encode()

    def _let_go(self) -> None:
        self.rows_in_memory -= len(self.in_flight)
        self.bytes_in_memory -= self.in_flight.size
        self.in_flight, self.frames, self.trace = Batch(self.lanes, self.limits), [], b""
