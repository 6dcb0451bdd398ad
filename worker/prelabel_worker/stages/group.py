"""group: waiting rows → chunks that refer to them."""

import structlog

from prelabel_worker.stages.context import StageContext
from prelabel_worker.stages.guard import surviving
from prelabel_worker.stages.submit import submit, submit_held

_log = structlog.get_logger(__name__)


def group(context: StageContext, project_id: str) -> int:
    """Cut chunks while enough rows wait, and submit the last one; return the number of chunks.

    The others have hints, so that idle processes take them meanwhile. A small project has no others: it costs one task
    instead of two.
    """
    number, own = 0, None
    with surviving(context, "group", project_id):
        for cut in context.ledger.cut_chunks(project_id):
            if own is not None:
                context.hint("submit", project_id, own.id)
            _log.debug("chunk.cut", project=project_id, chunk=cut.id)
            number, own = number + 1, cut
    if own is None:
        return number
    if own.held is None:
        submit(context, project_id, own.id)
    else:
        with context.leases.hold(own.held, own.at) as lease:
            submit_held(context, lease)
    return number


def retry_due(context: StageContext, project_id: str) -> int:
    """Send the retrying rows that are due back to their lanes; return their number."""
    retried = 0
    with surviving(context, "retry", project_id):
        retried = context.held.retry_due(project_id)
    if retried:
        context.hint("group", project_id, "")
    return retried
