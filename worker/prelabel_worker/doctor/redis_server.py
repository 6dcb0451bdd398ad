"""The Redis that keeps the rows. What was read of it → findings; pure but for `look`."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import redis

from prelabel.client import Client
from prelabel.inbox import WATERMARK, Durability
from prelabel_worker.doctor.findings import Check, Finding, Level, judged, noted
from prelabel_worker.stack.redis_server import OLDEST

_CLOCK_SECONDS = 2.0
_WAITAOF_SINCE = (7, 2)
_MB = 1e6


@dataclass(frozen=True, slots=True)
class Server:
    """What a Redis says of itself; a setting is None where the service hides it."""

    info: Mapping[str, Any]
    policy: str | None
    append_only: str | None
    append_sync: str | None
    skew_seconds: float

    @property
    def version(self) -> tuple[int, ...]:
        """Major and minor."""
        return tuple(int(part) for part in str(self.info["redis_version"]).split(".")[:2])


def look(client: Client, info: Mapping[str, Any]) -> Server:
    """Ask a Redis, which said `info`, for the rest. Raises redis.RedisError."""
    before = time.time()
    seconds, micros = client.time()
    middle = (before + time.time()) / 2
    return Server(
        info=info,
        policy=setting(client, "maxmemory-policy"),
        append_only=setting(client, "appendonly"),
        append_sync=setting(client, "appendfsync"),
        skew_seconds=abs(middle - seconds - micros / 1e6),
    )


def setting(client: Client, name: str) -> str | None:
    """A setting of the server; None where a hosted service hides it."""
    try:
        value = client.config_get(name).get(name)
    except redis.ResponseError:
        return None
    return None if value is None else str(value)


def findings(
    server: Server, durability: Durability, rows: int | None, *, as_cluster: bool = False
) -> Iterator[Finding]:
    """Everything about the server; `rows` are those it keeps, None when they could not be counted."""
    version = server.info["redis_version"]
    yield judged(Check.REDIS_VERSION, server.version >= OLDEST, f"Redis {version}")
    yield mode(server.info, as_cluster=as_cluster)
    yield eviction(Check.EVICTION, server.policy)
    yield _persistence(server, durability)
    yield _disk(server.info)
    yield _memory(server.info, rows)
    yield judged(Check.CLOCK, server.skew_seconds < _CLOCK_SECONDS, f"clocks differ by {server.skew_seconds:.1f} s")


def eviction(check: Check, policy: str | None) -> Finding:
    """Whether a Redis may delete keys of its own accord."""
    if policy is None:
        return Finding(check, Level.NOTE, "maxmemory-policy cannot be read")
    return judged(check, policy == "noeviction", f"maxmemory-policy {policy}")


def mode(info: Mapping[str, Any], *, as_cluster: bool = False) -> Finding:
    """Whether it is a server that can keep rows: of another nothing else can be asked."""
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
    return Finding(Check.REDIS_MODE, Level.OK, f"a primary with {replicas} replicas")


def _persistence(server: Server, durability: Durability) -> Finding:
    on, sync = server.append_only, server.append_sync
    if on is None:
        on = "yes" if server.info.get("aof_enabled") else "no"
    found = f"appendonly {on}, appendfsync {sync or 'cannot be read'}, durability {durability}"
    if durability == "waitaof":
        good = server.version >= _WAITAOF_SINCE
        found += f", Redis {server.info['redis_version']}"
    elif durability == "replica":
        good = int(server.info.get("connected_slaves", 0)) > 0
        found += f", {server.info.get('connected_slaves', 0)} replicas"
    elif sync is None and on == "yes":
        return Finding(Check.PERSISTENCE, Level.NOTE, found)
    else:
        good = sync == "always"
    return judged(Check.PERSISTENCE, good and on == "yes", found)


def _disk(info: Mapping[str, Any]) -> Finding:
    words = ("aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status")
    failed = [word for word in words if info.get(word, "ok") != "ok"]
    if failed:
        return Finding(Check.DISK, Level.BAD, ", ".join(f"{word} {info[word]}" for word in failed))
    return Finding(Check.DISK, Level.OK, "the last writes to disk went well")


def _memory(info: Mapping[str, Any], rows: int | None) -> Finding:
    used, limit = int(info["used_memory"]), int(info.get("maxmemory", 0))
    if rows is None:
        kept = "Redis is out of memory, so that its projects cannot be looked at"
    else:
        kept = f"{rows:,} rows are kept"
        kept += f", {used // rows:,} bytes of memory for each" if rows >= 1000 else ""
    if not limit:
        return Finding(Check.MEMORY, Level.NOTE, f"{used / _MB:,.0f} MB in use, no limit; {kept}")
    found = f"{used / _MB:,.0f} of {limit / _MB:,.0f} MB in use ({used / limit:.0%}); {kept}"
    return judged(Check.MEMORY, used <= limit * WATERMARK, found)
