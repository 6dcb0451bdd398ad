"""group: waiting rows → chunks that refer to them."""

import structlog

from prelabel_worker.stages.context import StageContext
from prelabel_worker.stages.guard import surviving

_log = structlog.get_logger(__name__)


def group(context: StageContext, project_id: str) -> int:
    """Cut chunks while enough rows wait; return the number of chunks."""
    cut = 0
    with surviving(context, "group", project_id):
        while chunk_id := context.ledger.cut_chunk(project_id):
            context.hint("submit", project_id, chunk_id)
            _log.debug("chunk.cut", project=project_id, chunk=chunk_id)
            cut += 1
    return cut


def retry_due(context: StageContext, project_id: str) -> int:
    """Send the retrying rows that are due back to their lanes; return their number."""
    retried = 0
    with surviving(context, "retry", project_id):
        retried = context.held.retry_due(project_id)
    if retried:
        context.hint("group", project_id, "")
    return retried
