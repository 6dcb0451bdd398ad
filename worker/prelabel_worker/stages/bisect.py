"""A file that was refused as a whole → two halves, down to the row at fault; or a pause, when it is not a row's."""

from typing import Literal

from prelabel_worker.chunks.chunk import Chunk
from prelabel_worker.labelbox import retry_policy
from prelabel_worker.stages.context import StageContext

SPENT_PAUSE_SECONDS = 600.0
"""How long a project rests whose bisection found no row at fault; then it may ask as often again."""


def bisect(context: StageContext, chunk: Chunk, refused: Literal["upload", "import"] | None, *, why: str) -> bool:
    """Put two chunks in place of this one. Raises LeaseLost.

    `refused` counts against the bisection's budget; a file that is only too large does not (None). False: the budget
    is spent, the project is paused, and the chunk is still the caller's to give back.
    """
    ledger = context.ledger
    if refused and retry_policy.bisection_is_spent(ledger.count_refusal(chunk, refused), chunk.origin_rows):
        ledger.pause(chunk.project_id, SPENT_PAUSE_SECONDS, why)
        ledger.forget_refusals(chunk)
        return False
    for child in ledger.split(chunk):
        context.hint("submit", chunk.project_id, child)
    return True
