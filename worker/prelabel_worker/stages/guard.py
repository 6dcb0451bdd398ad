"""What a stage does when its chunk is another's, or when a defect of ours shows: nothing is lost, nothing loops."""

from collections.abc import Iterator
from contextlib import contextmanager

import redis
import structlog

from prelabel_worker import outcomes
from prelabel_worker.chunks import Chunk
from prelabel_worker.errors import LeaseLost
from prelabel_worker.quarantine import problem_of
from prelabel_worker.stages import Tools

_log = structlog.get_logger(__name__)


@contextmanager
def guarded(tools: Tools, stage: str, *chunks: Chunk) -> Iterator[None]:
    """Work on chunks that are held.

    A lost lease ends the work. What nobody expected leaves the chunks in their state and has them looked at again
    after a growing wait. Without Redis nothing can be said of them: their leases run out. A key that is not of its type
    quarantines its project; the others of the same hint resume.
    """
    try:
        yield
    except LeaseLost:
        for chunk in chunks:
            _log.warning("lease.lost", project=chunk.project_id, chunk=chunk.id, stage=stage)
    except (redis.RedisError, OSError) as error:
        # With several chunks the error may be of any of them: who called guards each of them again.
        problem = problem_of(error, values=False)
        if problem is None or len(chunks) != 1:
            raise
        tools.quarantine.remember(chunks[0].project_id, stage, problem)
    except Exception:
        settings = tools.settings
        for chunk in chunks:
            _log.exception("stage.broken", project=chunk.project_id, chunk=chunk.id, stage=stage)
            failures = chunk.failures + 1
            wait = outcomes.backoff(failures, settings.backoff_base_seconds, settings.backoff_max_seconds)
            with surviving(tools, stage, chunk.project_id):
                tools.ledger.rest(chunk, wait)


@contextmanager
def surviving(tools: Tools, stage: str, project_id: str) -> Iterator[None]:
    """Work on the keys of one project: what is wrong with them quarantines it, and the caller resumes.

    Anything else that can fail is raised: it says nothing about the project.
    """
    try:
        yield
    except Exception as error:
        problem = problem_of(error)
        if problem is None:
            raise
        tools.quarantine.remember(project_id, stage, problem)
