"""Connect a command to Redis, which must answer before the command does anything."""

from typing import Protocol

import redis

from prelabel.errors import PrelabelError
from prelabel.printing import command
from prelabel.wire.client import Client, explained, open_client, remedy_of
from prelabel.wire.redis_url import RedisUrl
from prelabel_worker.cli.shared.terminal import ServiceAway
from prelabel_worker.errors import ConfigurationError

_SOCKET_SECONDS = 10.0


class Located(Protocol):
    """Settings that say where the rows are: all settings, or only those of Redis."""

    @property
    def state(self) -> RedisUrl:
        """The Redis that keeps the rows."""


def connect(settings: Located) -> Client:
    """Return a client that Redis has answered.

    Raises ConfigurationError when the URL or its settings must change, ServiceAway when waiting may help; neither error
    contains a secret.
    """
    client = open_client(settings.state, _SOCKET_SECONDS)
    try:
        client.ping()
    except (redis.RedisError, OSError) as error:
        raise not_usable(f"Redis at {settings.state}", error) from None
    return client


def not_usable(place: str, error: Exception) -> PrelabelError:
    """Return the error to raise for a server that cannot be used, in the server's words.

    It is a ConfigurationError when the URL or its settings must change, a ServiceAway when waiting may help.
    """
    remedy = remedy_of(error)
    problem = f"{place} {explained(error, remedy)}"
    return ConfigurationError(problem) if remedy else ServiceAway(f"{problem}; start it, or run `{command('up')}`")
