"""The log of requests that `GET /_sandbox/requests` shows: times and names, never keys or payloads."""

import hashlib
import time
from collections import deque
from typing import Any

import msgspec

_KEPT = 100_000


class Entry(msgspec.Struct, rename="camel"):
    """One request."""

    #: Unix time in seconds.
    time: float
    #: Fingerprint of the API key; "" without one.
    key: str
    #: Name of the GraphQL operation, or the path.
    operation: str | None = None
    #: Number of top-level fields that the operation asks for.
    fields: int = 0
    #: The first project that the request names.
    project_id: str | None = None
    #: Kind of the fault that was injected.
    fault: str | None = None
    #: HTTP status; None while the request is open, and if the client disconnects before its body is complete.
    status: int | None = None
    #: Seconds until the response; None whenever `status` is None.
    seconds: float | None = None


class RequestLog:
    """The newest requests, oldest first."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=_KEPT)

    def begin(self, key: str) -> Entry:
        """Record a request that has just arrived."""
        fingerprint = hashlib.sha256(key.encode()).hexdigest()[:8] if key else ""
        entry = Entry(round(time.time(), 4), fingerprint)
        self._entries.append(entry)
        return entry

    def end(self, entry: Entry, status: int) -> None:
        """Record the response to a request."""
        entry.status, entry.seconds = status, round(time.time() - entry.time, 4)

    def entries(self) -> list[dict[str, Any]]:
        """Return all requests that are kept."""
        return [msgspec.to_builtins(entry) for entry in self._entries]
