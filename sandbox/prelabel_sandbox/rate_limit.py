"""The request budget of each key, over a sliding minute."""

import time
from collections import defaultdict, deque

MINUTE = 60.0


class RateLimit:
    """Counts requests by key. Only the event loop uses it, so it needs no lock."""

    def __init__(self) -> None:
        self._taken: defaultdict[str, deque[float]] = defaultdict(deque)

    def take(self, key: str, requests_per_minute: int | None) -> float | None:
        """Take one request from the key's budget; if none is left, return the seconds until there is one again."""
        now = time.monotonic()
        taken = self._taken[key]
        while taken and taken[0] <= now - MINUTE:
            taken.popleft()
        if requests_per_minute is not None and len(taken) >= requests_per_minute:
            return MINUTE - (now - taken[len(taken) - requests_per_minute])
        taken.append(now)
        return None
