"""poll: imports that run → their state, several in one request."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import structlog

from prelabel_worker import outcomes
from prelabel_worker.answers import Import
from prelabel_worker.chunks import Chunk, Verdict
from prelabel_worker.errors import KeyMissing, LeaseLost, RequestError
from prelabel_worker.labelbox import ImportName
from prelabel_worker.permits import Permit
from prelabel_worker.stages import Tools
from prelabel_worker.stages.turn import LOOK_AGAIN_SECONDS, waits_for

_log = structlog.get_logger(__name__)
_GROWTH = 0.5  # the next question is asked after half the import's age, within the settings' bounds


def poll(tools: Tools, running: Sequence[tuple[str, str]]) -> None:
    """Ask for the state of these (project, chunk), as far as they are due and free."""
    with ExitStack() as stack:
        chunks = []
        for project_id, chunk_id in running:
            taken_at = time.monotonic()
            chunk = tools.ledger.take(project_id, chunk_id, "follow")
            if chunk is not None:
                stack.enter_context(tools.leases.hold(chunk, taken_at))
                chunks.append(chunk)
        # After a question that failed as a whole each is asked for itself: one of them may be at fault.
        healthy: dict[str, list[Chunk]] = {}
        for chunk in chunks:
            if not chunk.failures:
                healthy.setdefault(chunk.account, []).append(chunk)
        for together in (*healthy.values(), *([chunk] for chunk in chunks if chunk.failures)):
            _ask(tools, together)


def _ask(tools: Tools, chunks: list[Chunk]) -> None:
    """About chunks of one account."""
    try:
        account = tools.account(chunks[0].account)
    except KeyMissing as error:
        _failed(tools, chunks, error)
        return
    permit = account.permits.reserve("follow", ticket=max(chunk.permit_ms for chunk in chunks), imports=len(chunks))
    if permit.wait > 0:
        _park(tools, chunks, permit)
        return
    try:
        found = account.labelbox.find_imports([ImportName(chunk.project_id, chunk.name) for chunk in chunks])
    except RequestError as error:
        _failed(tools, chunks, error, account.permits.failed(permit, error))
        return
    account.permits.answered(permit)
    for chunk, job in zip(chunks, found, strict=True):
        with _unless_lost(chunk):
            _follow(tools, chunk, job)


def _park(tools: Tools, chunks: list[Chunk], permit: Permit) -> None:
    """They come back together."""
    seconds = min(permit.wait, LOOK_AGAIN_SECONDS)
    for chunk in chunks:
        with _unless_lost(chunk):
            tools.ledger.poll_again(chunk, seconds, chunk.failures, why=waits_for(permit), permit_ms=permit.ticket)


def _failed(tools: Tools, chunks: list[Chunk], error: RequestError, stopped: float = 0.0) -> None:
    """Each is asked again later, for itself; all together where the whole account is `stopped` for so many seconds."""
    settings = tools.settings
    for chunk in chunks:
        failures = chunk.failures + (0 if stopped else 1)
        decision = outcomes.decide(
            error, failures, base=settings.backoff_base_seconds, cap=settings.backoff_max_seconds
        )
        seconds = min(stopped, LOOK_AGAIN_SECONDS) or decision.seconds or settings.backoff_max_seconds
        with _unless_lost(chunk):
            tools.ledger.poll_again(chunk, seconds, failures)
    _log.warning("poll.failed", imports=len(chunks), error=type(error).__name__, detail=str(error))


def _follow(tools: Tools, chunk: Chunk, job: Import | None) -> None:
    """Commit what became of one import."""
    ledger, settings = tools.ledger, tools.settings
    age = (chunk.taken_ms - chunk.running_ms) / 1000
    if job is not None and chunk.import_id and job.id != chunk.import_id:
        job = None  # a name says nothing about another import
    if job is not None and job.state in (Verdict.FINISHED, Verdict.FAILED):
        ledger.ended(chunk, job.state, job.status_url, job.error_url)
        tools.hint("settle", chunk.project_id, chunk.id)
    elif job is None and age > settings.server_limit_seconds:
        _log.error("import.lost", project=chunk.project_id, chunk=chunk.id, import_name=chunk.name)
        ledger.ended(chunk, Verdict.LOST, "", "")
        tools.hint("settle", chunk.project_id, chunk.id)
    elif age > settings.import_deadline_seconds:
        _log.error("import.overdue", project=chunk.project_id, chunk=chunk.id, import_name=chunk.name)
        ledger.ended(chunk, Verdict.OVERDUE, "", "")
        tools.hint("settle", chunk.project_id, chunk.id)
    else:
        wait = min(max(age * _GROWTH, settings.poll_min_seconds), settings.poll_max_seconds)
        ledger.poll_again(chunk, wait)


@contextmanager
def _unless_lost(chunk: Chunk) -> Iterator[None]:
    """Each of several chunks is committed for itself: one that was lost does not hold up the others."""
    try:
        yield
    except LeaseLost:
        _log.warning("lease.lost", project=chunk.project_id, chunk=chunk.id, stage="poll")
