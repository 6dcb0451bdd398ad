"""What a worker announces of itself, kept in one hash that every worker writes and every command reads."""

import msgspec

from prelabel.wire import keys
from prelabel.wire.client import Client


class Presence(msgspec.Struct, frozen=True, rename="camel"):
    """A worker's last announcement. What another version leaves out has a default; what it adds passes."""

    #: The name of its machine.
    host: str
    #: The id of its main process.
    pid: int
    #: Its release.
    version: str
    #: How many processes work.
    concurrency: int
    #: Unix time of the announcement, in seconds.
    at: float
    #: The newest version of chunks that it does not leave alone.
    knows: int = 1
    #: Which stages it takes.
    role: str = "all"
    #: The accounts that it has a key for.
    accounts: list[str] = []
    #: Age of its oldest task in hand, in seconds; None without one.
    busy_seconds: float | None = None
    #: Seconds without progress.
    stalled_seconds: float = 0.0


def announce(client: Client, prefix: str, name: str, presence: Presence) -> None:
    """Write a worker's announcement in place of its last."""
    client.hset(keys.workers(prefix), name, msgspec.json.encode(presence))


def announced(client: Client, prefix: str) -> dict[str, Presence]:
    """Return the announcements of all workers by name, without those that cannot be read."""
    presences = {}
    for name, value in client.hgetall(keys.workers(prefix)).items():
        try:
            presences[name.decode("utf-8", "backslashreplace")] = msgspec.json.decode(value, type=Presence)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
    return presences
