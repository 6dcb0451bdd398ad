"""submit: a chunk → validated rows → an import at Labelbox."""

import threading
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import Literal

import structlog
from msgspec import structs

from prelabel.tracing import Span
from prelabel_worker.accounts.pauses import PauseCause
from prelabel_worker.chunks.chunk import Chunk, State
from prelabel_worker.chunks.commit import in_parts
from prelabel_worker.chunks.held_rows import Origin
from prelabel_worker.chunks.leases import Lease
from prelabel_worker.chunks.rows import RowOutcome
from prelabel_worker.labelbox import retry_policy
from prelabel_worker.labelbox.errors import KeyMissing, ProjectGone, RequestError, TooLarge, UnexpectedShape
from prelabel_worker.labelbox.ontology_cache import Cached
from prelabel_worker.labelbox.responses import project_gone
from prelabel_worker.labelbox.retry_policy import FEW, PAUSE_SECONDS, RetryAction, RetryDecision
from prelabel_worker.labelbox.types import ImportName, SubmitAs
from prelabel_worker.rendering.identity import import_name
from prelabel_worker.rendering.row_builder import RowBuilder
from prelabel_worker.stages.bisect import bisect, refused, split_upload, unanswered
from prelabel_worker.stages.build import Built, Policy, Rows, build
from prelabel_worker.stages.context import Account, StageContext
from prelabel_worker.stages.fresh_ontology import FreshOntology
from prelabel_worker.stages.guard import defect_of, guarded, leased, wait_after
from prelabel_worker.stages.permits import ChunkPermits
from prelabel_worker.tracing.spans import linked, of_chunk

_log = structlog.get_logger(__name__)
_LOOK_UP_AGAIN_SECONDS = 5.0
_ONE_BUILD = threading.Lock()
"""A process has one core: two threads that build at once would finish no earlier, and hold twice the memory."""


def submit(context: StageContext, project_id: str, chunk_id: str) -> None:
    """Turn one chunk into a running import, if it is due and unleased."""
    with leased(context, "submit", project_id, chunk_id, "submit") as lease:
        if lease is not None:
            submit_held(context, lease)


def submit_held(context: StageContext, lease: Lease) -> None:
    """Turn a chunk that this process holds into a running import."""
    with guarded(context, "submit", lease.chunk), of_chunk("submit", lease.chunk) as span:
        account = _account(context, lease.chunk)
        if account is not None:
            _Submission(context, account, lease, span).run()


def _account(context: StageContext, chunk: Chunk) -> Account | None:
    """Return the account of the chunk; without a key for it, pause the project and give the chunk back."""
    try:
        return context.account(chunk.account)
    except KeyMissing as error:
        _log_pause(chunk, chunk.account, "project", error)
        context.pauses.pause_project(chunk.project_id, str(error), PAUSE_SECONDS, cause="no-key")
        context.ledger.give_back(chunk, PAUSE_SECONDS, why=str(error), failures=chunk.failures)
        return None


class _Submission:
    """One attempt at one chunk."""

    def __init__(self, context: StageContext, account: Account, lease: Lease, span: Span) -> None:
        self._context = context
        self._account = account
        self._lease = lease
        self._chunk = lease.chunk
        self._span = span
        self._permits = ChunkPermits(context, account, lease.chunk)

    def run(self) -> None:
        if self._chunk.state is State.UNCERTAIN and not self._is_nowhere():
            return
        # Ask before building: what is built cannot be kept while the chunk waits for a permit.
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
        """Look up the recorded import; return True when it can no longer appear, so that the rows may be sent again."""
        chunk, ledger = self._chunk, self._context.ledger
        if not self._permits.ask("follow"):
            return False
        try:
            with self._permits.request():
                name = ImportName(chunk.project_id, chunk.name, chunk.submit_as)
                (job,) = self._account.labelbox.find_imports([name])
        except RequestError as error:
            self._recover(error)
            return False
        if job is not None:
            _log.info("import.adopted", project=chunk.project_id, chunk=chunk.id, import_name=chunk.name)
            ledger.running(chunk, job.id, 0)
            return False
        remaining = (chunk.maybe_until_ms - self._lease.now_ms()) / 1000
        if remaining > 0:
            again = min(remaining, _LOOK_UP_AGAIN_SECONDS)
            ledger.uncertain(chunk, again, why="not found yet", failures=chunk.failures, sent_now=False)
            return False
        if chunk.purging:  # nothing was sent after all: the purge may discard the rows
            ledger.wait(chunk, 0, why="", failures=chunk.failures)
            return False
        if chunk.unanswered >= FEW:
            split_upload(self._context, chunk, self._context.reader.sent_lines(chunk).rows, unanswered(chunk), "upload")
            return False
        # From here on the chunk is like one that waits; the next build may give its import another name.
        self._chunk = replace(chunk, state=State.WAITING)
        self._permits = ChunkPermits(self._context, self._account, replace(self._chunk, permit_ms=0))
        return True

    def _built(self) -> Built | None:
        """Validate and render the rows; return None when there is no ontology yet and the chunk waits."""
        fresh = FreshOntology(self._context, self._account, self._chunk, self._permits)
        blocks, known = self._context.reader.to_build(self._chunk)
        cached = self._ontology(partial(fresh.get, known))
        if cached is None:
            return None
        rows = linked(blocks, self._span)
        origin = Origin("submit", self._chunk.id)
        policy = self._policy()
        built = _build(rows, self._builder(cached, blocks.forms), origin, policy)
        if built.not_in_ontology:
            renewed = self._ontology(fresh.after_refusal)
            if renewed is None:
                return None
            if renewed.ontology is not cached.ontology:
                built = _build(rows, self._builder(renewed, blocks.forms), origin, policy)
        return built

    def _policy(self) -> Policy | None:
        chunk, memory = self._chunk, self._context.memory
        return Policy(chunk.policy, partial(memory.was_imported, chunk.project_id)) if chunk.policy else None

    def _builder(self, cached: Cached, forms: str) -> RowBuilder:
        ground_truth = self._chunk.submit_as is SubmitAs.GROUND_TRUTH
        return RowBuilder(self._chunk.project_id, cached.ontology, data_row_forms=forms, ground_truth=ground_truth)

    def _ontology(self, get: Callable[[], Cached | None]) -> Cached | None:
        try:
            return get()
        except RequestError as error:
            self._recover(error)
            return None

    def _set_aside(self, built: Built) -> bool:
        """Commit the rows that do not go into the file; return False when no row is left and the chunk has ended."""
        chunk, ledger = self._chunk, self._context.ledger
        nothing_left = not built.sent.rows
        for outcomes_of_slice in in_parts(built.set_aside):
            chunk = ledger.set_aside(chunk, outcomes_of_slice)
        # Only now: a row that was just set aside may have become a held row that one of these supersedes.
        for outcomes_of_slice in in_parts(self._superseding(built.emptied)):
            chunk = ledger.set_aside(chunk, outcomes_of_slice)
        self._chunk = chunk
        if nothing_left:
            self._context.hint_group(chunk.project_id, ledger.end_unsent(chunk, []))
        if built.set_aside or built.emptied:
            _log.info(
                "rows.set_aside",
                project=chunk.project_id,
                chunk=chunk.id,
                held=built.count("held"),
                superseded=built.count("superseded"),
                skipped=built.count("skipped"),
            )
        return not nothing_left

    def _superseding(self, emptied: list[RowOutcome]) -> list[RowOutcome]:
        """Return the outcomes; only those of which there are held rows still name the row key that they supersede."""
        keys = [outcome.supersedes for outcome in emptied]
        held = self._context.memory.held_among(self._chunk.project_id, keys) if keys else set()
        return [
            outcome if outcome.supersedes in held else structs.replace(outcome, supersedes="") for outcome in emptied
        ]

    def _make_smaller(self, built: Built) -> None:
        """Split a chunk with more slow annotations than an import may have: the frames' headers named fewer."""
        chunk = self._chunk
        _log.info("chunk.slower_than_named", project=chunk.project_id, chunk=chunk.id, slow=built.slow)
        bisect(self._context, chunk, None, why="")

    def _send(self, built: Built) -> None:
        chunk, context = self._chunk, self._context
        name = import_name(chunk.id, built.content)
        context.ledger.record_import(chunk, self._account.name, name, built.sent)
        if not self._permits.ask():  # recording took too long: the permit has expired
            return
        try:
            with self._permits.request():
                created = self._account.labelbox.create_import(
                    chunk.project_id, name, built.content, self._lease.valid, submit_as=chunk.submit_as
                )
        except RequestError as error:
            self._recover(error, sent=built)
            return
        context.ledger.running(chunk, created.id, context.settings.poll_min_seconds)
        rows, annotations, size = len(built.sent.rows), built.sent.annotations, sum(map(len, built.content))
        self._span.count(rows)
        self._span.set(account=self._account.name, import_name=name, annotations=annotations, bytes=size)
        _log.info(
            "import.submitted",
            project=chunk.project_id,
            chunk=chunk.id,
            import_name=name,
            rows=rows,
            annotations=annotations,
            bytes=size,
            attempt=chunk.attempt + 1,
        )

    def _recover(self, error: RequestError, sent: Built | None = None) -> None:
        """Do what the retry policy decides about a failed request; `sent` is the upload, if that failed."""
        chunk, settings = self._chunk, self._context.settings
        stopped = self._permits.stopped_seconds  # the whole account is stopped: the chunk loses no attempt
        decision = retry_policy.decide(
            error, chunk.failures + 1, base=settings.backoff_base_seconds, cap=settings.backoff_max_seconds
        )
        failures = chunk.failures + (0 if stopped or decision.passing else 1)
        defect = defect_of(chunk, "submit", error) if isinstance(error, UnexpectedShape) else None
        seconds = stopped or decision.seconds or settings.backoff_max_seconds
        self._span.fail(error)
        why = str(project_gone(chunk.project_id) if isinstance(error, ProjectGone) else error)
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
        self._pause(decision, error, why)
        if sent is not None and error.maybe_accepted:
            suspect = not stopped and retry_policy.suspects_file(error)
            self._context.ledger.uncertain(
                chunk, seconds, why=why, failures=failures, sent_now=True, suspect=suspect, defect=defect
            )
        elif sent is not None and decision.action is RetryAction.SPLIT:
            counted: Literal["upload"] | None = None if isinstance(error, TooLarge) else "upload"
            split_upload(self._context, chunk, sent.sent.rows, refused(error), counted)
        else:
            self._context.ledger.give_back(chunk, seconds, why=why, failures=failures, defect=defect)

    def _pause(self, decision: RetryDecision, error: RequestError, why: str) -> None:
        if decision.needs_person:
            _log_pause(self._chunk, self._account.name, decision.scope, error)
        if decision.action is RetryAction.PAUSE and decision.scope == "project":
            cause: PauseCause = "unknown-project" if isinstance(error, ProjectGone) else "forbidden"
            self._context.pauses.pause_project(self._chunk.project_id, why, decision.seconds, cause=cause)


def _build(rows: Rows, builder: RowBuilder, origin: Origin, policy: Policy | None) -> Built:
    # With a policy, the build asks Redis too: nobody should wait for that.
    with nullcontext() if policy else _ONE_BUILD:
        return build(rows, builder, origin, policy)


def _log_pause(chunk: Chunk, account: str, scope: str, error: RequestError) -> None:
    _log.error("uploads.paused", project=chunk.project_id, account=account, scope=scope, detail=str(error))
