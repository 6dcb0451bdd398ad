"""The thread that sends rows to Redis: one send of one project at a time, repeated until Redis confirms it."""

import logging
import time

import redis

from prelabel.errors import InboxFull, PrelabelError
from prelabel.publishing.inbox import Inbox, LanesDiffer
from prelabel.publishing.outbox import Outbox
from prelabel.publishing.outboxes import Outboxes
from prelabel.publishing.replay import replay
from prelabel.publishing.retry import Failure
from prelabel.spool.files import ProjectSpool
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
        while (send := self._outboxes.next_send()) is not None:
            try:
                if send.spool is None:
                    self._send(send.box)
                else:
                    self._replay(send.box, send.spool)
            except Exception as error:  # rows are waiting, so the thread must survive it
                if not isinstance(error, redis.RedisError | OSError | PrelabelError):
                    _log.exception("a send of project %s failed with an unexpected error", send.box.project_id)
                self._outboxes.not_sent(send, _failure(error))

    def _send(self, box: Outbox) -> None:
        try:
            self._inbox.put(box.project_id, self._outboxes.frames(box))
        except LanesDiffer as refusal:
            self._outboxes.recut(box, refusal.lanes)
        else:
            self._outboxes.sent(box)

    def _replay(self, box: Outbox, spool: ProjectSpool) -> None:
        oldest = time.time() - self._max_age
        self._outboxes.stepped(box, replay(spool, box.project_id, self._inbox, box.limits(), oldest))


def _failure(error: Exception) -> Failure:
    return Failure(
        is_away=isinstance(error, NotDurable) or client.is_away(error),
        inbox_is_full=isinstance(error, InboxFull),
        too_much=isinstance(error, redis.TimeoutError | InboxFull),
        words=client.words_of(error),
        remedy=client.remedy_of(error),
    )
