"""What a Redis client is in our signatures, how one is opened from a URL, and what its errors mean.

This is the one place that turns a `RedisUrl` into a connection, for publishers, workers, Celery's broker and commands.
A client answers bytes: redis-py's own types answer unions of str and bytes and of sync and async, which no setting of
ours produces.
"""

import re
import ssl
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.connection import Connection, ConnectionPool, SSLConnection, UnixDomainSocketConnection
from redis.retry import Retry

from prelabel.printing import printable
from prelabel.wire.cluster import ClusterClient
from prelabel.wire.redis_url import RedisUrl, TlsOptions

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


_HEALTH_CHECK_SECONDS = 15
_CONNECT_SECONDS = 5.0
_SHOWN = 300


def _silent() -> dict[str, Any]:
    """What keeps redis-py from saying more than it is asked to, as far as its version knows of it.

    Words about the client library at each connection would be logged as refused by a server with our ACL users, and
    notices of maintenance need a push protocol and rights that a publisher has not.
    """
    told: dict[str, Any] = {}
    if find_spec("redis.maint_notifications"):
        told["maint_notifications_config"] = import_module("redis.maint_notifications").MaintNotificationsConfig(False)
    return told | ({"driver_info": None} if find_spec("redis.driver_info") else {"lib_name": None, "lib_version": None})


_SILENT = _silent()


def read_tickets(connection: Any) -> None:
    """Have one answer over a new TLS connection, and with it the session tickets that a server sends unasked.

    While they lie unread, redis-py's pool takes the connection for one with an answer left over, and kombu's event loop
    for one with a hint, which it then waits for.
    """
    connection.send_command("PING", check_health=False)
    connection.read_response()


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
    def on_connect_check_health(self, check_health: bool = True) -> None:
        super().on_connect_check_health(check_health)
        read_tickets(self)


class _Unix(_LeavesReplicas, UnixDomainSocketConnection):
    pass


def connection_class(url: RedisUrl) -> type[Any]:
    """The class of connections to a server of this URL."""
    return _Unix if url.socket else _Tls if url.tls else _Tcp


def connection_options(url: RedisUrl, seconds: float) -> dict[str, Any]:
    """Everything redis-py must be told to connect; nothing is left to the defaults of one of its versions.

    `seconds` is the longest wait for a connection and for an answer, where the URL names none.
    """
    options = url.options
    told: dict[str, Any] = {
        "db": url.database,
        "username": url.username,
        "password": url.password,
        "protocol": options.protocol,
        "socket_timeout": options.socket_timeout or seconds,
        "client_name": options.client_name,
        "health_check_interval": _HEALTH_CHECK_SECONDS
        if options.health_check_interval is None
        else options.health_check_interval,
        "retry": Retry(NoBackoff(), 0),  # who asked decides what is asked again
        "retry_on_timeout": False,
        "max_connections": options.max_connections,
        **_SILENT,
    }
    if url.socket:
        return told | {"path": url.socket}
    told |= {
        "host": url.hosts[0].name,
        "port": url.hosts[0].port,
        "socket_connect_timeout": options.socket_connect_timeout or min(seconds, _CONNECT_SECONDS),
        "socket_keepalive": options.socket_keepalive,
    }
    return told | ({name: getattr(options, name) for name in TlsOptions.model_fields} if url.tls else {})


def open_client(url: str | RedisUrl, seconds: float) -> Client:
    """Open a client that connects when it is first used; for `seconds` see `connection_options`.

    Raises InvalidUrl, which is a ValueError.
    """
    url = url if isinstance(url, RedisUrl) else RedisUrl.parse(url)
    told = connection_options(url, seconds)
    if url.cluster:
        return ClusterClient(url, told | ({"redis_connect_func": read_tickets} if url.tls else {}))
    return redis.Redis.from_pool(ConnectionPool(connection_class=connection_class(url), **told))


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


_OF_KEYS = re.compile(
    r"WRONGTYPE |KEYS-DIFFER |is not an integer|not a valid float|hash value is not a|bad argument #"
    r"|command arguments must be strings or integers|would overflow|invalid value \(\w+\) at index"
    r"|attempt to (?:compare|perform arithmetic|concatenate|get length|index (?!global))"
    r"|but found (?:T_|invalid token)|too many nested data structures|Cannot serialise number"
)
"""What Redis says where a key holds what nobody of ours writes, by itself or from within a script."""


def is_of_keys(error: Exception) -> bool:
    """Return whether the error is about what is in a key, so that other keys, and other projects, are not concerned.

    Never true for a state of Redis that passes: such an error says nothing about a project.
    """
    return isinstance(error, redis.ResponseError) and not is_away(error) and _OF_KEYS.search(str(error)) is not None


_PASSING_TLS = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError, ssl.SSLWantReadError)
_WRONG_DATABASE = re.compile(r"(?i)DB index|invalid database|SELECT is not allowed")
_WRONG_LOGIN = re.compile(r"(?i)without any password configured|WRONGPASS|NOAUTH|NOPERM")
_WRONG_PROTOCOL = re.compile(r"(?i)NOPROTO|unknown command .?HELLO|Invalid RESP")


def remedy_of(error: BaseException) -> str | None:
    """What to change in the URL that led to this error; None where waiting may help: the server is away or busy."""
    for each in causes(error):
        words = str(each)
        if isinstance(each, ssl.SSLCertVerificationError):
            return "name its CA with the option ssl_ca_certs=FILE, or the host that its certificate is for"
        if isinstance(each, ssl.SSLError) and not isinstance(each, _PASSING_TLS):
            return "check that the server speaks TLS at this port, and the files of the ssl_ options"
        if isinstance(each, redis.RedisError):
            if isinstance(each, redis.AuthenticationError | redis.exceptions.NoPermissionError) or _WRONG_LOGIN.search(
                words
            ):
                return "check the user, its password and its rights; both are percent-encoded in the URL"
            if _WRONG_DATABASE.search(words):
                return "check the database number in the URL"
            if _WRONG_PROTOCOL.search(words):
                return "leave out the option protocol"
    return None


def words_of(error: BaseException) -> str:
    """What the server, or the system, said: one printable line of bounded length."""
    text = str(error) or type(error).__name__
    if any("handshake operation timed out" in str(each) for each in causes(error)):
        text = "the TLS handshake timed out, as with a server that does not speak TLS at this port"
    return printable(text[:_SHOWN].rstrip(". \r\n"))


def explained(error: BaseException, remedy: str | None) -> str:
    """Say in the server's own words why it cannot be talked to, and what to change where waiting does not help."""
    return f"cannot be used: {words_of(error)}; {remedy}" if remedy else f"does not answer: {words_of(error)}"


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what led to it, one after the other."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
