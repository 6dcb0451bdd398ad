"""How a stage leases a chunk, and what it does when the lease is lost or a defect of ours shows.

Nothing is lost and nothing loops.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal

import redis
import structlog

from prelabel_worker.chunks.chunk import Chunk, Defect
from prelabel_worker.chunks.leases import Lease
from prelabel_worker.errors import LeaseLost, ProjectUnreadable
from prelabel_worker.labelbox import retry_policy
from prelabel_worker.labelbox.errors import RequestError
from prelabel_worker.quarantine.quarantine import problem_of, readable
from prelabel_worker.stages.context import StageContext

_SHOWN_CHARACTERS = 300
_log = structlog.get_logger(__name__)


@contextmanager
def leased(
    context: StageContext, stage: str, project_id: str, chunk_id: str, purpose: Literal["submit", "follow"]
) -> Iterator[Lease | None]:
    """Lease a chunk inside the block.

    Yields None when the chunk is not due, is leased, or is gone, and when the project's keys cannot be read.
    """
    with all_leased(context, stage, [(project_id, chunk_id)], purpose) as leases:
        yield leases[0] if leases else None


@contextmanager
def all_leased(
    context: StageContext, stage: str, names: Sequence[tuple[str, str]], purpose: Literal["submit", "follow"]
) -> Iterator[list[Lease]]:
    """Lease several chunks inside the block, named by project and id, in one round trip.

    Chunks for which `leased` yields None are left out.
    """
    taken_at, chunks = time.monotonic(), list[Chunk]()
    for (project_id, _), taken in zip(names, context.ledger.take_all(names, purpose), strict=True):
        with surviving(context, stage, project_id):
            if (chunk := taken()) is not None:
                chunks.append(chunk)
    with ExitStack() as stack:
        yield [stack.enter_context(context.leases.hold(chunk, taken_at)) for chunk in chunks]


@contextmanager
def guarded(context: StageContext, stage: str, *chunks: Chunk) -> Iterator[None]:
    """Handle what goes wrong inside the block, in which a stage works on leased chunks.

    A lost lease ends the block. An unexpected error leaves the chunks in their state, to be looked at again after a
    growing wait; after `STUCK_AFTER` errors in a row a chunk is stuck, which commands and metrics show. When Redis
    fails, the leases run out. A key of the wrong type quarantines its project; other projects continue.
    """
    try:
        yield
    except LeaseLost:
        for chunk in chunks:
            _log.warning("lease.lost", project=chunk.project_id, chunk=chunk.id, stage=stage)
    except (redis.RedisError, OSError) as error:
        # Any of several chunks may have caused the error: the caller guards each of them again.
        problem = problem_of(error, values=False)
        if problem is None or len(chunks) != 1:
            raise
        context.quarantine.remember(chunks[0].project_id, stage, problem)
    except Exception as error:
        for chunk in chunks:
            _log.exception("stage.broken", project=chunk.project_id, chunk=chunk.id, stage=stage)
            defect = defect_of(chunk, stage, error)
            with surviving(context, stage, chunk.project_id):
                context.ledger.rest(chunk, wait_after(context, defect), defect)


def defect_of(chunk: Chunk, stage: str, error: Exception) -> Defect:
    """Count one more defect of a chunk, and report it when it makes the chunk stuck."""
    count = chunk.defects + 1
    what = f"{stage}: {type(error).__name__} {_place(error)}".rstrip()
    if isinstance(error, RequestError):  # its text is ours; the text of any other error may quote a row
        what = f"{stage}: {type(error).__name__}: {error}"[:_SHOWN_CHARACTERS]
    if count == retry_policy.STUCK_AFTER:
        _log.error("chunk.stuck", project=chunk.project_id, chunk=chunk.id, stage=stage, defect=what)
    return Defect(count, what, count >= retry_policy.STUCK_AFTER)


def wait_after(context: StageContext, defect: Defect) -> float:
    """Return the seconds until the chunk is looked at again."""
    settings = context.settings
    return retry_policy.defect_wait(defect.count, settings.backoff_base_seconds, settings.backoff_max_seconds)


def _place(error: Exception) -> str:
    """Return the file and line that raised the error."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace is not None else ""


@contextmanager
def surviving(context: StageContext, stage: str, project_id: str) -> Iterator[None]:
    """Quarantine the project if its keys cannot be read inside the block, and continue behind the block.

    Other errors are raised: they tell nothing about the project.
    """
    try:
        with readable(project_id):
            yield
    except ProjectUnreadable as error:
        context.quarantine.remember(project_id, stage, error.problem)
