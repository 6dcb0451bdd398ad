"""poll: imports that run → their state, several in one request."""

import time
from collections.abc import Sequence
from contextlib import ExitStack

import structlog

from prelabel_worker.accounts.rate_limiter import Permit
from prelabel_worker.chunks.chunk import Chunk, Verdict
from prelabel_worker.labelbox import retry_policy
from prelabel_worker.labelbox.errors import KeyMissing, RequestError, UnexpectedShape
from prelabel_worker.labelbox.types import Import, ImportName
from prelabel_worker.stages.context import StageContext
from prelabel_worker.stages.guard import defect_of, guarded, surviving, wait_after
from prelabel_worker.stages.permits import LOOK_AGAIN_SECONDS, waits_for

_log = structlog.get_logger(__name__)
_RUNNING = "RUNNING"
_SHOWN_CHARACTERS = 100
_GROWTH = 0.5  # the next question is asked after half the import's age, within the settings' bounds


def poll(context: StageContext, running: Sequence[tuple[str, str]]) -> None:
    """Ask for the state of these (project, chunk), as far as they are due and free."""
    with ExitStack() as stack:
        chunks = []
        for project_id, chunk_id in running:
            with surviving(context, "poll", project_id):
                taken_at = time.monotonic()
                chunk = context.ledger.take(project_id, chunk_id, "follow")
                if chunk is not None:
                    stack.enter_context(context.leases.hold(chunk, taken_at))
                    chunks.append(chunk)
        # After a question that failed as a whole each is asked for itself: one of them may be at fault.
        healthy: dict[str, list[Chunk]] = {}
        for chunk in chunks:
            if not chunk.failures:
                healthy.setdefault(chunk.account, []).append(chunk)
        for together in (*healthy.values(), *([chunk] for chunk in chunks if chunk.failures)):
            with guarded(context, "poll", *together):
                _ask(context, together)


def _ask(context: StageContext, chunks: list[Chunk]) -> None:
    """About chunks of one account."""
    try:
        account = context.account(chunks[0].account)
    except KeyMissing as error:
        _failed(context, chunks, error)
        return
    permit = account.permits.reserve("follow", ticket=max(chunk.permit_ms for chunk in chunks), imports=len(chunks))
    if permit.wait > 0:
        _park(context, chunks, permit)
        return
    try:
        names = [ImportName(chunk.project_id, chunk.name, chunk.submit_as) for chunk in chunks]
        found = account.labelbox.find_imports(names)
    except RequestError as error:
        failures = max(chunk.failures for chunk in chunks) + 1
        _failed(context, chunks, error, account.permits.failed(permit, error, failures))
        return
    account.permits.answered(permit)
    for chunk, job in zip(chunks, found, strict=True):
        with guarded(context, "poll", chunk):
            _follow(context, chunk, job)


def _park(context: StageContext, chunks: list[Chunk], permit: Permit) -> None:
    """They come back together."""
    seconds = min(permit.wait, LOOK_AGAIN_SECONDS)
    for chunk in chunks:
        with guarded(context, "poll", chunk):
            context.ledger.poll_again(chunk, seconds, chunk.failures, why=waits_for(permit), permit_ms=permit.ticket)


def _failed(context: StageContext, chunks: list[Chunk], error: RequestError, stopped: float = 0.0) -> None:
    """Each is asked again later, for itself; all together where the whole account is `stopped` for so many seconds."""
    settings = context.settings
    worst = max(chunks, key=lambda chunk: chunk.failures)
    decision = retry_policy.decide(
        error, worst.failures + 1, base=settings.backoff_base_seconds, cap=settings.backoff_max_seconds
    )
    _log.warning(
        "poll.failed",
        imports=len(chunks),
        error=type(error).__name__,
        detail=str(error),
        outcome=decision.action.value,
        seconds=round(decision.seconds, 2),
    )
    if decision.needs_person:
        project, account = worst.project_id, worst.account
        _log.error("uploads.paused", project=project, account=account, scope=decision.scope, detail=str(error))
    for chunk in chunks:
        with guarded(context, "poll", chunk):
            overdue = retry_policy.import_is_overdue(_age(chunk), settings.import_deadline_seconds, answered=False)
            if overdue and decision.scope == "chunk":
                _end(context, chunk, Verdict.OVERDUE)
            else:
                failures = chunk.failures + (0 if stopped or decision.passing else 1)
                seconds = min(stopped, LOOK_AGAIN_SECONDS) or decision.seconds or settings.backoff_max_seconds
                # Of several imports nobody knows whose answer it was: each is asked for alone, and counted then.
                alone = len(chunks) == 1 and isinstance(error, UnexpectedShape)
                defect = defect_of(chunk, "poll", error) if alone else None
                seconds = wait_after(context, defect) if defect else seconds
                context.ledger.poll_again(chunk, seconds, failures, defect=defect)


def _age(chunk: Chunk) -> float:
    """Seconds since Labelbox took the import."""
    return (chunk.taken_ms - chunk.running_ms) / 1000


def _follow(context: StageContext, chunk: Chunk, job: Import | None) -> None:
    """Commit what became of one import."""
    ledger, settings, age = context.ledger, context.settings, _age(chunk)
    misses = chunk.misses + 1 if job is None else 0
    known = job is not None and (job.id == chunk.import_id or not chunk.import_id)
    if job is not None and known and job.state in (Verdict.FINISHED, Verdict.FAILED):
        _end(context, chunk, Verdict(job.state), job)
    elif retry_policy.import_is_lost(misses, age, settings.server_limit_seconds):
        _end(context, chunk, Verdict.LOST)
    elif retry_policy.import_is_overdue(age, settings.import_deadline_seconds, answered=True):
        _end(context, chunk, Verdict.OVERDUE)
    elif job is not None and not known:
        # A name never stands for two contents: Labelbox took the same file twice, and either import tells of its rows.
        _log.warning("import.doubled", **_names(chunk), import_id=chunk.import_id, other_id=job.id)
        ledger.running(chunk, job.id, 0)
    else:
        wait = min(max(age * _GROWTH, settings.poll_min_seconds), settings.poll_max_seconds)
        odd_state = job.state if job is not None and job.state != _RUNNING else ""
        if odd_state and odd_state != chunk.odd_state:
            _log.error("import.odd_state", **_names(chunk), state=odd_state[:_SHOWN_CHARACTERS])
        ledger.poll_again(chunk, wait, misses=misses, odd_state=odd_state)


def _end(context: StageContext, chunk: Chunk, verdict: Verdict, job: Import | None = None) -> None:
    """Nothing more is expected of the import: settle it."""
    if verdict is Verdict.LOST:
        _log.error("import.lost", **_names(chunk))
    elif verdict is Verdict.OVERDUE:
        _log.error("import.overdue", **_names(chunk))
    context.ledger.ended(chunk, verdict, job.status_url if job else "", job.error_url if job else "")
    context.hint("settle", chunk.project_id, chunk.id)


def _names(chunk: Chunk) -> dict[str, str]:
    return {"project": chunk.project_id, "chunk": chunk.id, "import_name": chunk.name}
