"""The thread that sends rows to Redis: many projects in one round trip, repeated until Redis confirms each of them."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

import redis

from prelabel import tracing
from prelabel.errors import InboxFull, PrelabelError
from prelabel.publishing.inbox import Inbox, LanesDiffer, ProjectFrames
from prelabel.publishing.outbox import Outbox
from prelabel.publishing.outboxes import Outboxes, Send
from prelabel.publishing.replay import replay
from prelabel.publishing.retry import Failure
from prelabel.spool.files import ProjectSpool
from prelabel.tracing import Kind, Span
from prelabel.wire import client
from prelabel.wire.durability import NotDurable

_log = logging.getLogger("prelabel.publisher")


class Sender:
    """Sends rows when they are due.

    If Redis is down, all projects wait while one of them tries again. If Redis refuses the rows of one project, only
    that project waits.
    """

    def __init__(self, outboxes: Outboxes, inbox: Inbox, spool_max_age_seconds: float) -> None:
        self._outboxes = outboxes
        self._inbox = inbox
        self._max_age = spool_max_age_seconds

    def run(self) -> None:
        """Send until the outboxes are closed."""
        while sends := self._outboxes.next_sends():
            try:
                if sends[0].spool is None:
                    self._send(sends)
                else:
                    self._replay(sends[0].box, sends[0].spool)
            except Exception as error:  # rows are waiting, so the thread must survive it
                self._failed(sends, error)

    def _send(self, sends: list[Send]) -> None:
        with _span(sends) as span:
            cut = [ProjectFrames(send.box.project_id, self._outboxes.frames(send.box, span.context)) for send in sends]
            outcomes = list(zip(sends, self._inbox.put_all(cut), strict=True))
            span.set(projects=len(sends), frames=sum(len(part.frames) for part in cut))
            for _, outcome in outcomes:
                if isinstance(outcome, Exception) and not isinstance(outcome, LanesDiffer):
                    span.fail(outcome)
        self._outboxes.sent([send.box for send, outcome in outcomes if not isinstance(outcome, Exception)])
        for send, outcome in outcomes:
            if isinstance(outcome, LanesDiffer):
                self._outboxes.recut(send.box, outcome.lanes)
            elif isinstance(outcome, Exception):
                self._failed([send], outcome)

    def _failed(self, sends: list[Send], error: Exception) -> None:
        if not isinstance(error, redis.RedisError | OSError | PrelabelError):
            names = ", ".join(send.box.project_id for send in sends)
            _log.error("a send of %s failed with an unexpected error", names, exc_info=error)
        self._outboxes.not_sent(sends, _failure(error))

    def _replay(self, box: Outbox, spool: ProjectSpool) -> None:
        oldest = time.time() - self._max_age
        self._outboxes.stepped(box, replay(spool, box.project_id, self._inbox, box.limits(), oldest))


@contextmanager
def _span(sends: list[Send]) -> Iterator[Span]:
    """Open the span of a send: in the trace of its rows if they have one in common, else linked to their traces."""
    if not tracing.in_use():
        yield Span()
        return
    contexts: dict[bytes, None] = {}
    for send in sends:
        contexts |= send.box.buffer.in_flight.traces()
    # Rows that were published in no span get the context of this one.
    kind: Kind = "PRODUCER" if b"" in contexts else "CLIENT"
    parent = next(iter(contexts)) if len(contexts) == 1 else b""
    project_id = sends[0].box.project_id if len(sends) == 1 else ""
    links = () if parent else contexts
    with tracing.span("publish", kind, operation="send", project_id=project_id, parent=parent, links=links) as span:
        span.count(sum(len(send.box.buffer.in_flight) for send in sends))
        yield span


def _failure(error: Exception) -> Failure:
    return Failure(
        is_away=isinstance(error, NotDurable) or client.is_away(error),
        inbox_is_full=isinstance(error, InboxFull),
        too_much=isinstance(error, redis.TimeoutError | InboxFull),
        words=client.words_of(error),
        remedy=client.remedy_of(error),
    )
