"""The log of requests that `GET /_sandbox/requests` shows: times and names, never keys or payloads."""

import hashlib
import time
from collections import deque
from typing import Any

import msgspec

_KEPT = 100_000


class Entry(msgspec.Struct, rename="camel"):
    """One request. `status` and `seconds` are null while it is open, and stay so when its connection is cut."""

    time: float
    key: str
    operation: str | None = None
    fields: int = 0
    project_id: str | None = None
    fault: str | None = None
    status: int | None = None
    seconds: float | None = None


class RequestLog:
    """The newest requests, oldest first."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=_KEPT)

    def begin(self, key: str) -> Entry:
        """A request has come."""
        fingerprint = hashlib.sha256(key.encode()).hexdigest()[:8] if key else ""
        entry = Entry(round(time.time(), 4), fingerprint)
        self._entries.append(entry)
        return entry

    def end(self, entry: Entry, status: int) -> None:
        """It is answered."""
        entry.status, entry.seconds = status, round(time.time() - entry.time, 4)

    def entries(self) -> list[dict[str, Any]]:
        """All that is kept."""
        return [msgspec.to_builtins(entry) for entry in self._entries]
