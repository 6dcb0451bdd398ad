"""poll: imports that run → their state, several in one request."""

from collections.abc import Iterator, Sequence

import structlog

from prelabel.tracing import Span
from prelabel_worker.accounts.rate_limiter import Permit
from prelabel_worker.chunks.chunk import Chunk, Verdict
from prelabel_worker.chunks.ledger import Ended
from prelabel_worker.labelbox import retry_policy
from prelabel_worker.labelbox.errors import KeyMissing, RequestError, UnexpectedShape
from prelabel_worker.labelbox.retry_policy import RetryDecision
from prelabel_worker.labelbox.sent_request import Operation
from prelabel_worker.labelbox.types import Import, ImportName
from prelabel_worker.stages.context import StageContext
from prelabel_worker.stages.guard import all_leased, defect_of, guarded, wait_after
from prelabel_worker.stages.permits import LOOK_AGAIN_SECONDS, judged, waits_for
from prelabel_worker.stages.settle import settle_all
from prelabel_worker.tracing.spans import of_request

_log = structlog.get_logger(__name__)
_RUNNING = "RUNNING"
_SHOWN_CHARACTERS = 100
_SETTLED_HERE_ROWS = 2000  # of ended imports in one task: a hint for each would cost more than settling them
_GROWTH = 0.5  # the next poll comes after half the import's age, within the settings' bounds


def poll(context: StageContext, running: Sequence[tuple[str, str]]) -> None:
    """Poll the imports of these (project, chunk), if they are due and unleased, and settle small ones that ended."""
    with all_leased(context, "poll", running, "follow") as leases:
        ended: list[Chunk] = []  # of which this process keeps the leases
        for asked_together in _requests([lease.chunk for lease in leases]):
            with guarded(context, "poll", *asked_together), of_request("poll", asked_together) as span:
                _Poll(context, asked_together, ended, span).run()
        kept = {chunk.token: chunk for chunk in ended}
        settled_here = [lease for lease in leases if lease.chunk.token in kept]
        for lease in settled_here:
            lease.chunk = kept[lease.chunk.token]
        settle_all(context, settled_here)


def _requests(chunks: Sequence[Chunk]) -> Iterator[list[Chunk]]:
    """Yield the chunks that one request asks for: those of an account, but one whose last poll failed alone.

    A request that failed tells nothing about which of its imports is at fault.
    """
    by_account: dict[str, list[Chunk]] = {}
    for chunk in chunks:
        if not chunk.failures:
            by_account.setdefault(chunk.account, []).append(chunk)
    yield from by_account.values()
    yield from ([chunk] for chunk in chunks if chunk.failures)


class _Poll:
    """One request for the state of imports of one account."""

    def __init__(self, context: StageContext, chunks: list[Chunk], settled_here: list[Chunk], span: Span) -> None:
        self._context = context
        self._chunks = chunks
        self._settled_here = settled_here  # the caller settles these
        self._rows_here = sum(chunk.rows for chunk in settled_here)
        self._ended: list[Ended] = []
        self._span = span

    def run(self) -> None:
        chunks = self._chunks
        try:
            account = self._context.account(chunks[0].account)
        except KeyMissing as error:
            self._recover(error)
            return
        permit = account.permits.reserve("follow", ticket=max(chunk.permit_ms for chunk in chunks), imports=len(chunks))
        if permit.wait > 0:
            self._park(permit)
            return
        try:
            names = [ImportName(chunk.project_id, chunk.name, chunk.submit_as) for chunk in chunks]
            jobs = account.labelbox.find_imports(names, Operation.POLL)
        except RequestError as error:
            failed = judged(error, account)
            failures = max(chunk.failures for chunk in chunks) + 1
            self._recover(failed, account.permits.failed(permit, failed, failures))
            return
        account.permits.answered(permit)
        for chunk, job in zip(chunks, jobs, strict=True):
            with guarded(self._context, "poll", chunk):
                self._follow(chunk, job)
        self._record_ends()

    def _park(self, permit: Permit) -> None:
        """Poll all of them again, together, at the permit's time."""
        ledger, seconds, why = self._context.ledger, min(permit.wait, LOOK_AGAIN_SECONDS), waits_for(permit)
        for chunk in self._chunks:
            with guarded(self._context, "poll", chunk):
                ledger.poll_again(chunk, seconds, chunk.failures, why=why, permit_ms=permit.ticket)

    def _recover(self, error: RequestError, stopped_seconds: float = 0.0) -> None:
        """Poll again later, each import alone; together, where the account is stopped for `stopped_seconds`."""
        settings = self._context.settings
        self._span.fail(error)
        worst = max(self._chunks, key=lambda chunk: chunk.failures)
        decision = retry_policy.decide(
            error, worst.failures + 1, base=settings.backoff_base_seconds, cap=settings.backoff_max_seconds
        )
        _log.warning(
            "poll.failed",
            imports=len(self._chunks),
            error=type(error).__name__,
            detail=str(error),
            outcome=decision.action.value,
            seconds=round(decision.seconds, 2),
        )
        if decision.needs_person:
            project, account = worst.project_id, worst.account
            _log.error("uploads.paused", project=project, account=account, scope=decision.scope, detail=str(error))
        for chunk in self._chunks:
            with guarded(self._context, "poll", chunk):
                self._recover_one(chunk, error, decision, stopped_seconds)
        self._record_ends()

    def _recover_one(self, chunk: Chunk, error: RequestError, decision: RetryDecision, stopped_seconds: float) -> None:
        context, settings = self._context, self._context.settings
        overdue = retry_policy.import_is_overdue(_age(chunk), settings.import_deadline_seconds, answered=False)
        if overdue and decision.scope == "chunk":
            self._end(chunk, Verdict.OVERDUE)
            return
        failures = chunk.failures + (0 if stopped_seconds or decision.passing else 1)
        seconds = min(stopped_seconds, LOOK_AGAIN_SECONDS) or decision.seconds or settings.backoff_max_seconds
        # An unexpected answer counts as a defect of a chunk only where the request asked for that chunk alone.
        alone = len(self._chunks) == 1 and isinstance(error, UnexpectedShape)
        defect = defect_of(chunk, "poll", error) if alone else None
        context.ledger.poll_again(chunk, wait_after(context, defect) if defect else seconds, failures, defect=defect)

    def _follow(self, chunk: Chunk, job: Import | None) -> None:
        """Commit what became of one import."""
        ledger, settings, age = self._context.ledger, self._context.settings, _age(chunk)
        misses = chunk.misses + 1 if job is None else 0
        known = job is not None and (job.id == chunk.import_id or not chunk.import_id)
        if job is not None and known and job.state in (Verdict.FINISHED, Verdict.FAILED):
            self._end(chunk, Verdict(job.state), job)
        elif retry_policy.import_is_lost(misses, age, settings.server_limit_seconds):
            self._end(chunk, Verdict.LOST)
        elif retry_policy.import_is_overdue(age, settings.import_deadline_seconds, answered=True):
            self._end(chunk, Verdict.OVERDUE)
        elif job is not None and not known:
            # Labelbox took the same file twice: a name never stands for two contents, so either import will do.
            _log.warning("import.doubled", **_names(chunk), import_id=chunk.import_id, other_id=job.id)
            ledger.running(chunk, job.id, 0)
        else:
            wait = min(max(age * _GROWTH, settings.poll_min_seconds), settings.poll_max_seconds)
            odd_state = job.state if job is not None and job.state != _RUNNING else ""
            if odd_state and odd_state != chunk.odd_state:
                _log.error("import.odd_state", **_names(chunk), state=odd_state[:_SHOWN_CHARACTERS])
            ledger.poll_again(chunk, wait, misses=misses, odd_state=odd_state)

    def _end(self, chunk: Chunk, verdict: Verdict, job: Import | None = None) -> None:
        """Note that the import has ended; `_record_ends` records it."""
        if verdict is Verdict.LOST:
            _log.error("import.lost", **_names(chunk))
        elif verdict is Verdict.OVERDUE:
            _log.error("import.overdue", **_names(chunk))
        kept = self._rows_here + chunk.rows <= _SETTLED_HERE_ROWS
        self._rows_here += kept * chunk.rows
        urls = (job.status_url, job.error_url) if job else ("", "")
        self._ended.append(Ended(chunk, verdict, *urls, kept=kept))

    def _record_ends(self) -> None:
        """Record the imports that have ended, and have them settled."""
        if not self._ended:
            return
        for end, check in zip(self._ended, self._context.ledger.ended(self._ended), strict=True):
            with guarded(self._context, "poll", end.chunk):
                check()
                if end.kept:
                    self._settled_here.append(end.recorded)
                else:
                    self._context.hint("settle", end.chunk.project_id, end.chunk.id)


def _age(chunk: Chunk) -> float:
    """Return the seconds since Labelbox took the import."""
    return (chunk.taken_ms - chunk.running_ms) / 1000


def _names(chunk: Chunk) -> dict[str, str]:
    return {"project": chunk.project_id, "chunk": chunk.id, "import_name": chunk.name}
