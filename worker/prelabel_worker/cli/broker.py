"""Whether Celery's broker answers, and what kind of Redis it is where it is one."""

from collections.abc import Iterator

import redis
from celery import Celery
from kombu.exceptions import OperationalError

from prelabel_worker.doctor.findings import Check, Finding, Level
from prelabel_worker.doctor.redis_server import eviction, host_of, setting, version
from prelabel_worker.doctor.server_flavour import flavour_of
from prelabel_worker.errors import ConfigurationError
from prelabel_worker.settings import Settings

_SECONDS = 5


def findings(settings: Settings, rows_run_id: str) -> Iterator[Finding]:
    """About the broker; `rows_run_id` names the Redis process that keeps the rows."""
    try:
        app = Celery(broker=settings.broker, set_as_current=False)
        with app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, timeout=_SECONDS)
    except (OperationalError, OSError) as error:
        yield Finding(Check.BROKER, Level.BAD, f"the broker does not answer ({type(error).__name__})")
        return
    except ConfigurationError as error:
        yield Finding(Check.BROKER, Level.BAD, str(error))
        return
    url = _redis_url(settings)
    if url is None:
        yield Finding(Check.BROKER, Level.OK, "the broker answers; it is no Redis")
        return
    yield from _redis(url, rows_run_id if settings.broker_url else None)


def _redis_url(settings: Settings) -> str | None:
    """The broker as a Redis client spells it; None when it is something else."""
    url = (settings.broker_url or settings.redis_url).get_secret_value()
    if url.startswith("redis+socket://"):
        url = url.replace("redis+socket://", "unix://", 1).replace("?virtual_host=", "?db=")
    return url if url.startswith(("redis://", "rediss://", "unix://")) else None


def _redis(url: str, rows_run_id: str | None) -> Iterator[Finding]:
    """What kind of Redis it is, unless it is the one with the rows: the same URL, or the same process."""
    try:
        with redis.Redis.from_url(url, socket_timeout=_SECONDS, socket_connect_timeout=_SECONDS) as client:
            info = client.info()
            # Not every server reports the process: two that do not are two.
            if rows_run_id is None or str(info.get("run_id", "")) == rows_run_id:
                yield Finding(Check.BROKER, Level.OK, "the broker answers; it is the same Redis")
                return
            yield Finding(Check.BROKER, Level.OK, "the broker answers; it is another Redis")
            yield version(Check.BROKER_VERSION, flavour_of(info, host_of(client)))
            yield eviction(Check.BROKER_EVICTION, setting(client, "maxmemory-policy"), info)
    except redis.RedisError as error:
        yield Finding(Check.BROKER_EVICTION, Level.NOTE, f"the broker cannot be asked ({type(error).__name__})")
