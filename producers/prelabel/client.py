"""What a Redis client is in our signatures, how one is opened from a URL, and what its errors mean.

It answers bytes: redis-py's own types answer unions of str and bytes and of sync and async, which no setting of ours
produces.
"""

import re
from typing import Any

import redis
from redis.connection import Connection, ConnectionPool, SSLConnection, UnixDomainSocketConnection

from prelabel.cluster import ClusterClient, is_cluster

Client = Any

_AWAY = (
    redis.ConnectionError,
    redis.TimeoutError,
    redis.exceptions.NoScriptError,  # forgotten again since it was given
    redis.ReadOnlyError,
    redis.exceptions.OutOfMemoryError,
    redis.exceptions.ClusterDownError,
    redis.exceptions.TryAgainError,
    redis.exceptions.MovedError,
)
_STATE = re.compile(r"(?:^|caused error: |: -)(?:OOM|MISCONF|READONLY|NOREPLICAS|MASTERDOWN|BUSY) ")
"""How the text begins where redis-py has no class for it, or where Redis 6.2 tells what stopped a script."""


class _LeavesReplicas:
    """A connection that is closed when its server has become a replica.

    After a failover the address may lead to another server, and only a new connection gets there.
    """

    def read_response(self, *args: Any, **options: Any) -> Any:
        try:
            return super().read_response(*args, **options)  # type: ignore[misc]
        except redis.ResponseError as error:
            if isinstance(error, redis.ReadOnlyError) or "-READONLY " in str(error):
                self.disconnect()  # type: ignore[attr-defined]
                raise redis.ConnectionError("this Redis is a read-only replica") from None
            raise


class _Tcp(_LeavesReplicas, Connection):
    pass


class _Tls(_LeavesReplicas, SSLConnection):
    pass


class _Unix(_LeavesReplicas, UnixDomainSocketConnection):
    pass


_KINDS: dict[Any, Any] = {Connection: _Tcp, SSLConnection: _Tls, UnixDomainSocketConnection: _Unix}


def open_client(url: str, seconds: float, **options: Any) -> Client:
    """A client that connects when it is first used and waits so long for an answer; `options` are redis-py's.

    `redis://`, `rediss://`, `unix://`, or for a cluster `redis+cluster://host:port,host:port` and `rediss+cluster://`.
    Raises ValueError for what is no URL of a Redis.
    """
    options = {"socket_timeout": seconds, "socket_connect_timeout": seconds, **options}
    if is_cluster(url):
        return ClusterClient(url, options)
    pool = ConnectionPool.from_url(url, **options)
    pool.connection_class = _KINDS[pool.connection_class]
    return redis.Redis.from_pool(pool)


def has_slots(client: Client) -> bool:
    """Whether it is a cluster, where a pipeline holds commands of one slot only."""
    return isinstance(client, ClusterClient)


def node_of(client: Client, key: str) -> Client:
    """The server that has this key, where there are several. Raises redis.ConnectionError."""
    return client.node_of(key) if has_slots(client) else client


def servers_of(client: Client) -> "list[redis.Redis]":
    """Every server that keeps rows. Raises redis.ConnectionError."""
    return client.primaries() if has_slots(client) else [client]


def is_away(error: Exception) -> bool:
    """Whether Redis cannot work just now, whatever it is asked: it is away, or says that its state forbids it."""
    if isinstance(error, _AWAY):
        return True
    return isinstance(error, redis.ResponseError) and _STATE.search(str(error)) is not None
