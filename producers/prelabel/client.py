"""What a Redis client is in our signatures, how one is opened from a URL, and what its errors mean.

It answers bytes: redis-py's own types answer unions of str and bytes and of sync and async, which no setting of ours
produces.
"""

import re
from typing import Any

import redis
from redis.connection import Connection, ConnectionPool, SSLConnection, UnixDomainSocketConnection

Client = Any

_AWAY = (
    redis.ConnectionError,
    redis.TimeoutError,
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

    Raises ValueError for what is no URL of a Redis.
    """
    options = {"socket_timeout": seconds, "socket_connect_timeout": seconds, **options}
    pool = ConnectionPool.from_url(url, **options)
    pool.connection_class = _KINDS[pool.connection_class]
    return redis.Redis.from_pool(pool)


def is_away(error: Exception) -> bool:
    """Whether Redis cannot work just now, whatever it is asked: it is away, or says that its state forbids it."""
    if isinstance(error, _AWAY):
        return True
    return isinstance(error, redis.ResponseError) and _STATE.search(str(error)) is not None
