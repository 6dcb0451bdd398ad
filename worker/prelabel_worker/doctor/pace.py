"""A person's questions count against the account's budget like a worker's."""

import time

import redis

from prelabel_worker.errors import Throttled, Unavailable
from prelabel_worker.permits import Permits

_LONGEST_WAIT_SECONDS = 30.0


class Pace:
    """Waits for a permit before each request."""

    def __init__(self, permits: Permits) -> None:
        self._permits = permits

    def wait(self) -> None:
        """Return when one request may go.

        Raises Throttled when that is not soon: the budget is used by workers; Unavailable when Redis cannot count it.
        """
        try:
            permit = self._permits.reserve()
        except redis.RedisError as error:
            raise Unavailable(f"Redis does not count requests ({type(error).__name__})") from None
        if permit.wait > _LONGEST_WAIT_SECONDS or not permit.reserved:
            raise Throttled(f"the account's requests wait {permit.wait:.0f} s", retry_after=permit.wait)
        if permit.wait > 0:
            time.sleep(permit.wait)
