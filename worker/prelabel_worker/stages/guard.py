"""What a stage does when its chunk is another's, or when a defect of ours shows: nothing is lost, nothing loops."""

from collections.abc import Iterator
from contextlib import contextmanager

import redis
import structlog

from prelabel_worker import outcomes
from prelabel_worker.chunks import Chunk
from prelabel_worker.errors import LeaseLost
from prelabel_worker.stages import Tools

_log = structlog.get_logger(__name__)


@contextmanager
def guarded(tools: Tools, stage: str, *chunks: Chunk) -> Iterator[None]:
    """Work on chunks that are held.

    A lost lease ends the work. What nobody expected leaves the chunks in their state and has them looked at again
    after a growing wait. Without Redis nothing can be said of them: their leases run out.
    """
    try:
        yield
    except LeaseLost:
        for chunk in chunks:
            _log.warning("lease.lost", project=chunk.project_id, chunk=chunk.id, stage=stage)
    except (redis.RedisError, OSError):
        raise
    except Exception:
        settings = tools.settings
        for chunk in chunks:
            _log.exception("stage.broken", project=chunk.project_id, chunk=chunk.id, stage=stage)
            failures = chunk.failures + 1
            wait = outcomes.backoff(failures, settings.backoff_base_seconds, settings.backoff_max_seconds)
            tools.ledger.rest(chunk, wait)
