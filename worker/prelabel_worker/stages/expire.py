"""expire: discards dead letters that nobody has changed for too long."""

import structlog

from prelabel_worker.stages.context import StageContext
from prelabel_worker.stages.guard import surviving

_SLICES = 50  # in one task; if more are left, the timer is due again
_log = structlog.get_logger(__name__)


def expire(context: StageContext, project_id: str) -> int:
    """Discard dead letters older than the setting; return their number."""
    dead_letters = rows = 0
    with surviving(context, "expire", project_id):
        for _ in range(_SLICES):
            expired, weight, more = context.held.expire(project_id, context.settings.dead_letter_days)
            dead_letters, rows = dead_letters + expired, rows + weight
            if not more:
                break
    if dead_letters:
        _log.info("dead_letters.expired", project=project_id, dead_letters=dead_letters, rows=rows)
    return dead_letters
