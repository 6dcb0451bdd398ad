"""Check the Redis that keeps the rows. Only `look` and `setting` ask the server; the checks are pure."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import redis

from prelabel.printing import counted
from prelabel.publishing.inbox import WATERMARK
from prelabel.wire.client import Client, is_away
from prelabel.wire.durability import Durability
from prelabel.wire.redis_url import TlsOptions
from prelabel_worker.doctor.findings import Check, Finding, Level, judged, noted
from prelabel_worker.doctor.server_flavour import ServerFlavour, flavour_of
from prelabel_worker.scripts import Scripts

_CLOCK_SECONDS = 2.0
_MB = 1e6


@dataclass(frozen=True, slots=True)
class Server:
    """What a Redis reports of itself; a setting is None when the service hides it."""

    #: Every section of INFO, as redis-py parses them.
    info: Mapping[str, Any]
    #: `maxmemory-policy`.
    policy: str | None
    #: `appendonly`.
    append_only: str | None
    #: `appendfsync`.
    append_sync: str | None
    #: Seconds by which its clock and this machine's differ.
    skew_seconds: float
    #: The host of its address; empty for a socket.
    host: str = ""
    #: The server's words when it refused a script that builds a key name; None when it ran it, or was not asked to.
    script_refusal: str | None = None

    @property
    def flavour(self) -> ServerFlavour:
        """Return which server it is, with its versions."""
        return flavour_of(self.info, self.host)

    @property
    def can_keep_rows(self) -> bool:
        """Return whether the server is supported and runs our scripts; otherwise its projects cannot be read."""
        return not self.flavour.refusal and self.script_refusal is None


def look(client: Client, info: Mapping[str, Any], root: str | None) -> Server:
    """Return what a Redis reports of itself, `info` included. Raises redis.RedisError.

    `root` is a root key in one of its slots, for a script that tries whether scripts may build key names; when it is
    None, the script is not run.
    """
    before = time.time()
    seconds, micros = client.time()
    middle = (before + time.time()) / 2
    return Server(
        info=info,
        policy=setting(client, "maxmemory-policy"),
        append_only=setting(client, "appendonly"),
        append_sync=setting(client, "appendfsync"),
        skew_seconds=abs(middle - seconds - micros / 1e6),
        host=host_of(client),
        script_refusal=None if root is None else _script_refusal(client, root),
    )


def host_of(client: Client) -> str:
    """Return the host of a client's address; empty for a socket."""
    return str(client.connection_pool.connection_kwargs.get("host", ""))


def _script_refusal(client: Client, root: str) -> str | None:
    """Run a script that builds a key name; return the server's words when it refuses the script, else None."""
    try:
        Scripts(client).run("built_key", root)
    except redis.ResponseError as error:
        if is_away(error):
            raise
        return str(error)
    return None


def setting(client: Client, name: str) -> str | None:
    """Return a setting of the server; None when a hosted service hides it."""
    try:
        value = client.config_get(name).get(name)
    except redis.ResponseError:
        return None
    return None if value is None else str(value)


def findings(
    server: Server, durability: Durability, rows: int | None, *, as_cluster: bool = False
) -> Iterator[Finding]:
    """Check everything about the server; `rows` is the number that it keeps, None when it could not be counted."""
    yield from kind(server, as_cluster=as_cluster)
    yield _persistence(server, durability)
    yield _disk(server.info)
    yield _memory(server.info, rows)
    yield judged(Check.CLOCK, server.skew_seconds < _CLOCK_SECONDS, f"clocks differ by {server.skew_seconds:.1f} s")


def kind(server: Server, *, as_cluster: bool = False) -> Iterator[Finding]:
    """Check whether the server can keep rows, without reading projects."""
    yield version(Check.REDIS_VERSION, server.flavour)
    if server.script_refusal is None:
        yield Finding(Check.REDIS_SCRIPTS, Level.OK, "scripts may build key names")
    else:
        yield Finding(Check.REDIS_SCRIPTS, Level.BAD, f"a script was refused: {server.script_refusal}")
    yield mode(server.info, as_cluster=as_cluster)
    yield eviction(Check.EVICTION, server.policy, server.info)


def version(check: Check, flavour: ServerFlavour) -> Finding:
    """Check whether a server of this kind and version is supported."""
    if flavour.refusal:
        return Finding(check, Level.BAD, f"{flavour} is not supported: {flavour.refusal}")
    if not flavour.is_recent:
        return Finding(check, Level.BAD, f"{flavour} is older than {flavour.oldest}")
    words = str(flavour) if flavour.was_run else f"{flavour}: the tests do not run on it"
    return noted(check, flavour.was_run, words)


def tls(place: str, options: TlsOptions) -> Finding:
    """Check whether the server must prove its identity with a certificate."""
    words = "is verified" if options.verified else "is not verified: its URL says so"
    return noted(Check.TLS, options.verified, f"the server at {place} {words}")


def eviction(check: Check, policy: str | None, info: Mapping[str, Any]) -> Finding:
    """Check whether a Redis may evict keys: by its setting, or by INFO where settings are hidden."""
    if policy is not None:
        return judged(check, policy == "noeviction", f"maxmemory-policy {policy}")
    reported = info.get("maxmemory_policy")
    if reported is None:
        return Finding(check, Level.NOTE, "maxmemory-policy cannot be read")
    return judged(check, reported == "noeviction", f"maxmemory-policy {reported}, read from INFO")


def mode(info: Mapping[str, Any], *, as_cluster: bool = False) -> Finding:
    """Check whether the server is a primary; on another one, no other check makes sense."""
    # Valkey 8 and newer report `server_mode` in its place.
    runs_as = str(info.get("redis_mode", info.get("server_mode", "standalone")))
    role = str(info.get("role", "master"))
    if runs_as == "sentinel" or role == "sentinel":
        return Finding(Check.REDIS_MODE, Level.BAD, "this is a sentinel")
    if role != "master":
        return Finding(Check.REDIS_MODE, Level.BAD, "this is a replica")
    if runs_as == "cluster":
        return noted(Check.REDIS_MODE, as_cluster, "a primary of a cluster")
    replicas = int(info.get("connected_slaves", 0))
    return Finding(Check.REDIS_MODE, Level.OK, f"a primary with {counted(replicas, 'replica')}")


def _persistence(server: Server, durability: Durability) -> Finding:
    on, sync = server.append_only, server.append_sync
    if on is None:
        on = "yes" if server.info.get("aof_enabled") else "no"
    if durability == "fsync" and server.flavour.keeps_a_log:
        return Finding(Check.PERSISTENCE, Level.OK, f"{server.flavour} answers when a write is in its transaction log")
    settings = f"appendonly {on}, appendfsync {sync or 'cannot be read'}, durability {durability}"
    if durability == "waitaof":
        good = server.flavour.has_waitaof
        settings += f", {server.flavour} {'has' if good else 'has no'} WAITAOF"
    elif durability == "replica":
        replicas = int(server.info.get("connected_slaves", 0))
        good = replicas > 0
        settings += f", {counted(replicas, 'replica')}"
    elif sync is None and on == "yes":
        return Finding(Check.PERSISTENCE, Level.NOTE, settings)
    else:
        good = sync == "always"
    return judged(Check.PERSISTENCE, good and on == "yes", settings)


def _disk(info: Mapping[str, Any]) -> Finding:
    words = ("aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status")
    failed = [word for word in words if info.get(word, "ok") != "ok"]
    if failed:
        return Finding(Check.DISK, Level.BAD, ", ".join(f"{word} {info[word]}" for word in failed))
    return Finding(Check.DISK, Level.OK, "the last writes to disk went well")


def _memory(info: Mapping[str, Any], rows: int | None) -> Finding:
    used, limit = int(info["used_memory"]), int(info.get("maxmemory", 0))
    if rows is None:
        kept = "Redis is out of memory, so its projects cannot be read"
    else:
        kept = f"it keeps {counted(rows, 'row')}"
        kept += f", {used // rows:,} bytes of memory a row" if rows >= 1000 else ""
    if not limit:
        return Finding(Check.MEMORY, Level.NOTE, f"{used / _MB:,.0f} MB in use, no limit; {kept}")
    in_use = f"{used / _MB:,.0f} of {limit / _MB:,.0f} MB in use ({used / limit:.0%}); {kept}"
    return judged(Check.MEMORY, used <= limit * WATERMARK, in_use)
