"""Which stages a worker takes: all of them, or those of one role, so that waiting and computing can be apart.

Each role has a queue of its own; a worker's role is what it consumes, so plain `celery … worker -Q` chooses too.
"""

from collections.abc import Iterable

STAGES = {
    "submit": ("group", "retry", "submit", "expire"),
    "poll": ("poll", "settle"),
}
"""`submit` computes: validating and rendering. `poll` waits: for imports to end and for their files."""
QUEUES = {"submit": "prelabel", "poll": "prelabel.poll"}


def queue_of(stage: str) -> str:
    """The queue of a stage's hints."""
    return next(QUEUES[role] for role, stages in STAGES.items() if stage in stages)


def role_of(queues: Iterable[str]) -> str:
    """`submit`, `poll` or `all`: the role of a worker that consumes these queues."""
    found = [role for role, queue in QUEUES.items() if queue in queues]
    return found[0] if len(found) == 1 else "all"


def stages_of(role: str) -> tuple[str, ...]:
    """The stages that a role takes."""
    return STAGES.get(role) or tuple(stage for stages in STAGES.values() for stage in stages)


def queue_arguments(role: str) -> list[str]:
    """What makes a Celery worker take this role."""
    return [] if role == "all" else ["--queues", QUEUES[role]]
