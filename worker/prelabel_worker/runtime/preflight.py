"""Check a worker's settings and servers at its start; end it, with a remedy, for a problem that waiting does not fix.

The worker waits for a server that cannot be reached, but not if a password is wrong, a certificate unknown or a key
missing.
"""

from collections.abc import Iterator

import redis
import structlog

from prelabel.wire.client import explained, words_of
from prelabel_worker.errors import ConfigurationError
from prelabel_worker.labelbox.endpoint import Endpoint
from prelabel_worker.runtime import broker
from prelabel_worker.runtime.clients import connect
from prelabel_worker.settings import Settings

_log = structlog.get_logger(__name__)
_BROKER_SECONDS = 5.0


def check(settings: Settings) -> None:
    """Check the keys, Redis and the broker. Raises ConfigurationError with all problems."""
    problems = list(_problems(settings))
    if problems:
        raise ConfigurationError("; ".join(problems))


def ends_worker(error: Exception) -> bool:
    """Return whether a server refuses for good, and log it if so; for a worker that has not reached that server yet."""
    remedy = broker.remedy(error)
    if remedy is not None:
        _log.error("worker.cannot_start", detail=words_of(error), remedy=remedy)
    return remedy is not None


def _problems(settings: Settings) -> Iterator[str]:
    if not settings.accounts:
        yield (
            f"there is no API key, neither for account {settings.account} nor for another: set "
            "PRELABEL_LABELBOX_API_KEY, or PRELABEL_ACCOUNT_KEYS for further accounts"
        )
    endpoint = Endpoint.parse(settings.labelbox_endpoint)
    if not all(map(endpoint.may_have, settings.api_keys)):
        yield endpoint.refusal
    client = connect(settings)
    try:
        client.ping()
    except (redis.RedisError, OSError) as error:
        yield from _problem("PRELABEL_REDIS_URL", f"Redis at {settings.state}", error)
    finally:
        client.close()
    try:
        broker.connect(settings, _BROKER_SECONDS)
    except broker.ERRORS as error:
        yield from _problem("PRELABEL_BROKER_URL", f"the broker at {settings.broker}", error)


def _problem(setting: str, place: str, error: Exception) -> Iterator[str]:
    remedy = broker.remedy(error)
    if remedy is not None:
        yield f"{setting}: {place} {explained(error, remedy)}"
    else:
        _log.warning("worker.waits", place=place, detail=words_of(error))
