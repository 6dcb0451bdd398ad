"""Open a Redis client from a URL, and tell what its errors mean.

No other module turns a `RedisUrl` into a connection: publishers, workers, Celery's broker and commands use this one.
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
from prelabel.wire.redis_url import RedisUrl, TlsOptions, expected

Client = Any
"""A Redis client that returns bytes. redis-py's own types also allow str and awaitables, which our clients never
return."""

_AWAY = (
    redis.ConnectionError,
    redis.TimeoutError,
    redis.exceptions.NoScriptError,  # Redis has forgotten the script since it was loaded
    redis.ReadOnlyError,
    redis.exceptions.OutOfMemoryError,
    redis.exceptions.ClusterDownError,
    redis.exceptions.TryAgainError,
    redis.exceptions.MovedError,
)
_STATE = re.compile(r"(?:^|caused error: |: -)(?:OOM|MISCONF|READONLY|NOREPLICAS|MASTERDOWN|BUSY) ")
"""Beginnings of errors about the state of Redis: without a class in redis-py, or causes of a stopped script (6.2)."""

_HEALTH_CHECK_SECONDS = 15
_CONNECT_SECONDS = 5.0
_SHOWN = 300


def _silent() -> dict[str, Any]:
    """Return the options that keep redis-py from sending commands of its own, as far as its version has them.

    Otherwise it would name the client library on each connection, which the server refuses to our ACL users and logs,
    and subscribe to maintenance notices, which needs a push protocol and rights that a publisher does not have.
    """
    options: dict[str, Any] = {}
    if find_spec("redis.maint_notifications"):
        config = import_module("redis.maint_notifications").MaintNotificationsConfig
        options["maint_notifications_config"] = config(False)
    return options | (
        {"driver_info": None} if find_spec("redis.driver_info") else {"lib_name": None, "lib_version": None}
    )


_SILENT = _silent()


def read_tickets(connection: Any) -> None:
    """Read one answer on a new TLS connection, and with it the session tickets that a server sends unasked.

    Unread tickets mislead redis-py's pool, which sees an answer that nobody has read, and kombu's event loop, which
    sees a hint and then waits for it.
    """
    connection.send_command("PING", check_health=False)
    connection.read_response()


class _LeavesReplicas:
    """A connection that is closed if its server has become a replica.

    After a failover, the address may lead to another server, which only a new connection reaches.
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
    """Return the class of connections to a server at this URL."""
    return _Unix if url.socket else _Tls if url.tls else _Tcp


def connection_options(url: RedisUrl, seconds: float) -> dict[str, Any]:
    """Return all options of a connection, so that no default applies that depends on redis-py's version.

    `seconds` is the time-out for connecting and for an answer, unless the URL sets one.
    """
    options = url.options
    arguments: dict[str, Any] = {
        "db": url.database,
        "username": url.username,
        "password": url.password,
        "protocol": options.protocol,
        "socket_timeout": options.socket_timeout or seconds,
        "client_name": options.client_name,
        "health_check_interval": _HEALTH_CHECK_SECONDS
        if options.health_check_interval is None
        else options.health_check_interval,
        "retry": Retry(NoBackoff(), 0),  # the caller decides what to repeat
        "retry_on_timeout": False,
        "max_connections": options.max_connections,
        **_SILENT,
    }
    if url.socket:
        return arguments | {"path": url.socket}
    arguments |= {
        "host": url.hosts[0].name,
        "port": url.hosts[0].port,
        "socket_connect_timeout": options.socket_connect_timeout or min(seconds, _CONNECT_SECONDS),
        "socket_keepalive": options.socket_keepalive,
    }
    return arguments | ({name: getattr(options, name) for name in expected(TlsOptions)} if url.tls else {})


def open_client(url: str | RedisUrl, seconds: float) -> Client:
    """Open a client that connects when it is first used; for `seconds` see `connection_options`.

    Raises InvalidUrl, which is a ValueError.
    """
    url = url if isinstance(url, RedisUrl) else RedisUrl.parse(url)
    options = connection_options(url, seconds)
    if url.cluster:
        return ClusterClient(url, options | ({"redis_connect_func": read_tickets} if url.tls else {}))
    return redis.Redis.from_pool(ConnectionPool(connection_class=connection_class(url), **options))


def has_slots(client: Client) -> bool:
    """Return whether this is a cluster, where a pipeline may only have commands of one slot."""
    return isinstance(client, ClusterClient)


def node_of(client: Client, key: str) -> Client:
    """Return a client of the server that has this key. Raises redis.ConnectionError."""
    return client.node_of(key) if has_slots(client) else client


def seconds_of(time_parts: tuple[int, int]) -> float:
    """Return the Unix time in seconds that a server's answer to TIME says."""
    return time_parts[0] + time_parts[1] / 1e6


def server_time(client: Client, key: str) -> float:
    """Return the Unix time in seconds by the clock of the server that has this key; scripts date by it too."""
    return seconds_of(node_of(client, key).time())


def servers_of(client: Client) -> "list[redis.Redis]":
    """Return a client of every server that keeps rows. Raises redis.ConnectionError."""
    return client.primaries() if has_slots(client) else [client]


def is_away(error: Exception) -> bool:
    """Return whether Redis cannot serve any request now: it does not answer, or its state forbids it."""
    if isinstance(error, _AWAY):
        return True
    return isinstance(error, redis.ResponseError) and _STATE.search(str(error)) is not None


_OF_KEYS = re.compile(
    r"WRONGTYPE |KEYS-DIFFER |is not an integer|not a valid float|hash value is not a|bad argument #"
    r"|command arguments must be strings or integers|would overflow|invalid value \(\w+\) at index"
    r"|attempt to (?:compare|perform arithmetic|concatenate|get length|index (?!global))"
    r"|but found (?:T_|invalid token)|too many nested data structures|Cannot serialise number"
)
"""Errors of Redis or of a script about a key whose content this project cannot have written."""


def is_of_keys(error: Exception) -> bool:
    """Return whether the error is about the content of a key, so that it does not concern other keys or projects.

    An error about a temporary state of Redis is not: it says nothing about a project.
    """
    return isinstance(error, redis.ResponseError) and not is_away(error) and _OF_KEYS.search(str(error)) is not None


_PASSING_TLS = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError, ssl.SSLWantReadError)
_WRONG_DATABASE = re.compile(r"(?i)DB index|invalid database|SELECT is not allowed")
_WRONG_LOGIN = re.compile(r"(?i)without any password configured|WRONGPASS|NOAUTH|NOPERM")
_WRONG_PROTOCOL = re.compile(r"(?i)NOPROTO|unknown command .?HELLO|Invalid RESP")


def remedy_of(error: BaseException) -> str | None:
    """Return what to change in the URL that led to this error; None if waiting may help."""
    for cause in causes(error):
        words = str(cause)
        if isinstance(cause, ssl.SSLCertVerificationError):
            return "name its CA with the option ssl_ca_certs=FILE, or the host that its certificate is for"
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, _PASSING_TLS):
            return "check that the server speaks TLS at this port, and the files of the ssl_ options"
        if isinstance(cause, redis.RedisError):
            refused = isinstance(cause, redis.AuthenticationError | redis.exceptions.NoPermissionError)
            if refused or _WRONG_LOGIN.search(words):
                return "check the user, its password and its rights; both are percent-encoded in the URL"
            if _WRONG_DATABASE.search(words):
                return "check the database number in the URL"
            if _WRONG_PROTOCOL.search(words):
                return "leave out the option protocol"
    return None


def words_of(error: BaseException) -> str:
    """Return what the server or the system reported: one printable line of bounded length."""
    text = str(error) or type(error).__name__
    if any("handshake operation timed out" in str(cause) for cause in causes(error)):
        text = "the TLS handshake timed out, as with a server that does not speak TLS at this port"
    return printable(text[:_SHOWN].rstrip(". \r\n"))


def explained(error: BaseException, remedy: str | None) -> str:
    """Return why the server cannot be used, in its own words, and what to change if waiting does not help."""
    return f"cannot be used: {words_of(error)}; {remedy}" if remedy else f"does not answer: {words_of(error)}"


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error, then the one that led to it, and so on."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
