"""Find the Redis of a publisher that was given no URL."""

import logging
import os
from functools import cache
from pathlib import Path

from prelabel.errors import NoRedisUrl
from prelabel.printing import command
from prelabel.stack_file import NoStack, find_stack
from prelabel.wire.redis_url import RedisUrl

VARIABLE = "PRELABEL_REDIS_URL"
_log = logging.getLogger("prelabel.publisher")


def default_redis_url() -> RedisUrl:
    """Return the URL in `PRELABEL_REDIS_URL`, or else the URL of the Redis of the stack that runs here.

    Raises NoRedisUrl if there is neither, ValueError if the variable is no URL of a Redis.
    """
    url = os.environ.get(VARIABLE)
    if url is not None:
        try:
            return RedisUrl.parse(url)
        except ValueError as error:
            raise ValueError(f"{VARIABLE}: {error}") from None
    try:
        folder, stack = find_stack()
    except NoStack as error:
        raise NoRedisUrl(
            f"no Redis to publish to: {error}. Pass redis_url, set {VARIABLE}, or run `{command('up')}` in this folder"
        ) from None
    _log_once(folder)
    return RedisUrl.parse(stack.redis_url)


@cache
def _log_once(folder: Path) -> None:
    _log.info("publishing to the stack in %s: neither redis_url nor %s was given", folder, VARIABLE)
