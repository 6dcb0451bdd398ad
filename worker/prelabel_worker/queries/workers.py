"""Which workers live, as they announce themselves."""

import time
from dataclasses import dataclass
from typing import Any, Self

from prelabel.wire.client import Client
from prelabel_worker.presence import Presence, announced

GONE_AFTER_SECONDS = 60.0
"""A worker that has not been seen for so long is not listed."""


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """A worker that ticks; `knows` is the newest version of chunks that it does not leave alone."""

    name: str
    host: str
    pid: int
    version: str
    concurrency: int
    seen_seconds_ago: float
    role: str = "all"
    knows: int = 1
    busy_seconds: float | None = None
    stalled_seconds: float = 0.0

    @classmethod
    def of(cls, name: str, presence: Presence) -> Self:
        """Return the status of a worker that announced this."""
        return cls(
            name=name,
            host=presence.host,
            pid=presence.pid,
            version=presence.version,
            concurrency=presence.concurrency,
            seen_seconds_ago=max(0.0, time.time() - presence.at),
            busy_seconds=presence.busy_seconds,
            stalled_seconds=presence.stalled_seconds,
            role=presence.role,
            knows=presence.knows,
        )

    def as_json(self) -> dict[str, Any]:
        """For `status --json`."""
        return {
            "name": self.name,
            "host": self.host,
            "pid": self.pid,
            "version": self.version,
            "role": self.role,
            "concurrency": self.concurrency,
            "seenSecondsAgo": round(self.seen_seconds_ago, 1),
            "busySeconds": self.busy_seconds,
            "stalledSeconds": self.stalled_seconds,
        }


def living_workers(client: Client, prefix: str) -> list[WorkerStatus]:
    """Return the workers that ticked within the last minute, by name."""
    workers = [WorkerStatus.of(name, presence) for name, presence in announced(client, prefix).items()]
    return sorted((each for each in workers if each.seen_seconds_ago < GONE_AFTER_SECONDS), key=lambda w: w.name)
