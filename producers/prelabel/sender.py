"""The thread that talks to Redis: one send of one project at a time, repeated until it is answered."""

import logging
import time
from itertools import takewhile
from typing import NamedTuple

import redis

from prelabel.buffer import Limits, Row, frames_of
from prelabel.errors import InboxFull, MessageError, PrelabelError
from prelabel.frame import UnreadableFrame, read_messages, relaned
from prelabel.gate import prepare
from prelabel.inbox import Inbox, LanesDiffer, NotDurable
from prelabel.outbox import Outbox, Outboxes
from prelabel.spool import ProjectSpool, SpoolDamaged, made_at, rows_of

_log = logging.getLogger("prelabel.publisher")
_RETRY_SECONDS = (0.1, 0.2, 0.5, 1.0)


class _Send(NamedTuple):
    """Whose turn it is; `spool`: send from there, else what is in flight."""

    box: Outbox
    spool: ProjectSpool | None


class Sender:
    """Sends what is due, the project first that has waited longest for its turn.

    When Redis is away all projects wait for one trial of one of them; when it refuses one project's rows, only that
    project waits.
    """

    def __init__(self, outboxes: Outboxes, inbox: Inbox, spool_max_age_seconds: float) -> None:
        self._outboxes = outboxes
        self._inbox = inbox
        self._max_age = spool_max_age_seconds
        self._failures = 0
        self._not_before = 0.0

    def run(self) -> None:
        """Until the outboxes are closed."""
        while (send := self._next()) is not None:
            try:
                if send.spool is None:
                    self._send(send.box)
                else:
                    self._replay(send.box, send.spool)
            except (redis.RedisError, OSError, PrelabelError) as error:
                self._failed(send.box, error)
            except Exception as error:  # the thread must outlive it: rows are waiting
                _log.exception("a send of project %s failed in a way that nobody foresaw", send.box.project_id)
                self._failed(send.box, error)
            finally:
                if send.spool is None:
                    with self._outboxes.changed:
                        send.box.busy = False
                        self._outboxes.tell()

    def _next(self) -> _Send | None:
        """Wait for the next send; None when the outboxes are closed."""
        outboxes = self._outboxes
        with outboxes.changed:
            while not outboxes.closed:
                now = time.monotonic()
                times = [
                    (max(at, self._not_before), box) for box in outboxes.every() if (at := box.send_at()) is not None
                ]
                due = [box for at, box in times if at <= now]
                if due:
                    return self._begin(min(due, key=lambda box: box.served), now)
                outboxes.changed.wait(min(at for at, _ in times) - now if times else None)
        return None

    def _begin(self, box: Outbox, now: float) -> _Send:
        box.served = now
        if box.buffer.spooled:
            return _Send(box, box.spool)
        box.busy = True
        box.buffer.take(now)
        return _Send(box, None)

    def _send(self, box: Outbox) -> None:
        frames = box.buffer.encode()
        try:
            self._inbox.put(box.project_id, frames)
        except LanesDiffer as refusal:
            box.buffer.recut(refusal.lanes)
            return
        with self._outboxes.changed:
            box.buffer.answer()
            self._answered(box)

    def _replay(self, box: Outbox, spool: ProjectSpool) -> None:
        limits = self._outboxes.limits
        try:
            frames = spool.head(limits.send_rows, limits.send_bytes)
        except SpoolDamaged as damage:
            self._set_aside(box, damage.rows)
            return
        oldest = time.time() - self._max_age
        expired = list(takewhile(lambda frame: made_at(frame) < oldest, frames))
        if expired:
            spool.expire(expired)
            self._set_aside(box, sum(map(rows_of, expired)))
            return
        try:
            self._inbox.put(box.project_id, frames)
        except LanesDiffer as refusal:
            # On the disk before they are sent: after a crash only the new ones can be sent, never both.
            spool.replace(frames, recut(frames, refusal.lanes, limits))
            box.buffer.lanes = refusal.lanes
            return
        spool.advance(frames)
        with self._outboxes.changed:
            box.buffer.unspool(sum(map(rows_of, frames)))
            self._answered(box)

    def _set_aside(self, box: Outbox, rows: int) -> None:
        with self._outboxes.changed:
            box.buffer.unspool(rows)
            box.set_aside += rows
            self._outboxes.tell()

    def _answered(self, box: Outbox) -> None:
        """Redis took a send; the caller holds the lock."""
        self._failures, self._not_before = 0, 0.0
        box.refused = box.full = False
        box.failures = 0
        self._outboxes.redis_is_away = False
        self._outboxes.last_error = None
        self._outboxes.tell()

    def _failed(self, box: Outbox, error: Exception) -> None:
        now = time.monotonic()
        with self._outboxes.changed:
            box.refused = True
            box.buffer.retry_at = now + _RETRY_SECONDS[min(box.failures, len(_RETRY_SECONDS) - 1)]
            box.failures += 1
            if _is_away(error):
                self._outboxes.redis_is_away = True
                self._not_before = now + _RETRY_SECONDS[min(self._failures, len(_RETRY_SECONDS) - 1)]
                self._failures += 1
            elif isinstance(error, InboxFull):
                self._failures, self._not_before, self._outboxes.redis_is_away = 0, 0.0, False
            self._outboxes.last_error = str(error) or type(error).__name__
            self._outboxes.tell()


def recut(frames: list[bytes], lanes: int, limits: Limits) -> list[bytes]:
    """The same rows in frames for this number of lanes, with new ids; only for frames that were all refused."""
    rows: list[Row] = []
    unreadable: list[bytes] = []
    for frame in frames:
        try:
            rows += [_row(raw) for raw in read_messages(frame)]
        except (UnreadableFrame, MessageError):
            unreadable.append(relaned(frame, lanes))  # a worker makes a dead letter of it
    return [*frames_of(rows, lanes, limits), *unreadable]


def _row(raw: bytes) -> Row:
    prepared = prepare(raw, max_bytes=len(raw))
    return Row(prepared.data_row_key, prepared.raw, prepared.slow)


def _is_away(error: Exception) -> bool:
    """Whether this concerns every project; what one project's keys or limits cause is its own."""
    return isinstance(error, redis.ConnectionError | redis.TimeoutError | OSError | NotDurable)
