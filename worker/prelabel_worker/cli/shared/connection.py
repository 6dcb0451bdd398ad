"""The Redis of a command, which must answer before anything is done."""

from typing import Protocol

import redis

from prelabel.errors import PrelabelError
from prelabel.wire.client import Client, explained, open_client, remedy_of
from prelabel.wire.redis_url import RedisUrl
from prelabel_worker.cli.shared.terminal import ServiceAway
from prelabel_worker.errors import ConfigurationError

_SOCKET_SECONDS = 10.0


class Located(Protocol):
    """What says where the rows are: all settings, or those alone that lead there."""

    @property
    def state(self) -> RedisUrl:
        """The Redis that keeps the rows."""


def connect(settings: Located) -> Client:
    """Return a client whose first answer has come.

    Raises ConfigurationError where the URL cannot be right, ServiceAway where waiting may help; neither has a secret.
    """
    client = open_client(settings.state, _SOCKET_SECONDS)
    try:
        client.ping()
    except (redis.RedisError, OSError) as error:
        raise not_usable(f"Redis at {settings.state}", error) from None
    return client


def not_usable(place: str, error: Exception) -> PrelabelError:
    """Return what to raise for a server that refuses the client, in the server's words.

    ConfigurationError where its URL or its settings must change, ServiceAway where waiting may help.
    """
    remedy = remedy_of(error)
    problem = f"{place} {explained(error, remedy)}"
    return ConfigurationError(problem) if remedy else ServiceAway(f"{problem}; start it, or `prelabel up`")
