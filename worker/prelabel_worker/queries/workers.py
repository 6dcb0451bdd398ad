"""List the living workers by their announcements."""

from dataclasses import dataclass
from typing import Self

from prelabel.json_record import JsonRecord
from prelabel.wire.client import Client
from prelabel_worker.presence import LivingWorker, Process, label, living


@dataclass(frozen=True, slots=True)
class WorkerStatus(JsonRecord):
    """A worker that ticks, as it announced itself."""

    json_fields = (
        "name", "host", "pid", "version", "role", "concurrency", "seen_seconds_ago", "busy_seconds", "stalled_seconds",
        "requests_per_minute", "request_burst", "identity",
    )  # fmt: skip

    #: Its name, such as `worker@host`; several workers may have the same.
    name: str
    #: The name of its machine.
    host: str
    #: The id of its main process.
    pid: int
    #: Its release of prelabel.
    version: str
    #: How many processes run tasks.
    concurrency: int
    #: Seconds since its last announcement by Redis's clock, to a tenth.
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
    #: What no other worker has, of this start or another.
    identity: str = ""
    #: Whether another living worker has the same name.
    shares_name: bool = False
    #: Its main process; None where that is unknown.
    process: Process | None = None

    @property
    def label(self) -> str:
        """Return its name, and its process id if another living worker has the same name."""
        return label(self.name, self.pid, shares_name=self.shares_name)

    @classmethod
    def of(cls, worker: LivingWorker) -> Self:
        """Return the status of a worker that announced itself."""
        presence = worker.presence
        return cls(
            name=worker.name,
            host=presence.host,
            pid=presence.pid,
            version=presence.version,
            concurrency=presence.concurrency,
            seen_seconds_ago=worker.silent_seconds,
            busy_seconds=presence.busy_seconds,
            stalled_seconds=presence.stalled_seconds,
            role=presence.role,
            knows=presence.knows,
            requests_per_minute=presence.requests_per_minute,
            request_burst=presence.request_burst,
            identity=worker.identity,
            shares_name=worker.shares_name,
            process=worker.process,
        )


def living_workers(client: Client, prefix: str) -> list[WorkerStatus]:
    """Return the workers that ticked within the last minute, by name."""
    return [WorkerStatus.of(worker) for worker in living(client, prefix)]
