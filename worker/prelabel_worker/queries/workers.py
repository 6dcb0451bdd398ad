"""List the living workers by their announcements."""

import time
from dataclasses import dataclass
from typing import Self

from prelabel.json_record import JsonRecord
from prelabel.wire.client import Client
from prelabel_worker.presence import Presence, announced

GONE_AFTER_SECONDS = 60.0
"""A worker that has not ticked for this long is not listed."""


@dataclass(frozen=True, slots=True)
class WorkerStatus(JsonRecord):
    """A worker that ticks, as it announced itself."""

    json_fields = (
        "name", "host", "pid", "version", "role", "concurrency", "seen_seconds_ago", "busy_seconds", "stalled_seconds",
        "requests_per_minute", "request_burst",
    )  # fmt: skip

    #: Its name, such as `worker@host`.
    name: str
    #: The name of its machine.
    host: str
    #: The id of its main process.
    pid: int
    #: Its release of prelabel.
    version: str
    #: How many processes run tasks.
    concurrency: int
    #: Seconds since its last announcement, to a tenth.
    seen_seconds_ago: float
    #: Its role: `submit`, `poll` or `all`.
    role: str = "all"
    #: The newest version of chunks that it can work on.
    knows: int = 1
    #: Age of its oldest task in hand, in seconds; None without one.
    busy_seconds: float | None = None
    #: Seconds without progress.
    stalled_seconds: float = 0.0
    #: Its limit of requests a minute for each account; 0 if its release does not say.
    requests_per_minute: int = 0
    #: How many of them it may send at once.
    request_burst: int = 0

    @classmethod
    def of(cls, name: str, presence: Presence) -> Self:
        """Return the status of a worker that announced this."""
        return cls(
            name=name,
            host=presence.host,
            pid=presence.pid,
            version=presence.version,
            concurrency=presence.concurrency,
            seen_seconds_ago=round(max(0.0, time.time() - presence.at), 1),
            busy_seconds=presence.busy_seconds,
            stalled_seconds=presence.stalled_seconds,
            role=presence.role,
            knows=presence.knows,
            requests_per_minute=presence.requests_per_minute,
            request_burst=presence.request_burst,
        )


def living_workers(client: Client, prefix: str) -> list[WorkerStatus]:
    """Return the workers that ticked within the last minute, by name."""
    workers = [WorkerStatus.of(name, presence) for name, presence in announced(client, prefix).items()]
    return sorted(
        (worker for worker in workers if worker.seen_seconds_ago < GONE_AFTER_SECONDS), key=lambda worker: worker.name
    )
