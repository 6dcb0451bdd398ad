"""expire: dead letters that nobody has touched for too long are discarded."""

import structlog

from prelabel_worker.stages.context import StageContext
from prelabel_worker.stages.guard import surviving

_SLICES = 50  # in one task; the timer is due again when more are left
_log = structlog.get_logger(__name__)


def expire(context: StageContext, project_id: str) -> int:
    """Discard what is older than the setting says; returns the dead letters."""
    dead_letters = rows = 0
    with surviving(context, "expire", project_id):
        for _ in range(_SLICES):
            some, weight, more = context.held.expire(project_id, context.settings.dead_letter_days)
            dead_letters, rows = dead_letters + some, rows + weight
            if not more:
                break
    if dead_letters:
        _log.info("dead_letters.expired", project=project_id, dead_letters=dead_letters, rows=rows)
    return dead_letters
