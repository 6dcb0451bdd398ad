"""Halve a chunk whose file was refused, until the row at fault is alone; pause the project if that takes too long."""

from collections.abc import Sequence
from typing import Literal

from prelabel.errors import Reason
from prelabel_worker.chunks.chunk import Chunk
from prelabel_worker.chunks.held_rows import Origin, Problem, facts_of, held_row
from prelabel_worker.chunks.rows import ChunkRow, RowOutcome
from prelabel_worker.labelbox import retry_policy
from prelabel_worker.labelbox.errors import RequestError, TooLarge
from prelabel_worker.stages.context import StageContext

SPENT_PAUSE_SECONDS = 600.0
"""How long a project pauses after a bisection that spent its budget of refusals; then the budget is full again."""


def bisect(context: StageContext, chunk: Chunk, refused: Literal["upload", "import"] | None, *, why: str) -> bool:
    """Put two chunks in place of this one. Raises LeaseLost.

    `refused` says which step refused the file, which counts against the bisection's budget; None for a file that was
    only too large, which does not count. Returns False when the budget is spent: the project is paused, and the caller
    still holds the chunk and gives it back.
    """
    ledger, memory = context.ledger, context.memory
    if refused and retry_policy.bisection_is_spent(memory.count_refusal(chunk, refused), chunk.origin_rows):
        context.pauses.pause_project(chunk.project_id, why, SPENT_PAUSE_SECONDS, cause="refused-files")
        memory.forget_refusals(chunk)
        return False
    for child in ledger.split(chunk):
        context.hint("submit", chunk.project_id, child)
    return True


def split_upload(
    context: StageContext, chunk: Chunk, sent: Sequence[int], problem: Problem, counted: Literal["upload"] | None
) -> None:
    """Split a chunk whose file cannot be imported in one piece; if the file has one row only, hold that row.

    `sent` has the indexes of the file's rows; `counted` is passed to `bisect` as `refused`. Raises LeaseLost.
    """
    if len(sent) == 1:
        held = _held(context, chunk, sent[0], problem)
        context.hint_group(chunk.project_id, context.ledger.end_unsent(chunk, [held]))
        return
    why = "every file is refused"
    if not bisect(context, chunk, counted, why=why):
        context.ledger.give_back(chunk, SPENT_PAUSE_SECONDS, why=why, failures=chunk.failures + 1)


def refused(error: RequestError) -> Problem:
    """Return the problem of a row whose file was refused."""
    if isinstance(error, TooLarge):
        message = f"{error}: the file of this row alone is too large"
        return _reported(Reason.MESSAGE_TOO_LARGE, "too-large", message)
    return _reported(Reason.FILE_REFUSED, "refused", str(error))


def unanswered(chunk: Chunk) -> Problem:
    """Return the problem of a row whose uploads were not answered."""
    return _reported(Reason.UPLOAD_FAILED, "unanswered", f"{chunk.unanswered} uploads had no answer")


def _reported(reason: Reason, name: str, message: str) -> Problem:
    return Problem(reason, {"errors": [{"name": name, "message": message}]})


def _held(context: StageContext, chunk: Chunk, index: int, problem: Problem) -> RowOutcome:
    row = next(row for row in context.reader.rows(chunk) if isinstance(row, ChunkRow) and row.index == index)
    return held_row(row, problem, Origin("submit", chunk.id, chunk.name), facts_of(row.raw))
