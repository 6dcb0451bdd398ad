"""What workers announce about themselves, in one hash that every worker writes and every command reads.

A worker's name is for people, and several workers may have the same one. Each is known by an identity that it makes
when it starts. Announcements are dated by Redis's clock, so that the clocks of machines do not matter.
"""

import os
import socket
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

import msgspec

from prelabel.ids import uuid7
from prelabel.json_record import JsonRecord
from prelabel.wire import keys

if TYPE_CHECKING:
    from prelabel.wire.client import Client

GONE_AFTER_SECONDS = 60.0
"""A worker that has not ticked for this long is not alive."""
ROLES = ("submit", "poll")
"""What must be done by some worker; the role `all` does both."""
SILENT_SECONDS = 8.0
"""A worker that has not ticked for this long is missing: people are told, though it may only be slow."""
_PROC = Path("/proc")
_START_FIELD = 19  # of the fields after the name of the program in /proc/PID/stat: the start, in ticks since the boot


class Presence(msgspec.Struct, frozen=True, rename="camel"):
    """A worker's last announcement. Fields that older releases lack have defaults; unknown fields are ignored."""

    #: The name of its machine.
    host: str
    #: The id of its main process.
    pid: int
    #: Its release of prelabel.
    version: str
    #: How many processes run tasks.
    concurrency: int
    #: Unix time of the announcement by Redis's clock, in seconds; `announce` sets it.
    at: float = 0.0
    #: Its name, such as `worker@host`; empty if the identity is the name.
    name: str = ""
    #: The system that gave it its process id; empty where that is unknown. See `Process`.
    system: str = ""
    #: When its process began, in ticks since the boot; 0 where that is unknown.
    began: int = 0
    #: The highest version of the chunk format that it knows.
    knows: int = 1
    #: Its role: `submit`, `poll` or `all`.
    role: str = "all"
    #: The accounts that it has a key for.
    accounts: list[str] = []
    #: Account → the fingerprint of its key; empty if its release does not say.
    fingerprints: dict[str, str] = {}
    #: Age of its oldest task in hand, in seconds; None without one.
    busy_seconds: float | None = None
    #: Seconds without progress.
    stalled_seconds: float = 0.0
    #: Its limit of requests a minute for each account; 0 if its release does not say.
    requests_per_minute: int = 0
    #: How many of them it may send at once.
    request_burst: int = 0
    #: For how many days it keeps the history; None if its release does not say.
    history_days: float | None = None
    #: The settings that all workers must have alike, as texts by name; empty if its release does not say.
    settings: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Process:
    """What tells a process from every other, also from a later one with its id, and from those of other containers."""

    #: Boot and pid namespace: the system in which the id is unique. Empty where there is no `/proc`.
    system: str
    #: The name of the machine.
    host: str
    #: The process id.
    pid: int
    #: When it began, in ticks since the boot; 0 where that is unknown.
    began: int

    @classmethod
    def own(cls) -> Self:
        """Return this process."""
        return cls(_system(), socket.gethostname(), os.getpid(), _began(os.getpid()) or 0)

    @property
    def is_of_this_system(self) -> bool:
        """Return whether it was started on this host, in this container if it is one."""
        return self.system == _system() if self.system else self.host == socket.gethostname()

    @property
    def has_ended(self) -> bool:
        """Return whether this process of this system is certainly gone."""
        return bool(self.began) and _began(self.pid) != self.began


def _system() -> str:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink(_PROC / 'self/ns/pid')}"
    except OSError:
        return ""


def _began(pid: int) -> int | None:
    """Return when a process began, in ticks since the boot; None if it does not exist or the system does not say."""
    try:
        return int((_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[_START_FIELD])
    except (OSError, ValueError, IndexError):
        return None


@dataclass(frozen=True, slots=True)
class WorkerStatus(JsonRecord):
    """A worker that ticked within the last minute, as it announced itself."""

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
    #: For how many days it keeps the history; None if its release does not say.
    history_days: float | None = None
    #: The settings that all workers must have alike, as texts by name; empty if its release does not say.
    settings: Mapping[str, str] = field(default_factory=dict)
    #: The accounts that it has a key for.
    accounts: Sequence[str] = ()
    #: Account → the fingerprint of its key; empty if its release does not say.
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    #: What no other worker has, of this start or another.
    identity: str = ""
    #: Whether another living worker has the same name.
    shares_name: bool = False
    #: Its main process; None where that is unknown.
    process: Process | None = None

    @property
    def label(self) -> str:
        """How it is named to people: with its process id if another living worker has the same name."""
        return f"{self.name} pid {self.pid}" if self.shares_name else self.name

    @property
    def is_silent(self) -> bool:
        """Whether it has not ticked for a while: it died, cannot reach Redis, or is slow."""
        return self.seen_seconds_ago > SILENT_SECONDS


def new_identity() -> str:
    """Return an identity for a worker that starts."""
    return uuid7().hex()


def full_name(name: str) -> str:
    """Return a worker's name as it is shown: with the host after an `@`, where `%h` stands or no `@` does."""
    return (name if "@" in name else f"{name}@%h").replace("%h", socket.gethostname())


def announce(client: "Client", prefix: str, identity: str, presence: Presence) -> None:
    """Write a worker's announcement, dated by Redis's clock; it replaces the previous one of this identity."""
    from prelabel.wire.client import server_time  # loads redis, which a name of a worker does not need

    key = keys.workers(prefix)
    dated = msgspec.structs.replace(presence, at=server_time(client, key))
    client.hset(key, identity, msgspec.json.encode(dated))


def withdraw(client: "Client", prefix: str, identity: str) -> None:
    """Remove the announcement of a worker that ends."""
    client.hdel(keys.workers(prefix), identity)


def missing_roles(workers: Iterable[WorkerStatus]) -> list[str]:
    """Return the roles that no worker has that ticks."""
    present = {worker.role for worker in workers if not worker.is_silent}
    return [role for role in ROLES if not present & {role, "all"}]


def living(client: "Client", prefix: str) -> list[WorkerStatus]:
    """Return the workers that ticked within the last minute and whose announcement can be read, by name."""
    now, presences = _read(client, prefix)
    silences = {identity: now - presence.at for identity, presence in presences.items()}
    alive = {identity: presences[identity] for identity, silence in silences.items() if silence < GONE_AFTER_SECONDS}
    names = Counter(presence.name or identity for identity, presence in alive.items())
    workers = [
        status_of(identity, presence, silences[identity], shares_name=names[presence.name or identity] > 1)
        for identity, presence in alive.items()
    ]
    return sorted(workers, key=lambda worker: (worker.name, worker.pid, worker.identity))


def status_of(identity: str, presence: Presence, silent_seconds: float, *, shares_name: bool) -> WorkerStatus:
    """Return the status of a worker that announced itself this long ago by Redis's clock."""
    return WorkerStatus(
        name=presence.name or identity,
        host=presence.host,
        pid=presence.pid,
        version=presence.version,
        concurrency=presence.concurrency,
        seen_seconds_ago=round(max(0.0, silent_seconds), 1),
        role=presence.role,
        knows=presence.knows,
        busy_seconds=presence.busy_seconds,
        stalled_seconds=presence.stalled_seconds,
        requests_per_minute=presence.requests_per_minute,
        request_burst=presence.request_burst,
        history_days=presence.history_days,
        settings=presence.settings,
        accounts=tuple(presence.accounts),
        fingerprints=presence.fingerprints,
        identity=identity,
        shares_name=shares_name,
        process=Process(presence.system, presence.host, presence.pid, presence.began),
    )


def forget_gone(client: "Client", prefix: str) -> None:
    """Remove the announcements of workers that ended without withdrawing; one that still lives announces again."""
    now, presences = _read(client, prefix)
    gone = [identity for identity, presence in presences.items() if now - presence.at >= GONE_AFTER_SECONDS]
    if gone:
        client.hdel(keys.workers(prefix), *gone)


def _read(client: "Client", prefix: str) -> tuple[float, dict[str, Presence]]:
    """Return Redis's time, and the readable announcements by identity."""
    from prelabel.wire.client import seconds_of

    with client.pipeline(transaction=False) as pipeline:
        pipeline.hgetall(keys.workers(prefix))
        pipeline.time()
        announcements, time_parts = pipeline.execute()
    presences = {}
    for identity, value in announcements.items():
        try:
            presences[identity.decode("utf-8", "backslashreplace")] = msgspec.json.decode(value, type=Presence)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
    return seconds_of(time_parts), presences
