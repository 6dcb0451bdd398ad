"""settle: an import's files → an outcome for each row, in slices; the last slice frees the frames and the lanes."""

import time
from bisect import bisect_left
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack
from contextvars import copy_context
from dataclasses import replace
from functools import cached_property
from itertools import islice
from typing import Any

import structlog

from prelabel.errors import Reason
from prelabel.tracing import Span
from prelabel_worker.chunks import history
from prelabel_worker.chunks.chunk import Verdict
from prelabel_worker.chunks.commit import HELD_TOGETHER
from prelabel_worker.chunks.freshness import PublishedRows
from prelabel_worker.chunks.held_rows import Origin, Problem, facts_of, held_row
from prelabel_worker.chunks.imported_rows import REMEMBERED_TOGETHER, Memory, digests_of, memory_of
from prelabel_worker.chunks.leases import Lease
from prelabel_worker.chunks.ledger import Outcomes
from prelabel_worker.chunks.project_memory import BeforeSettle
from prelabel_worker.chunks.rows import ChunkRow, Committed, RowOutcome, Slice, Unreadable
from prelabel_worker.chunks.sent_lines import SentLines
from prelabel_worker.labelbox import retry_policy
from prelabel_worker.labelbox.client import Labelbox
from prelabel_worker.labelbox.errors import FileGone, RequestError
from prelabel_worker.stages.bisect import SPENT_PAUSE_SECONDS, bisect
from prelabel_worker.stages.context import StageContext
from prelabel_worker.stages.guard import guarded, leased
from prelabel_worker.stages.status_file import RowVerdict, Verdicts
from prelabel_worker.tracing.spans import of_chunk

_log = structlog.get_logger(__name__)
_SHOWN_ERRORS = 5
_TOGETHER_SECONDS = 0.1  # of reading files, before what was read is committed


def settle(context: StageContext, project_id: str, chunk_id: str) -> None:
    """Give every row of an ended import its outcome, if the chunk is due and unleased."""
    with leased(context, "settle", project_id, chunk_id, "follow") as lease:
        if lease is not None:
            settle_all(context, [lease])


def settle_all(context: StageContext, leases: Sequence[Lease]) -> None:
    """Give every row of ended imports its outcome; this process holds the chunks.

    What they ask Redis travels together. No outcome waits longer than a moment for the files of other imports.
    """
    lines = context.reader.all_sent_lines([lease.chunk for lease in leases])
    together, begun = list[_Settling](), time.monotonic()
    with ExitStack() as opened:
        for lease, sent in zip(leases, lines, strict=True):
            settling = opened.enter_context(_Settling(context, lease, sent))
            if settling.read():
                together.append(settling)
            if time.monotonic() - begun > _TOGETHER_SECONDS:
                _commit_all(context, together)
                together, begun = [], time.monotonic()
        _commit_all(context, together)


def _commit_all(context: StageContext, together: Sequence["_Settling"]) -> None:
    """Commit the outcomes of imports whose files are read: the last slices in one round trip."""
    numbers = context.memory.all_before_settle([settling.project_id for settling in together])
    last = [(settling, settling.commit(before)) for settling, before in zip(together, numbers, strict=True)]
    ready = [(settling, outcomes) for settling, outcomes in last if outcomes is not None]
    committed = context.ledger.commit_all([outcomes for _, outcomes in ready])
    for (settling, _), check in zip(ready, committed, strict=True):
        settling.end(check)


def _steps(context: StageContext, lease: Lease, sent: Callable[[], SentLines]) -> Generator[Outcomes | None, Any, None]:
    """Settle an import, and stop where something is asked for several imports together.

    Yields None once its file is read, and gets the numbers of its project; then its last slice, and gets what became of
    it. Both come as functions, which may raise the errors of the project.
    """
    with guarded(context, "settle", lease.chunk), of_chunk("settle", lease.chunk) as span:
        settlement = _Settlement(context, lease, sent(), span)
        if settlement.read():
            before: Callable[[], BeforeSettle] = yield None
            check: Callable[[], Committed] = yield settlement.commit(before())
            settlement.end(check())


class _Settling:
    """An import that is being settled beside others, with context variables of its own: each has a span."""

    def __init__(self, context: StageContext, lease: Lease, sent: Callable[[], SentLines]) -> None:
        self.project_id = lease.chunk.project_id
        self._steps = _steps(context, lease, sent)
        self._variables = copy_context()
        self._ended = False

    def __enter__(self) -> "_Settling":
        return self

    def __exit__(self, *_: object) -> None:
        self._variables.run(self._steps.close)

    def read(self) -> bool:
        """Read the import's files; return False if there is nothing to commit."""
        self._step(None)
        return not self._ended

    def commit(self, before: Callable[[], BeforeSettle]) -> Outcomes | None:
        """Commit all slices but the last, and return that; None if the chunk was lost."""
        return self._step(before)

    def end(self, check: Callable[[], Committed]) -> None:
        """Finish, once the last slice is committed."""
        self._step(check)

    def _step(self, answer: Any) -> Outcomes | None:
        try:
            return self._variables.run(self._steps.send, answer)
        except StopIteration:
            self._ended = True
            return None


class _Settlement:
    """An import that has ended, and the outcome of each of its rows."""

    def __init__(self, context: StageContext, lease: Lease, sent: SentLines, span: Span) -> None:
        self._context = context
        self._span = span
        self._lease = lease
        self._chunk = lease.chunk
        self._sent = sent
        self._failed: dict[int, RowVerdict] = {}  # by row index; every other row is imported
        self._whole: Problem | None = None  # the problem of every row
        self._before = BeforeSettle(0, 0)  # known once `commit` begins
        self._imported = 0

    def read(self) -> bool:
        """Read what Labelbox says of the rows; return False when the chunk was split or left for later instead."""
        chunk = self._chunk
        if chunk.verdict is None:
            self._context.ledger.poll_again(chunk, 0, chunk.failures)
            return False
        try:
            return self._read(chunk.verdict)
        except (FileGone, RequestError) as error:
            return self._end_without_file(error)

    def _read(self, verdict: Verdict) -> bool:
        """Read what Labelbox says of the rows; False when the chunk was split or left for later instead."""
        if verdict is Verdict.FINISHED:
            self._failed = self._read_verdicts()
        elif verdict is Verdict.FAILED:
            return self._read_failure()
        else:
            reason = Reason.IMPORT_LOST if verdict is Verdict.LOST else Reason.IMPORT_TIMEOUT
            self._whole = Problem(reason, {"import": self._chunk.name})
        return True

    def _read_verdicts(self) -> dict[int, RowVerdict]:
        chunk = self._chunk
        if not chunk.status_url:
            raise FileGone("the import names no status file")
        verdicts = Verdicts(self._sent)
        verdicts.feed(self._labelbox.line_blocks(chunk.status_url))
        if verdicts.foreign:
            _log.warning("verdicts.foreign", project=chunk.project_id, chunk=chunk.id, lines=verdicts.foreign)
        return verdicts.failed_rows()

    def _read_failure(self) -> bool:
        """Split the chunk of an import that failed as a whole, down to the row that is at fault."""
        chunk = self._chunk
        errors = self._read_errors()
        _log.warning("import.failed", project=chunk.project_id, chunk=chunk.id, import_name=chunk.name)
        if len(self._sent.rows) == 1:
            self._whole = Problem(Reason.IMPORT_FAILED, {"errors": errors})
            return True
        why = "every import fails"
        if not bisect(self._context, chunk, "import", why=why):
            failures = chunk.failures + 1
            self._context.ledger.settle_again(chunk, SPENT_PAUSE_SECONDS, why=why, failures=failures, poll=False)
        return False

    def _read_errors(self) -> list[dict[str, str]]:
        """Return the first errors of the import as a whole; Labelbox may name none, or have deleted their file."""
        if not self._chunk.error_url:
            return []
        try:
            lines = islice(self._labelbox.lines(self._chunk.error_url), _SHOWN_ERRORS)
            return [{"name": "import", "message": line[:500].decode("utf-8", "replace")} for line in lines]
        except FileGone as error:
            return [{"name": "import", "message": str(error)}]

    @property
    def _labelbox(self) -> Labelbox:
        return self._context.account(self._chunk.account).labelbox

    def _end_without_file(self, error: FileGone | RequestError) -> bool:
        """Read the file later, from a new address if it is gone; after too many attempts no row has a verdict."""
        chunk, settings = self._chunk, self._context.settings
        self._span.fail(error)
        failures, gone = chunk.failures + 1, isinstance(error, FileGone)
        if retry_policy.verdicts_are_lost(failures, (chunk.taken_ms - chunk.running_ms) / 1000, gone=gone):
            _log.error("verdicts.lost", project=chunk.project_id, chunk=chunk.id, import_name=chunk.name)
            self._failed = Verdicts(self._sent).failed_rows()
            return True
        wait = retry_policy.backoff(failures, settings.backoff_base_seconds, settings.backoff_max_seconds)
        self._context.ledger.settle_again(chunk, wait, why=str(error), failures=failures, poll=gone)
        return False

    def commit(self, before: BeforeSettle) -> Outcomes:
        """Commit the outcomes, slice by slice from the cursor on, but the last slice; return that."""
        chunk, cursor = self._chunk, self._chunk.cursor
        self._before = before
        slices = list(self._slices())
        record = self._record(slices)
        for part in slices[:-1]:
            self._committed(self._context.ledger.commit_rows(chunk, cursor, part, finish=False))
            cursor, chunk = part.after, replace(chunk, aside=chunk.aside + part.aside)
        self._imported = sum(part.imported for part in slices)
        return Outcomes(chunk, cursor, slices[-1], record, finish=True)

    def _committed(self, committed: Committed) -> None:
        chunk = self._chunk
        if committed.mixed:
            _log.warning("project.both_forms", project=chunk.project_id, chunk=chunk.id, import_name=chunk.name)
        self._context.hint_group(chunk.project_id, committed.waiting)

    def end(self, committed: Committed) -> None:
        """Report the import, whose last slice is committed."""
        chunk, imported = self._chunk, self._imported
        self._committed(committed)
        held = len(self._sent.rows if self._whole else self._failed)
        self._span.count(len(self._sent.rows))
        self._span.set(imported=imported, held=held, verdict=str(chunk.verdict))
        _log.info(
            "import.settled",
            project=chunk.project_id,
            chunk=chunk.id,
            import_name=chunk.name,
            imported=imported,
            held=held,
            seconds=round((chunk.taken_ms - chunk.cut_ms) / 1000, 3),
        )

    def _record(self, slices: list[Slice]) -> bytes:
        """Return what the history keeps of this chunk."""
        chunk, sent = self._chunk, self._sent
        outcomes = {
            bisect_left(sent.rows, outcome.index): outcome.in_history
            for part in slices
            for outcome in part.outcomes
            if outcome.name != "cleared"
        }
        refused = sum(verdict.refused for verdict in self._failed.values())
        marks: Sequence[int] = ()
        if chunk.policy and chunk.verdict is Verdict.FINISHED:
            digests = digests_of(sent.packed_row_keys)
            marks = [digest for index, digest in zip(sent.rows, digests, strict=True) if index not in self._failed]
        # A part of a split chunk may have the entries of rows of the other part.
        has_past = chunk.aside or chunk.settled or chunk.origin != chunk.id
        return history.record_of(
            chunk,
            self._context.ledger.past(chunk) if has_past else b"",
            history.SentRows(sent.rows, sent.traces, sent.counts, outcomes),
            annotations=sent.annotations,
            refused=refused,
            marks=marks,
        )

    def _slices(self) -> Iterator[Slice]:
        """Yield the rows that have no outcome yet, in order."""
        rows, special = self._sent.rows, self._special
        # Rows that cannot override are all remembered.
        together = REMEMBERED_TOGETHER if b"\1" in self._sent.unidentified else self._memory.committed_together
        at = bisect_left(rows, self._chunk.cursor)
        while True:
            end = min(at + together, len(rows))
            first = bisect_left(special, at)
            of_part = special[first : first + HELD_TOGETHER]
            if len(of_part) == HELD_TOGETHER:
                end = min(end, of_part[-1] + 1)
            last = end == len(rows)
            part = Slice(self._chunk.rows if last else rows[end - 1] + 1, memory=self._memory)
            self._fill(part, at, end, [position for position in of_part if position < end])
            yield part
            if last:
                return
            at = end

    def _fill(self, part: Slice, at: int, end: int, special: Sequence[int]) -> None:
        """Add the rows at these positions, of which `special` cost more than to be counted as imported."""
        held = [position for position in special if self._is_held(self._sent.rows[position])]
        for position in special:
            index = self._sent.rows[position]
            if position in held:
                self._add_held(part, position, index, self._failed.get(index))
                continue
            if index in self._returning:
                part.outcomes.append(RowOutcome("cleared", index, 1, self._returning[index]))
            self._add_superseding(part, self._row_keys[position], index)
        bounds = [at, *(bound for position in held for bound in (position, position + 1)), end]
        for start, stop in zip(bounds[::2], bounds[1::2], strict=True):
            self._add_imported(part, start, stop)

    def _add_imported(self, part: Slice, start: int, stop: int) -> None:
        """Add rows that are imported, which needs nothing of a single row in the usual case."""
        sent, memory = self._sent, self._memory
        part.imported += stop - start
        self._published.observe(part.freshness, start, stop, self._lease.now_ms())
        part.forms |= set(sent.forms[start:stop].decode())
        if b"\1" in sent.unidentified[start:stop]:
            for position in range(start, stop):
                row_key = sent.packed_row_keys[16 * position : 16 * (position + 1)]
                if sent.adds(position):
                    part.adding += digests_of(row_key)
                else:
                    part.marks += memory.chosen(row_key)
        else:
            part.marks += memory.chosen(sent.packed_row_keys[16 * start : 16 * stop])

    def _is_held(self, index: int) -> bool:
        return self._whole is not None or index in self._failed

    def _add_held(self, part: Slice, position: int, index: int, verdict: RowVerdict | None) -> None:
        outcome = self._held(self._rows[index], verdict)
        part.outcomes.append(outcome)
        part.entries.append(history.entry(self._arrivals[index], outcome.in_history, self._sent.trace(position)))
        # An annotation without a verdict may be in Labelbox too: nothing older may be imported after it.
        if verdict is not None and (verdict.taken or verdict.missing):
            self._add_superseding(part, self._row_keys[position], index)

    def _add_superseding(self, part: Slice, row_key: str, index: int) -> None:
        if row_key in self._held_keys:
            part.superseding.append((row_key, self._arrivals[index].seq))

    def _held(self, row: ChunkRow | Unreadable, verdict: RowVerdict | None) -> RowOutcome:
        assert isinstance(row, ChunkRow)  # noqa: S101 - an unreadable frame was never sent
        origin, facts = Origin("settle", self._chunk.id, self._chunk.name), facts_of(row.raw)
        if verdict is None:
            assert self._whole is not None  # noqa: S101 - else the row is imported
            return held_row(row, self._whole, origin, facts)
        problem = _problem(verdict)
        # A line without uuid is another annotation each time it is sent.
        again = retry_policy.is_sent_again(problem.reason, row.reason) and not verdict.was_sent_without_uuid(
            facts.data_row_key
        )
        retry_in_ms = retry_policy.AGAIN_MS if again else None
        return held_row(
            row, problem, origin, facts, retry_in_ms, retrying=retry_policy.passes_with_time(problem.reason)
        )

    @cached_property
    def _special(self) -> list[int]:
        """The positions of the rows that are held, are held rows that come back, or supersede held rows."""
        rows, positions = self._sent.rows, set[int]()
        if self._whole is not None:
            return list(range(len(rows)))
        for index in (*self._failed, *self._returning):
            position = bisect_left(rows, index)
            if position < len(rows) and rows[position] == index:
                positions.add(position)
        if self._held_keys:
            positions |= {position for position, key in enumerate(self._row_keys) if key in self._held_keys}
        return sorted(positions)

    @cached_property
    def _row_keys(self) -> list[str]:
        return self._sent.row_keys()

    @cached_property
    def _held_keys(self) -> set[str]:
        if not self._before.held_rows:
            return set()
        return self._context.memory.held_among(self._chunk.project_id, self._row_keys)

    @cached_property
    def _memory(self) -> Memory:
        return memory_of(self._chunk.policy, self._before.imported, len(self._sent.rows))

    @cached_property
    def _published(self) -> PublishedRows:
        return PublishedRows(self._chunk, self._sent.rows)

    @cached_property
    def _arrivals(self) -> list[history.Arrival]:
        return history.arrivals(self._chunk.items)

    @cached_property
    def _rows(self) -> dict[int, ChunkRow | Unreadable]:
        """The rows by index. Read only when a row is held: an imported one costs no read of its message."""
        return {row.index: row for row in self._context.reader.rows(self._chunk)}

    @cached_property
    def _returning(self) -> dict[int, str]:
        """The held rows that this chunk retries: row index → held id. Rows of a held frame go with the chunk."""
        held_ids, index = {}, 0
        for item in self._chunk.items:
            if item.kind == "h" and not item.id.startswith("f"):
                held_ids[index] = item.id
            index += item.high - item.low
        return held_ids


def _problem(verdict: RowVerdict) -> Problem:
    reason = retry_policy.reason_of_row(verdict.error_names)
    if reason is Reason.NO_VERDICT:
        found = f"{verdict.missing} annotations without a status line"
        return Problem(reason, {"found": found, "taken": verdict.taken})
    return Problem(reason, {"errors": verdict.errors, "taken": verdict.taken, "withoutVerdict": verdict.missing})
