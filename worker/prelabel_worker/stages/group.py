"""group: waiting rows → chunks, by reference."""

import structlog

from prelabel_worker.stages.context import Tools
from prelabel_worker.stages.guard import surviving

_log = structlog.get_logger(__name__)


def group(tools: Tools, project_id: str) -> int:
    """Cut chunks while there is enough for one; returns how many."""
    cut = 0
    with surviving(tools, "group", project_id):
        while chunk_id := tools.ledger.cut_chunk(project_id):
            tools.hint("submit", project_id, chunk_id)
            _log.debug("chunk.cut", project=project_id, chunk=chunk_id)
            cut += 1
    return cut


def heal(tools: Tools, project_id: str) -> int:
    """Send the healing rows that are due back to their lanes; returns how many."""
    healed = 0
    with surviving(tools, "heal", project_id):
        healed = tools.held.heal(project_id)
    if healed:
        tools.hint("group", project_id, "")
    return healed
