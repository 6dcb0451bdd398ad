"""Check Celery's broker: whether it answers and, if it is a Redis, whether it is supported and keeps its keys."""

from collections.abc import Iterator

import redis

from prelabel.wire.client import explained, open_client, words_of
from prelabel.wire.redis_url import RedisUrl
from prelabel_worker.doctor.findings import Check, Finding, Level
from prelabel_worker.doctor.redis_server import eviction, host_of, setting, tls, version
from prelabel_worker.doctor.server_flavour import flavour_of
from prelabel_worker.errors import ConfigurationError
from prelabel_worker.runtime import broker
from prelabel_worker.settings import Settings

_SECONDS = 5.0


def findings(settings: Settings, rows_run_id: str) -> Iterator[Finding]:
    """Check the broker; `rows_run_id` names the Redis process that keeps the rows."""
    try:
        url = settings.broker
        broker.connect(settings, _SECONDS)
    except broker.ERRORS as error:
        yield Finding(Check.BROKER, Level.BAD, f"the broker at {url} {explained(error, broker.remedy(error))}")
        return
    except ConfigurationError as error:
        yield Finding(Check.BROKER, Level.BAD, str(error))
        return
    if url.tls and url != settings.state:
        yield tls(str(url), url.options)
    if not isinstance(url, RedisUrl):
        yield Finding(Check.BROKER, Level.OK, "the broker answers; it is no Redis")
        return
    yield from _redis(url, rows_run_id if settings.broker_url else None)


def _redis(url: RedisUrl, rows_run_id: str | None) -> Iterator[Finding]:
    """Check the broker's version and eviction, unless it is the Redis that keeps the rows: the same URL or process."""
    try:
        with open_client(url, _SECONDS) as client:
            info = client.info()
            # A server may report no `run_id`: then it counts as another one.
            if rows_run_id is None or str(info.get("run_id", "")) == rows_run_id:
                yield Finding(Check.BROKER, Level.OK, "the broker answers; it is the same Redis")
                return
            yield Finding(Check.BROKER, Level.OK, "the broker answers; it is another Redis")
            yield version(Check.BROKER_VERSION, flavour_of(info, host_of(client)))
            yield eviction(Check.BROKER_EVICTION, setting(client, "maxmemory-policy"), info)
    except redis.RedisError as error:
        yield Finding(Check.BROKER_EVICTION, Level.NOTE, f"the broker cannot be asked: {words_of(error)}")
