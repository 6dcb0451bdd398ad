"""settle: an import's files → an outcome for each row, in slices; the last frees the frames and the lanes."""

import time
from collections.abc import Iterator
from itertools import islice

import structlog

from prelabel.errors import Reason
from prelabel_worker.chunks import history
from prelabel_worker.chunks.chunk import Chunk, Verdict
from prelabel_worker.chunks.held_rows import Origin, Problem, facts_of, held_row
from prelabel_worker.chunks.rows import ChunkRow, RowOutcome, Slice
from prelabel_worker.chunks.sent_lines import SentLines
from prelabel_worker.labelbox import retry_policy
from prelabel_worker.labelbox.errors import FileGone, RequestError
from prelabel_worker.rendering import identity
from prelabel_worker.stages.bisect import SPENT_PAUSE_SECONDS, bisect
from prelabel_worker.stages.context import StageContext
from prelabel_worker.stages.guard import guarded, surviving
from prelabel_worker.stages.status_file import RowVerdict, Verdicts

_log = structlog.get_logger(__name__)
_SLICE = 200  # outcomes and superseding rows in one commit
_COUNTS = 500  # of imported rows in one commit: each costs Redis a few microseconds
_SHOWN_ERRORS = 5


def settle(context: StageContext, project_id: str, chunk_id: str) -> None:
    """Give every row of an ended import its outcome, if the chunk is due and free."""
    taken_at = time.monotonic()
    chunk = None
    with surviving(context, "settle", project_id):
        chunk = context.ledger.take(project_id, chunk_id, "follow")
    if chunk is None:
        return
    with context.leases.hold(chunk, taken_at), guarded(context, "settle", chunk):
        _settle(context, chunk)


def _settle(context: StageContext, chunk: Chunk) -> None:
    if chunk.verdict is None:
        context.ledger.poll_again(chunk, 0, chunk.failures)
        return
    sent = context.reader.sent_lines(chunk)
    try:
        if chunk.verdict is Verdict.FAILED:
            _settle_failed(context, chunk, sent)
        elif chunk.verdict is Verdict.FINISHED:
            _commit(context, chunk, sent, _read_verdicts(context, chunk, sent))
        else:
            reason = Reason.IMPORT_LOST if chunk.verdict is Verdict.LOST else Reason.IMPORT_TIMEOUT
            _commit(context, chunk, sent, {}, whole=Problem(reason, {"import": chunk.name}))
    except (FileGone, RequestError) as error:
        _without_file(context, chunk, sent, error)


def _without_file(context: StageContext, chunk: Chunk, sent: SentLines, error: FileGone | RequestError) -> None:
    """Come back later, for a fresh address if it is gone; when that is no use any more, no row has a verdict."""
    failures, settings = chunk.failures + 1, context.settings
    age, gone = (chunk.taken_ms - chunk.running_ms) / 1000, isinstance(error, FileGone)
    if not retry_policy.verdicts_are_lost(failures, age, gone=gone):
        wait = retry_policy.backoff(failures, settings.backoff_base_seconds, settings.backoff_max_seconds)
        context.ledger.settle_again(chunk, wait, why=str(error), failures=failures, poll=gone)
        return
    _log.error("verdicts.lost", project=chunk.project_id, chunk=chunk.id, import_name=chunk.name)
    _commit(context, chunk, sent, Verdicts(sent).failed_rows())


def _read_verdicts(context: StageContext, chunk: Chunk, sent: SentLines) -> dict[int, RowVerdict]:
    if not chunk.status_url:
        raise FileGone("the import names no status file")
    verdicts = Verdicts(sent)
    verdicts.feed(context.account(chunk.account).labelbox.lines(chunk.status_url))
    if verdicts.foreign:
        _log.warning("verdicts.foreign", project=chunk.project_id, chunk=chunk.id, lines=verdicts.foreign)
    return verdicts.failed_rows()


def _settle_failed(context: StageContext, chunk: Chunk, sent: SentLines) -> None:
    """The import broke as a whole: cut it in two, down to the row that is at fault."""
    errors = _read_errors(context, chunk)
    _log.warning("import.failed", project=chunk.project_id, chunk=chunk.id, import_name=chunk.name)
    if len(sent.rows) == 1:
        _commit(context, chunk, sent, {}, whole=Problem(Reason.IMPORT_FAILED, {"errors": errors}))
        return
    why = "every import fails"
    if not bisect(context, chunk, "import", why=why):
        context.ledger.settle_again(chunk, SPENT_PAUSE_SECONDS, why=why, failures=chunk.failures + 1, poll=False)


def _read_errors(context: StageContext, chunk: Chunk) -> list[dict[str, str]]:
    """What Labelbox says of the whole import; it may say nothing, or not any more."""
    if not chunk.error_url:
        return []
    try:
        lines = context.account(chunk.account).labelbox.lines(chunk.error_url)
        return [_shown(line) for line in islice(lines, _SHOWN_ERRORS)]
    except FileGone as error:
        return [{"name": "import", "message": str(error)}]


def _commit(
    context: StageContext, chunk: Chunk, sent: SentLines, failed: dict[int, RowVerdict], whole: Problem | None = None
) -> None:
    """Slice by slice from the cursor on; `whole` is the problem of every row."""
    slices = list(_slices(context, chunk, sent, failed, whole))
    cursor, imported, left_rows, left = chunk.cursor, 0, 0, 0
    record = _record(context, chunk, sent, failed, slices)
    for at, part in enumerate(slices):
        finish = at == len(slices) - 1
        done = context.ledger.commit_rows(chunk, cursor, part, record=record if finish else b"", finish=finish)
        cursor, imported = part.after, imported + part.imported
        left_rows, left = left_rows + done.leftover_rows, left + done.leftovers
        context.hint_group(chunk.project_id, done.waiting)
    _log.info(
        "import.settled",
        project=chunk.project_id,
        chunk=chunk.id,
        import_name=chunk.name,
        imported=imported,
        held=len(sent.rows) if whole else len(failed),
        seconds=round((chunk.taken_ms - chunk.cut_ms) / 1000, 3),
    )
    if left:
        _log.info("rows.leftovers", project=chunk.project_id, chunk=chunk.id, rows=left_rows, annotations=left)


def _record(
    context: StageContext, chunk: Chunk, sent: SentLines, failed: dict[int, RowVerdict], slices: list[Slice]
) -> bytes:
    """What the history keeps of this chunk."""
    entries = context.ledger.past(chunk) + b"".join(entry for part in slices for entry in part.entries)
    refused = sum(verdict.refused for verdict in failed.values())
    marks = []
    if chunk.policy and chunk.verdict is Verdict.FINISHED:
        rows = zip(sent.rows, sent.keys, strict=True)
        marks = [identity.row_digest(row_key) for index, row_key in rows if index not in failed]
    return history.record_of(chunk, entries, annotations=len(sent.uuids) // 16, refused=refused, marks=marks)


def _slices(
    context: StageContext, chunk: Chunk, sent: SentLines, failed: dict[int, RowVerdict], whole: Problem | None
) -> Iterator[Slice]:
    """The rows that are not settled yet, in order; messages are read only to hold them."""
    held_keys = context.memory.held_among(chunk.project_id, sent.keys)
    rows = {row.index: row for row in context.reader.rows(chunk)} if failed or whole is not None else {}
    returning = _returning(chunk)
    arrivals = history.arrivals(chunk.items)
    part = Slice(after=chunk.cursor)
    annotation_counts = sent.annotation_counts or (b"",) * len(sent.rows)
    for index, trace, row_key, counts in sorted(zip(sent.rows, sent.traces, sent.keys, annotation_counts, strict=True)):
        if index < chunk.cursor:
            continue
        verdict = failed.get(index)
        bad = verdict is not None or whole is not None
        if bad:
            held = _held(chunk, rows[index], verdict, whole)
            part.outcomes.append(held)
            part.entries.append(history.entry(arrivals[index], held.in_history, trace))
        else:
            part.imported += 1
            part.entries.append(history.entry(arrivals[index], "imported", trace))
            if index in returning:
                part.outcomes.append(RowOutcome("cleared", index, 1, returning[index]))
        if chunk.policy and not bad:
            part.marks.append(identity.row_digest(row_key))
        elif counts and not bad:
            part.annotation_counts.append((row_key, counts))
        # An annotation of which the file says nothing may stand in Labelbox too: nothing older may come after it.
        if row_key in held_keys and (not bad or (verdict is not None and (verdict.taken or verdict.missing))):
            part.superseding.append((row_key, arrivals[index].seq))
        part.after = index + 1
        if (
            len(part.outcomes) + len(part.superseding) + len(part.marks) >= _SLICE
            or len(part.annotation_counts) >= _COUNTS
        ):
            yield part
            part = Slice(after=part.after)
    part.after = chunk.rows
    yield part


def _returning(chunk: Chunk) -> dict[int, str]:
    """The held rows on their way back: row index → held id. A frame's rows are none: it goes with the chunk."""
    found, index = {}, 0
    for item in chunk.items:
        if item.kind == "h" and not item.id.startswith("f"):
            found[index] = item.id
        index += item.high - item.low
    return found


def _held(chunk: Chunk, row: object, verdict: RowVerdict | None, whole: Problem | None) -> RowOutcome:
    assert isinstance(row, ChunkRow)  # noqa: S101 - an unreadable frame was never sent
    origin, facts = Origin("settle", chunk.id, chunk.name), facts_of(row.raw)
    if verdict is None:
        return held_row(row, whole or _problem(RowVerdict()), origin, facts)
    problem = _problem(verdict)
    # A line without uuid is another annotation each time it is sent.
    again = retry_policy.is_sent_again(problem.reason, row.reason) and not verdict.was_sent_without_uuid(
        facts.data_row_key
    )
    retry_in_ms = retry_policy.AGAIN_MS if again else None
    return held_row(row, problem, origin, facts, retry_in_ms, retrying=retry_policy.passes_with_time(problem.reason))


def _problem(verdict: RowVerdict) -> Problem:
    reason = retry_policy.reason_of_row(verdict.error_names)
    if reason is Reason.NO_VERDICT:
        found = f"{verdict.missing} annotations without a status line"
        return Problem(reason, {"found": found, "taken": verdict.taken})
    return Problem(reason, {"errors": verdict.errors, "taken": verdict.taken, "withoutVerdict": verdict.missing})


def _shown(line: bytes) -> dict[str, str]:
    return {"name": "import", "message": line[:500].decode("utf-8", "replace")}
