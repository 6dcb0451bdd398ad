"""submit: a chunk → validated rows → an import that Labelbox has."""

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Literal

import structlog

from prelabel.errors import Reason
from prelabel_worker.chunks.chunk import Chunk, Defect, State
from prelabel_worker.chunks.held_rows import Origin, Problem, facts_of, held_row
from prelabel_worker.chunks.leases import Lease
from prelabel_worker.chunks.rows import ChunkRow, RowOutcome
from prelabel_worker.labelbox import retry_policy
from prelabel_worker.labelbox.errors import KeyMissing, RequestError, TooLarge, UnexpectedShape
from prelabel_worker.labelbox.ontology_cache import FRESH_SECONDS, REFRESH_SECONDS, Cached
from prelabel_worker.labelbox.retry_policy import FEW, PAUSE_SECONDS, RetryAction, RetryDecision
from prelabel_worker.labelbox.types import ImportName, ProjectOntology, SubmitAs
from prelabel_worker.rendering.identity import import_name
from prelabel_worker.rendering.row_builder import RowBuilder
from prelabel_worker.stages.bisect import SPENT_PAUSE_SECONDS, bisect
from prelabel_worker.stages.build import Built, Policy, build
from prelabel_worker.stages.context import Account, StageContext
from prelabel_worker.stages.guard import defect_of, guarded, surviving, wait_after
from prelabel_worker.stages.permits import ChunkPermits

_log = structlog.get_logger(__name__)
_SLICE = 200  # outcomes in one commit
_LOOK_UP_AGAIN_SECONDS = 5.0
_FETCH_AGAIN_SECONDS = 0.3


def submit(context: StageContext, project_id: str, chunk_id: str) -> None:
    """Bring one chunk as far as an import that runs, if it is due and free."""
    taken_at = time.monotonic()
    chunk = None
    with surviving(context, "submit", project_id):
        chunk = context.ledger.take(project_id, chunk_id, "submit")
    if chunk is None:
        return
    with context.leases.hold(chunk, taken_at) as lease, guarded(context, "submit", chunk):
        account = _account(context, chunk)
        if account is not None:
            _Submission(context, account, chunk, lease, taken_at).run()


def _account(context: StageContext, chunk: Chunk) -> Account | None:
    """The account of the chunk; without a key for it the project pauses and the chunk goes back."""
    try:
        return context.account(chunk.account)
    except KeyMissing as error:
        _log_pause(chunk, chunk.account, "project", error)
        context.ledger.pause(chunk.project_id, PAUSE_SECONDS, str(error))
        _give_back(context, chunk, PAUSE_SECONDS, str(error), chunk.failures)
        return None


def _give_back(
    context: StageContext, chunk: Chunk, seconds: float, why: str, failures: int, defect: Defect | None = None
) -> None:
    """Nothing was sent just now: come back later."""
    if chunk.state is State.UNCERTAIN:
        context.ledger.uncertain(chunk, seconds, why=why, failures=failures, sent_now=False, defect=defect)
    else:
        context.ledger.wait(chunk, seconds, why=why, failures=failures, defect=defect)


class _Submission:
    """One attempt at one chunk."""

    def __init__(self, context: StageContext, account: Account, chunk: Chunk, lease: Lease, taken_at: float) -> None:
        self._context = context
        self._account = account
        self._chunk = chunk
        self._lease = lease
        self._taken_at = taken_at
        self._permits = ChunkPermits(context, account, chunk)

    def run(self) -> None:
        if self._chunk.state is State.UNCERTAIN and not self._is_nowhere():
            return
        # The permit's time is known before anything is built: without one, nothing is kept.
        if not self._permits.ask():
            return
        built = self._built()
        if built is None or not self._set_aside(built) or not self._permits.ask():
            return
        if built.slow > self._context.settings.chunk_slow_annotations and len(built.sent.rows) > 1:
            self._make_smaller(built)
            return
        self._send(built)

    def _is_nowhere(self) -> bool:
        """Look the recorded import up; True when it cannot exist any more and may be sent again."""
        chunk, ledger = self._chunk, self._context.ledger
        if not self._permits.ask("follow"):
            return False
        try:
            with self._permits.request():
                name = ImportName(chunk.project_id, chunk.name, chunk.submit_as)
                (found,) = self._account.labelbox.find_imports([name])
        except RequestError as error:
            self._recover(error)
            return False
        if found is not None:
            _log.info("import.adopted", project=chunk.project_id, chunk=chunk.id, import_name=chunk.name)
            ledger.running(chunk, found.id, 0)
            return False
        left = (chunk.maybe_until_ms - self._now_ms()) / 1000
        if left > 0:
            again = min(left, _LOOK_UP_AGAIN_SECONDS)
            ledger.uncertain(chunk, again, why="not found yet", failures=chunk.failures, sent_now=False)
            return False
        if chunk.unanswered >= FEW:
            problem = _said(Reason.UPLOAD_FAILED, "unanswered", f"{chunk.unanswered} uploads had no answer")
            self._split(ledger.sent_lines(chunk).rows, problem, "upload")
            return False
        # From here on it is a chunk like one that waits; the build may bring another name.
        self._chunk = replace(chunk, state=State.WAITING)
        self._permits = ChunkPermits(self._context, self._account, replace(self._chunk, permit_ms=0))
        return True

    def _built(self) -> Built | None:
        """Validate and render; None when the ontology could not be had and the chunk waits."""
        cached = self._ontology()
        if cached is None:
            return None
        rows = self._context.ledger.rows(self._chunk)
        origin = Origin("submit", self._chunk.id)
        policy = self._policy()
        built = build(rows, self._builder(cached), origin, policy)
        if built.unknown_features and cached.age_seconds > REFRESH_SECONDS:
            fresh = self._ontology(older_than=REFRESH_SECONDS)
            if fresh is None:
                return None
            built = build(rows, self._builder(fresh), origin, policy)
        return built

    def _policy(self) -> Policy | None:
        chunk, ledger = self._chunk, self._context.ledger
        return Policy(chunk.policy, partial(ledger.was_imported, chunk.project_id)) if chunk.policy else None

    def _builder(self, cached: Cached) -> RowBuilder:
        project_id = self._chunk.project_id
        form, ground_truth = self._context.ledger.form(project_id), self._chunk.submit_as is SubmitAs.GROUND_TRUTH
        return RowBuilder(project_id, cached.ontology, data_row_form=form, ground_truth=ground_truth)

    def _ontology(self, older_than: float = FRESH_SECONDS) -> Cached | None:
        """The project's ontology; an old one serves while Labelbox is away."""
        context, project_id = self._context, self._chunk.project_id
        cached = context.catalog.get(project_id)
        if cached is not None and cached.age_seconds <= older_than:
            return cached
        if not self._permits.ask():
            return None
        try:
            fetched = context.catalog.refresh(project_id, self._fetch_ontology)
        except RequestError as error:
            if cached is not None and retry_policy.decide(error, 1, base=1, cap=1).action is RetryAction.LATER:
                _log.warning("ontology.stale", project=project_id, age_seconds=round(cached.age_seconds))
                return cached
            self._recover(error)
            return None
        if fetched is None and cached is not None and older_than == FRESH_SECONDS:
            return cached  # another worker fetches it; the old one serves meanwhile
        if fetched is None:
            _give_back(
                context, self._chunk, _FETCH_AGAIN_SECONDS, "the ontology is being fetched", self._chunk.failures
            )
        return fetched

    def _fetch_ontology(self) -> ProjectOntology:
        with self._permits.request():
            return self._account.labelbox.ontology(self._chunk.project_id)

    def _set_aside(self, built: Built) -> bool:
        """Commit what does not go into the file; False when nothing is left and the chunk has ended."""
        chunk, ledger = self._chunk, self._context.ledger
        nothing_left = not built.sent.rows
        slices = [built.set_aside[at : at + _SLICE] for at in range(0, len(built.set_aside), _SLICE)]
        if nothing_left and not slices:
            slices = [[]]
        for at, outcomes_of_slice in enumerate(slices):
            finish = nothing_left and at == len(slices) - 1
            waiting = ledger.set_aside(chunk, outcomes_of_slice, finish=finish)
            if finish:
                _hint_group(self._context, chunk.project_id, waiting)
        if built.set_aside:
            _log.info(
                "rows.set_aside",
                project=chunk.project_id,
                chunk=chunk.id,
                held=sum(each.rows for each in built.set_aside if each.name == "held"),
                superseded=sum(each.rows for each in built.set_aside if each.name == "superseded"),
                skipped=sum(each.rows for each in built.set_aside if each.name == "skipped"),
            )
        return not nothing_left

    def _make_smaller(self, built: Built) -> None:
        """More slow annotations than an import takes: the frames' headers, by which it was cut, named fewer."""
        chunk = self._chunk
        _log.info("chunk.slower_than_named", project=chunk.project_id, chunk=chunk.id, slow=built.slow)
        bisect(self._context, chunk, None, why="")

    def _send(self, built: Built) -> None:
        chunk, context = self._chunk, self._context
        name = import_name(chunk.id, built.content)
        sent = replace(built.sent, annotation_counts=context.ledger.annotation_counts(chunk.project_id, built.counted))
        context.ledger.record_import(chunk, self._account.name, name, sent)
        if not self._permits.ask():  # a slow disk: the permit's time is over
            return
        try:
            with self._permits.request():
                created = self._account.labelbox.create_import(
                    chunk.project_id, name, [built.content], self._lease.valid, submit_as=chunk.submit_as
                )
        except RequestError as error:
            self._recover(error, sent=built)
            return
        context.ledger.running(chunk, created.id, context.settings.poll_min_seconds)
        _log.info(
            "import.submitted",
            project=chunk.project_id,
            chunk=chunk.id,
            import_name=name,
            rows=len(built.sent.rows),
            annotations=len(built.sent.uuids) // 16,
            bytes=len(built.content),
            attempt=chunk.attempt + 1,
        )

    def _recover(self, error: RequestError, sent: Built | None = None) -> None:
        """Do what the table says about a failed request; `sent`: it was the upload."""
        chunk, settings = self._chunk, self._context.settings
        stopped = self._permits.stopped_seconds  # the whole account is: that costs the chunk no attempt
        decision = retry_policy.decide(
            error, chunk.failures + 1, base=settings.backoff_base_seconds, cap=settings.backoff_max_seconds
        )
        failures = chunk.failures + (0 if stopped or decision.passing else 1)
        defect = defect_of(chunk, "submit", error) if isinstance(error, UnexpectedShape) else None
        seconds = stopped or decision.seconds or settings.backoff_max_seconds
        if defect is not None:
            seconds = wait_after(self._context, defect)
        _log.warning(
            "request.failed",
            project=chunk.project_id,
            chunk=chunk.id,
            error=type(error).__name__,
            detail=str(error),
            outcome=decision.action.value,
            seconds=round(seconds, 2),
        )
        self._pause(decision, error)
        if sent is not None and error.maybe_accepted:
            suspect = not stopped and retry_policy.suspects_file(error)
            self._context.ledger.uncertain(
                chunk, seconds, why=str(error), failures=failures, sent_now=True, suspect=suspect, defect=defect
            )
        elif sent is not None and decision.action is RetryAction.SPLIT:
            self._split(sent.sent.rows, _refused(error), None if isinstance(error, TooLarge) else "upload")
        else:
            _give_back(self._context, chunk, seconds, str(error), failures, defect)

    def _pause(self, decision: RetryDecision, error: RequestError) -> None:
        if decision.needs_person:
            _log_pause(self._chunk, self._account.name, decision.scope, error)
        if decision.action is RetryAction.PAUSE and decision.scope == "project":
            self._context.ledger.pause(self._chunk.project_id, decision.seconds, str(error))

    def _split(self, sent: Sequence[int], problem: Problem, refused: Literal["upload"] | None) -> None:
        """The file of these rows cannot be imported as a whole: cut it in two, down to the row that is at fault."""
        chunk, context = self._chunk, self._context
        if len(sent) == 1:
            held = _held(context, chunk, sent[0], problem)
            _hint_group(context, chunk.project_id, context.ledger.set_aside(chunk, [held], finish=True))
            return
        why = "every file is refused"
        if not bisect(context, chunk, refused, why=why):
            _give_back(context, chunk, SPENT_PAUSE_SECONDS, why, chunk.failures + 1)

    def _now_ms(self) -> int:
        """Redis's clock, as far as it has moved since the chunk was taken."""
        return self._chunk.taken_ms + int((time.monotonic() - self._taken_at) * 1000)


def _refused(error: RequestError) -> Problem:
    if isinstance(error, TooLarge):
        return _said(Reason.MESSAGE_TOO_LARGE, "too-large", f"{error}: the file of this row alone is too large")
    return _said(Reason.FILE_REFUSED, "refused", str(error))


def _said(reason: Reason, name: str, message: str) -> Problem:
    return Problem(reason, {"errors": [{"name": name, "message": message}]})


def _held(context: StageContext, chunk: Chunk, index: int, problem: Problem) -> RowOutcome:
    row = next(row for row in context.ledger.rows(chunk) if isinstance(row, ChunkRow) and row.index == index)
    return held_row(row, problem, Origin("submit", chunk.id, chunk.name), facts_of(row.raw))


def _log_pause(chunk: Chunk, account: str, scope: str, error: RequestError) -> None:
    _log.error("uploads.paused", project=chunk.project_id, account=account, scope=scope, detail=str(error))


def _hint_group(context: StageContext, project_id: str, waiting: int | None) -> None:
    if waiting:
        context.hint("group", project_id, "")
