"""What workers announce about themselves, in one hash that every worker writes and every command reads."""

import msgspec

from prelabel.wire import keys
from prelabel.wire.client import Client


class Presence(msgspec.Struct, frozen=True, rename="camel"):
    """A worker's last announcement. A field that another release lacks has a default; an unknown one is ignored."""

    #: The name of its machine.
    host: str
    #: The id of its main process.
    pid: int
    #: Its release of prelabel.
    version: str
    #: How many processes run tasks.
    concurrency: int
    #: Unix time of the announcement, in seconds.
    at: float
    #: The newest version of chunks that it can work on.
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


def announce(client: Client, prefix: str, name: str, presence: Presence) -> None:
    """Write a worker's announcement; it replaces the previous one."""
    client.hset(keys.workers(prefix), name, msgspec.json.encode(presence))


def announced(client: Client, prefix: str) -> dict[str, Presence]:
    """Return the readable announcements of all workers, by name."""
    presences = {}
    for name, value in client.hgetall(keys.workers(prefix)).items():
        try:
            presences[name.decode("utf-8", "backslashreplace")] = msgspec.json.decode(value, type=Presence)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
    return presences
