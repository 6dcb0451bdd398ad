"""The thread that talks to Redis: one send of one project at a time, repeated until it is answered."""

import logging
import time
from dataclasses import replace
from typing import NamedTuple

import redis

from prelabel.errors import InboxFull, PrelabelError
from prelabel.publishing.buffer import Limits
from prelabel.publishing.inbox import Inbox, LanesDiffer, NotDurable
from prelabel.publishing.outbox import Outbox, Outboxes
from prelabel.publishing.replay import Step, replay
from prelabel.spool.files import ProjectSpool, SpoolDamaged
from prelabel.wire import client

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
                    (max(at, self._outboxes.not_before), box)
                    for box in outboxes.every()
                    if (at := box.send_at()) is not None
                ]
                due = [box for at, box in times if at <= now]
                if due:
                    return self._begin(min(due, key=lambda box: box.served), now)
                outboxes.changed.wait(min(at for at, _ in times) - now if times else None)
        return None

    def _begin(self, box: Outbox, now: float) -> _Send:
        box.served = now
        if box.buffer.spooled > 0:
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
        oldest = time.time() - self._max_age
        limits = _part(self._outboxes.limits, box.share)
        try:
            step = replay(spool, box.project_id, self._inbox, limits, oldest)
        except SpoolDamaged as damage:
            step = Step(set_aside=damage.rows)
        with self._outboxes.changed:
            box.buffer.lanes = step.lanes or box.buffer.lanes
            box.buffer.unspool(step.answered + step.set_aside)
            box.set_aside += step.set_aside
            if step.answered:
                self._answered(box)
            else:
                self._outboxes.tell()

    def _answered(self, box: Outbox) -> None:
        """Redis took a send; the caller holds the lock."""
        box.succeeded()
        self._failures = 0
        self._outboxes.not_before, self._outboxes.redis_is_away = 0.0, False
        self._outboxes.last_error = self._outboxes.remedy = None
        self._outboxes.tell()

    def _failed(self, box: Outbox, error: Exception) -> None:
        now = time.monotonic()
        with self._outboxes.changed:
            too_much = isinstance(error, redis.TimeoutError | InboxFull)
            box.failed(now + _wait(box.failures), too_much=too_much)
            if _is_away(error):
                self._outboxes.redis_is_away = True
                self._outboxes.failed_sends += 1
                self._outboxes.not_before = now + _wait(self._failures)
                self._failures += 1
            elif isinstance(error, InboxFull):
                self._failures, self._outboxes.not_before, self._outboxes.redis_is_away = 0, 0.0, False
            self._outboxes.last_error = client.words_of(error)
            self._outboxes.remedy = client.remedy_of(error)
            self._outboxes.refusals += self._outboxes.remedy is not None
            self._outboxes.tell()


def _wait(failures: int) -> float:
    return _RETRY_SECONDS[min(failures, len(_RETRY_SECONDS) - 1)]


def _part(limits: Limits, share: float) -> Limits:
    """A smaller send, for a way to Redis that does not carry a full one in a time-out, or an inbox with little room."""
    return replace(
        limits, send_rows=max(1, int(limits.send_rows * share)), send_bytes=max(1, int(limits.send_bytes * share))
    )


def _is_away(error: Exception) -> bool:
    """Whether this concerns every project; what one project's keys, limits or files cause is its own."""
    return isinstance(error, NotDurable) or client.is_away(error)
