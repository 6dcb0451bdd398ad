"""expire: dead letters that nobody has touched for too long are discarded."""

import structlog

from prelabel_worker.stages.context import Tools
from prelabel_worker.stages.guard import surviving

_SLICES = 50  # in one task; the timer is due again when more are left
_log = structlog.get_logger(__name__)


def expire(tools: Tools, project_id: str) -> int:
    """Discard what is older than the setting says; returns the letters."""
    letters = rows = 0
    with surviving(tools, "expire", project_id):
        for _ in range(_SLICES):
            some, weight, more = tools.held.expire(project_id, tools.settings.dead_letter_days)
            letters, rows = letters + some, rows + weight
            if not more:
                break
    if letters:
        _log.info("letters.expired", project=project_id, letters=letters, rows=rows)
    return letters
