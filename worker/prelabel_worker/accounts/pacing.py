"""Pacing for the requests of commands, which count against the account's budget as a worker's do."""

import threading
import time

import redis

from prelabel_worker.accounts.pauses import has_end
from prelabel_worker.accounts.rate_limiter import Permit, Permits
from prelabel_worker.labelbox.errors import RequestError, Throttled, Unavailable

_LONGEST_WAIT_SECONDS = 30.0
_ASK = Permit("ask", "", 0.0)


class Pacer:
    """Waits for a permit before each request."""

    def __init__(self, permits: Permits) -> None:
        self._permits = permits

    def wait(self) -> None:
        """Wait until one request may be sent.

        Raises Throttled if the account is stopped or the wait would be too long, Unavailable if Redis cannot count it.
        """
        try:
            permit = self._permits.reserve()
        except redis.RedisError as error:
            raise Unavailable(f"Redis cannot count requests ({type(error).__name__})") from None
        if permit.wait > _LONGEST_WAIT_SECONDS or not permit.reserved:
            how_long = f"{permit.wait:.0f} s" if has_end(permit.wait) else "until the account is resumed"
            why = f" ({permit.stopped_by})" if permit.stopped_by else ""
            raise Throttled(f"the account's requests wait {how_long}{why}", retry_after=permit.wait)
        if permit.wait > 0:
            time.sleep(permit.wait)

    def tell(self, error: RequestError) -> None:
        """Slow down everyone on the account when Labelbox asks for it; ignore other errors."""
        if isinstance(error, Throttled) or error.retry_after is not None:
            try:
                self._permits.failed(_ASK, error)
            except redis.RedisError:
                return  # the caller waits anyway


class OwnPacer(Pacer):
    """Keeps the limit for this process alone, where no Redis counts the account's requests."""

    def __init__(self, per_minute: int) -> None:
        self._interval = 60.0 / per_minute
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Wait until one request may be sent."""
        with self._lock:
            now = time.monotonic()
            at = max(now, self._next)
            self._next = at + self._interval
        time.sleep(at - now)

    def tell(self, error: RequestError) -> None:
        """Do nothing: no other process shares the budget."""
