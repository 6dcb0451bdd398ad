"""Tell which server speaks Redis's protocol, from its INFO and its address. Pure: no I/O.

docs/reference/redis-servers.md has the source of each name, field and limit, and says which servers were run.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from prelabel_worker.stack.redis_server import OLDEST


class Flavour(StrEnum):
    """A server, or a service that runs one, by its usual name."""

    REDIS = "Redis"
    VALKEY = "Valkey"
    DRAGONFLY = "Dragonfly"
    KEYDB = "KeyDB"
    REDIS_ENTERPRISE = "Redis Enterprise"
    ELASTICACHE = "Amazon ElastiCache"
    ELASTICACHE_SERVERLESS = "Amazon ElastiCache Serverless"
    MEMORYDB = "Amazon MemoryDB"
    AZURE = "Azure Redis"
    UPSTASH = "Upstash"
    UNKNOWN = "unknown server"


_REFUSALS = {
    Flavour.ELASTICACHE_SERVERLESS: "its scripts may only touch keys that are listed in KEYS, and its settings, "
    "eviction among them, cannot be changed",
    Flavour.UPSTASH: "every script locks the whole database, and neither INFO nor CONFIG reports how durable an "
    "answer is",
}

_HOSTS = (
    (re.compile(r"\.upstash\.io$"), Flavour.UPSTASH),
    (re.compile(r"\.serverless\.[a-z0-9-]+\.cache\.amazonaws\.com(\.cn)?$"), Flavour.ELASTICACHE_SERVERLESS),
    (re.compile(r"\.cache\.amazonaws\.com(\.cn)?$"), Flavour.ELASTICACHE),
    (re.compile(r"\.memorydb\.[a-z0-9-]+\.amazonaws\.com(\.cn)?$"), Flavour.MEMORYDB),
    (
        re.compile(r"\.(redis\.cache\.windows\.net|redisenterprise\.cache\.azure\.net|redis\.azure\.net)$"),
        Flavour.AZURE,
    ),
    (re.compile(r"\.(redislabs\.com|redis-cloud\.com)$"), Flavour.REDIS_ENTERPRISE),
)
"""How the host names of a service end. The order matters: a serverless cache also has an ElastiCache ending."""

_OLDEST = {Flavour.REDIS: OLDEST, Flavour.VALKEY: (7, 2), Flavour.KEYDB: (6, 2)}
"""The oldest supported version of an engine, in its own numbers; KeyDB's are those of the Redis that it forked."""

_WAITAOF_SINCE = {Flavour.REDIS: (7, 2), Flavour.VALKEY: (7, 2)}
_WITHOUT_WAITAOF = {Flavour.REDIS_ENTERPRISE, Flavour.AZURE, *_REFUSALS}


@dataclass(frozen=True, slots=True)
class ServerFlavour:
    """A server's name and versions; a version is empty where none is reported."""

    flavour: Flavour
    #: The engine that runs the commands: for a service Redis or Valkey, else the flavour itself.
    engine: Flavour
    #: The version by the flavour's own count.
    version: str
    #: The version of Redis that it claims to be compatible with; clients that know only Redis use it.
    redis_version: str
    #: Its own name for itself, when the flavour is unknown.
    own_name: str = ""

    def __str__(self) -> str:
        name = f"{self.flavour} '{self.own_name}'" if self.own_name else str(self.flavour)
        if self.engine is Flavour.VALKEY and self.flavour is not Flavour.VALKEY:
            name += ", Valkey"
        text = f"{name} {self.version}".rstrip()
        claims_another = self.redis_version and self.redis_version != self.version
        return f"{text} (compatible with Redis {self.redis_version})" if claims_another else text

    @property
    def refusal(self) -> str:
        """Return why it is not supported; empty when it is."""
        return _REFUSALS.get(self.flavour, "")

    @property
    def was_run(self) -> bool:
        """Return whether the tests run on it; the other servers are only expected to work."""
        return self.flavour in (Flavour.REDIS, Flavour.VALKEY)

    @property
    def oldest(self) -> str:
        """Return the oldest supported version, with the engine's name; empty when no version is too old."""
        oldest = _OLDEST.get(self.engine)
        return f"{self.engine} {'.'.join(map(str, oldest))}" if oldest else ""

    @property
    def is_recent(self) -> bool:
        """Return whether the engine is new enough, in its own numbers."""
        return self._engine_version >= _OLDEST.get(self.engine, ())

    @property
    def has_waitaof(self) -> bool:
        """Return whether it has the command `WAITAOF`."""
        since = _WAITAOF_SINCE.get(self.engine)
        return since is not None and self.flavour not in _WITHOUT_WAITAOF and self._engine_version >= since

    @property
    def keeps_a_log(self) -> bool:
        """Return whether a log of the service makes every answer durable, whatever its settings say."""
        return self.flavour is Flavour.MEMORYDB

    @property
    def _engine_version(self) -> tuple[int, ...]:
        text = self.redis_version if self.engine is Flavour.REDIS else self.version
        return tuple(int(part) for part in text.split(".")[:2] if part.isdigit())


def flavour_of(info: Mapping[str, Any], host: str = "") -> ServerFlavour:
    """Return which server it is, by every section of its INFO as redis-py parses them, and by its host name."""
    flavour, engine, redis_version = _flavour(info, host), _engine(info), _number(info.get("redis_version"))
    if engine is Flavour.VALKEY:
        version = _number(info.get("valkey_version"))
    elif flavour is Flavour.REDIS_ENTERPRISE:
        version = _number(info.get("rlec_version"))
    else:
        field = {Flavour.DRAGONFLY: "dragonfly_version", Flavour.UPSTASH: "upstash_version"}.get(flavour)
        version = _number(info.get(field)) if field else redis_version
    own_name = str(info.get("server_name", "")) if flavour is Flavour.UNKNOWN else ""
    return ServerFlavour(flavour, engine, version, redis_version, own_name)


def _flavour(info: Mapping[str, Any], host: str) -> Flavour:
    by_address = next((flavour for ending, flavour in _HOSTS if ending.search(host.lower())), None)
    system = str(info.get("os", ""))
    if "upstash_version" in info:
        return Flavour.UPSTASH
    if system.startswith("Amazon MemoryDB"):
        return Flavour.MEMORYDB
    if system.startswith("Amazon ElastiCache") and by_address is not Flavour.ELASTICACHE_SERVERLESS:
        return Flavour.ELASTICACHE
    if by_address is not None:
        return by_address
    return Flavour.REDIS_ENTERPRISE if "rlec_version" in info else _engine(info)


def _engine(info: Mapping[str, Any]) -> Flavour:
    if "dragonfly_version" in info:
        return Flavour.DRAGONFLY
    if "valkey_version" in info:
        return Flavour.VALKEY
    if "mvcc_depth" in info:
        return Flavour.KEYDB
    named_otherwise = str(info.get("server_name", "redis")).lower() != "redis"
    return Flavour.UNKNOWN if named_otherwise or "redis_version" not in info else Flavour.REDIS


def _number(version: object) -> str:
    """Return the digits of a version: `df-v1.27.1` → `1.27.1`."""
    digits = re.search(r"\d+(\.\d+)*(-\d+)?", str(version or ""))
    return digits[0] if digits else ""
