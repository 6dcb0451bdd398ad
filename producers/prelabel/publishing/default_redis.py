"""Which Redis a publisher uses that was not told one."""

import logging
import os
from functools import cache
from pathlib import Path

from prelabel.errors import NoRedisUrl
from prelabel.stack_file import NoStack, find_stack
from prelabel.wire.redis_url import RedisUrl

VARIABLE = "PRELABEL_REDIS_URL"
_log = logging.getLogger("prelabel.publisher")


def default_redis_url() -> RedisUrl:
    """Return the Redis of `PRELABEL_REDIS_URL`, or else that of the stack that runs here.

    Raises NoRedisUrl where there is neither, ValueError where the variable holds no URL of a Redis.
    """
    named = os.environ.get(VARIABLE)
    if named is not None:
        try:
            return RedisUrl.parse(named)
        except ValueError as error:
            raise ValueError(f"{VARIABLE}: {error}") from None
    try:
        folder, stack = find_stack()
    except NoStack as error:
        raise NoRedisUrl(
            f"no Redis to publish to: {error}. Pass redis_url, set {VARIABLE}, or run `prelabel up` in this folder"
        ) from None
    _log_once(folder)
    return RedisUrl.parse(stack.redis_url)


@cache
def _log_once(folder: Path) -> None:
    _log.info("publishing to the stack in %s: neither redis_url nor %s was given", folder, VARIABLE)
