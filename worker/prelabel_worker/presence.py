"""What workers announce about themselves, in one hash that every worker writes and every command reads.

A worker's name is for people, and several workers may have the same one. Each is known by an identity that it makes
when it starts. Announcements are dated by Redis's clock, so that the clocks of machines do not matter.
"""

import os
import socket
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import msgspec

from prelabel.ids import uuid7
from prelabel.wire import keys
from prelabel.wire.client import Client, seconds_of, server_time

GONE_AFTER_SECONDS = 60.0
"""A worker that has not ticked for this long is not alive."""
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
    #: Age of its oldest task in hand, in seconds; None without one.
    busy_seconds: float | None = None
    #: Seconds without progress.
    stalled_seconds: float = 0.0
    #: Its limit of requests a minute for each account; 0 if its release does not say.
    requests_per_minute: int = 0
    #: How many of them it may send at once.
    request_burst: int = 0


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
class LivingWorker:
    """A worker that ticked within the last minute."""

    #: What no other worker has, of this start or another.
    identity: str
    #: Its last announcement.
    presence: Presence
    #: Seconds since that announcement by Redis's clock, to a tenth.
    silent_seconds: float
    #: Whether another living worker has the same name.
    shares_name: bool

    @property
    def name(self) -> str:
        """Return its name, which other workers may have too."""
        return _name(self.identity, self.presence)

    @property
    def label(self) -> str:
        """Return its name, and its process id if another living worker has the same name."""
        return label(self.name, self.presence.pid, shares_name=self.shares_name)

    @property
    def process(self) -> Process:
        """Return its main process."""
        presence = self.presence
        return Process(presence.system, presence.host, presence.pid, presence.began)


def new_identity() -> str:
    """Return an identity for a worker that starts."""
    return uuid7().hex()


def label(name: str, pid: int, *, shares_name: bool) -> str:
    """Return how a worker is named to people."""
    return f"{name} pid {pid}" if shares_name else name


def full_name(name: str) -> str:
    """Return a worker's name as it is shown: with the host after an `@`, where `%h` stands or no `@` does."""
    return (name if "@" in name else f"{name}@%h").replace("%h", socket.gethostname())


def announce(client: Client, prefix: str, identity: str, presence: Presence) -> None:
    """Write a worker's announcement, dated by Redis's clock; it replaces the previous one of this identity."""
    key = keys.workers(prefix)
    dated = msgspec.structs.replace(presence, at=server_time(client, key))
    client.hset(key, identity, msgspec.json.encode(dated))


def withdraw(client: Client, prefix: str, identity: str) -> None:
    """Remove the announcement of a worker that ends."""
    client.hdel(keys.workers(prefix), identity)


def living(client: Client, prefix: str) -> list[LivingWorker]:
    """Return the workers that ticked within the last minute and whose announcement can be read, by name."""
    now, presences = _read(client, prefix)
    alive = {identity: presence for identity, presence in presences.items() if now - presence.at < GONE_AFTER_SECONDS}
    names = Counter(_name(identity, presence) for identity, presence in alive.items())
    workers = []
    for identity, presence in alive.items():
        shares_name = names[_name(identity, presence)] > 1
        workers.append(LivingWorker(identity, presence, round(max(0.0, now - presence.at), 1), shares_name))
    return sorted(workers, key=lambda worker: (worker.name, worker.presence.pid, worker.identity))


def forget_gone(client: Client, prefix: str) -> None:
    """Remove the announcements of workers that ended without withdrawing; one that still lives announces again."""
    now, presences = _read(client, prefix)
    gone = [identity for identity, presence in presences.items() if now - presence.at >= GONE_AFTER_SECONDS]
    if gone:
        client.hdel(keys.workers(prefix), *gone)


def _read(client: Client, prefix: str) -> tuple[float, dict[str, Presence]]:
    """Return Redis's time, and the readable announcements by identity."""
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


def _name(identity: str, presence: Presence) -> str:
    return presence.name or identity
