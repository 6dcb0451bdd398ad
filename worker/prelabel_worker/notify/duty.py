"""The thread that watches and tells. Any number of processes may run it; one at a time holds the lease.

It has its own connections, and the request to the receiver runs in a thread of its own, so that neither rows nor the
next look wait for a slow receiver.
"""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import redis
import structlog

from prelabel.wire.client import Client, words_of
from prelabel_worker.notify import watch
from prelabel_worker.notify.message import Sender
from prelabel_worker.notify.observation import Observer
from prelabel_worker.notify.store import Store
from prelabel_worker.notify.watch import Outgoing, State
from prelabel_worker.notify.webhook import NotDelivered, Receipt, Webhook
from prelabel_worker.settings import Settings

LOOK_SECONDS = 1.0
"""Time between two looks."""
_LEASE_SECONDS = 5.0
_STANDBY_SECONDS = 1.0
_LAST_POST_SECONDS = 2.0
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Post:
    """A message on its way."""

    outgoing: Outgoing
    #: The answer, or why there is none; None until it has ended.
    result: Receipt | NotDelivered | None = None


class Duty:
    """Watches and tells until it is stopped."""

    def __init__(self, settings: Settings, connect: Callable[[], Client]) -> None:
        client = connect()
        self._store = Store(client, settings.key_prefix)
        self._observer = Observer(client, settings)
        self._sender = Sender(settings.console_url.rstrip("/"), settings.environment)
        self._webhook = Webhook(settings.notify_url.get_secret_value())
        self._stopped = self._ended = False
        self._wake = threading.Event()
        self._post: _Post | None = None
        self._posting: threading.Thread | None = None
        self._took = 0.0
        self._failing = False

    def start(self) -> None:
        """Start the thread."""
        threading.Thread(target=self.run, name="prelabel-notify", daemon=True).start()

    @property
    def runs(self) -> bool:
        """Whether the thread has not ended yet."""
        return not self._ended

    def stop(self) -> None:
        """End the thread soon; another process continues."""
        self._stopped = True
        self._wake.set()

    def run(self) -> None:
        """Watch and tell until `stop`. Survives every error."""
        while not self._stopped:
            wait = _STANDBY_SECONDS
            try:
                wait = self._look()
                self._failing = False
            except (redis.RedisError, OSError) as error:
                self._redis_fails(error)
            except Exception:
                _log.exception("notify.broken")
            self._wake.wait(wait)
            self._wake.clear()
        self._leave()
        self._ended = True

    def _look(self) -> float:
        """Look once, if this process holds the lease; return the seconds to wait."""
        held = self._store.take(max(_LEASE_SECONDS, 3 * self._took))
        if held is None:
            return _STANDBY_SECONDS
        began = time.monotonic()
        state = self._after_post(held.state, held.now)
        state = watch.observed(state, self._observer.facts(), held.now)
        self._took = time.monotonic() - began
        if state != held.state and not self._store.save(state):
            return _STANDBY_SECONDS
        if self._post is None and (outgoing := watch.outgoing(state, held.now)):
            self._send(outgoing)
        return LOOK_SECONDS

    def _send(self, outgoing: Outgoing) -> None:
        post = self._post = _Post(outgoing)
        body = self._sender.body(outgoing)

        def run() -> None:
            try:
                post.result = self._webhook.post(body)
            except NotDelivered as error:
                post.result = error
            except Exception as error:
                _log.exception("notify.broken")
                post.result = NotDelivered(type(error).__name__)
            self._wake.set()

        self._posting = threading.Thread(target=run, name="prelabel-notify-post", daemon=True)
        self._posting.start()

    def _after_post(self, state: State, now: float) -> State:
        """Return the state after a message that has ended since the last look, if one has."""
        post = self._post
        if post is None or post.result is None:
            return state
        self._post = None
        if isinstance(post.result, Receipt) and post.result.accepted:
            _log.info("notify.sent", changes=len(post.outgoing.changes) + post.outgoing.uncounted)
            return watch.delivered(state, post.outgoing, now)
        asked = post.result.retry_after if isinstance(post.result, Receipt) else 0.0
        state = watch.failed(state, now, jitter=random.random(), least_seconds=asked)
        detail = f"status {post.result.status}" if isinstance(post.result, Receipt) else str(post.result)
        again = round(state.retry_at - now, 1)
        _log.warning("notify.failed", detail=detail, failures=state.failures, seconds=again)
        return state

    def _redis_fails(self, error: Exception) -> None:
        if not self._failing:
            _log.warning("notify.waits", detail=words_of(error))
        self._failing = True

    def _leave(self) -> None:
        """Record a message that has just arrived, and give up the lease."""
        if self._posting is not None:
            self._posting.join(_LAST_POST_SECONDS)
        try:
            held = self._store.take(_LEASE_SECONDS)
            if held is not None:
                self._store.save(self._after_post(held.state, held.now), release=True)
        except (redis.RedisError, OSError):
            _log.info("notify.not_left")


def duty_of(settings: Settings, connect: Callable[[], Client]) -> Duty | None:
    """Return the duty for these settings; None if they name no receiver."""
    return Duty(settings, connect) if settings.notify_url.get_secret_value() else None
