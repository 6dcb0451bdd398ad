"""A file that was refused as a whole → two halves, down to the row at fault; or a pause, when it is not a row's."""

from prelabel_worker import outcomes
from prelabel_worker.chunks import Chunk
from prelabel_worker.stages import Tools

SPENT_PAUSE_SECONDS = 600.0
"""How long a project rests whose bisection found no row at fault."""


def bisect(tools: Tools, chunk: Chunk, *, refused: bool, why: str) -> bool:
    """Put two chunks in place of this one. Raises LeaseLost.

    `refused` counts against the bisection's budget; a file that is only too large does not. False: the budget is
    spent, the project is paused, and the chunk is still the caller's to give back.
    """
    ledger = tools.ledger
    if refused and outcomes.bisection_is_spent(ledger.count_refusal(chunk.project_id), tools.settings.chunk_rows):
        ledger.pause(chunk.project_id, SPENT_PAUSE_SECONDS, why)
        return False
    for child in ledger.split(chunk):
        tools.hint("submit", chunk.project_id, child)
    return True
