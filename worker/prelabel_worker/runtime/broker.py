"""Connect the app and the commands to Celery's broker, under the same rules as to the Redis that holds the rows.

kombu reads URLs in its own way: it verifies no certificate unless told to, raises TypeError for options that it does
not know, and leaves the protocol version to redis-py. So this module gives it a transport that connects as
`prelabel.wire.client` does.
"""

import ssl
from typing import Any

import redis
from amqp.exceptions import AccessRefused, AMQPError, NotAllowed
from celery import Celery
from kombu.exceptions import OperationalError
from kombu.transport import redis as kombu_redis

from prelabel.wire.client import causes, connection_class, connection_options, remedy_of
from prelabel.wire.redis_url import RedisUrl
from prelabel_worker.amqp_url import AmqpUrl
from prelabel_worker.settings import Settings

ERRORS = (OperationalError, AMQPError, redis.RedisError, OSError)
"""The errors of a broker that cannot be reached or that refuses."""
_SOCKET_SECONDS = 10.0
_HEALTH_CHECK_SECONDS = 10


class Channel(kombu_redis.Channel):
    """A channel whose connections are opened as `prelabel.wire.client` opens them."""

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:
        url = RedisUrl.parse(self.connection.client.hostname)
        self.connection_class = connection_class(url)
        wrapped = super()._connparams(asynchronous)["connection_class"]  # type: ignore[no-untyped-call]
        options = connection_options(url, _SOCKET_SECONDS)
        if url.options.health_check_interval is None:
            options["health_check_interval"] = _HEALTH_CHECK_SECONDS
        return options | {"connection_class": wrapped}


class Transport(kombu_redis.Transport):
    """kombu's transport for Redis, for any URL that `RedisUrl` reads."""

    Channel = Channel
    can_parse_url = True

    def as_uri(self, uri: str, include_password: bool = False, mask: str = "**") -> str:
        """Return the broker's URL, without its secrets unless `include_password` is set."""
        url = RedisUrl.parse(uri)
        return url.text if include_password else str(url)


def configuration(settings: Settings) -> dict[str, Any]:
    """Return the Celery settings that connect to the broker of these settings. Raises ConfigurationError."""
    url = settings.broker
    # Set both: the variable `CELERY_BROKER_URL`, perhaps another application's, takes precedence over `broker_url`.
    urls = {"broker_read_url": url.text, "broker_write_url": url.text}
    if isinstance(url, AmqpUrl):
        return urls | {"broker_use_ssl": _amqp_tls(url) if url.tls else False}
    return urls | {
        "broker_transport": f"{__name__}:Transport",
        "broker_transport_options": {
            "global_keyprefix": f"{settings.key_prefix}:celery:",
            # Otherwise kombu would copy each hint in hand to a hash, and remove it there when its task has ended: two
            # more transactions on the disk. The hint of a worker that dies is lost, and a timer replaces it.
            "ack_emulation": False,
            "health_check_interval": _HEALTH_CHECK_SECONDS,
        },
    }


def connect(settings: Settings, seconds: float) -> None:
    """Connect to the broker as workers do, and close. Raises ConfigurationError, or one of `ERRORS`."""
    app = Celery(set_as_current=False)
    app.conf.update(configuration(settings))
    with app.connection_for_write() as connection:
        connection.ensure_connection(max_retries=1, timeout=seconds)


def remedy(error: BaseException) -> str | None:
    """Return what to change in the settings that led to this error; None if waiting may help."""
    for cause in causes(error):
        if isinstance(cause, AccessRefused):
            return "check the user, its password and its rights; both are percent-encoded in the URL"
        if isinstance(cause, NotAllowed):
            return "check the virtual host in the URL, and the user's rights to it"
    return remedy_of(error)


def _amqp_tls(url: AmqpUrl) -> dict[str, Any]:
    """Return the TLS options of py-amqp, which checks the host name only if `server_hostname` is given.

    The key is left out rather than None, since kombu replaces None by the host of the URL.
    """
    options = url.options
    verified = {"required": ssl.CERT_REQUIRED, "optional": ssl.CERT_OPTIONAL, "none": ssl.CERT_NONE}
    return ({"server_hostname": url.host} if options.verified else {}) | {
        "cert_reqs": verified[options.ssl_cert_reqs],
        "ca_certs": options.ssl_ca_certs,
        "certfile": options.ssl_certfile,
        "keyfile": options.ssl_keyfile,
    }
