"""The roles of workers: a worker takes all stages or those of one role, so that computing and waiting can be apart.

Each role has a queue of its own. The queues that a worker consumes decide its role, so plain `celery … worker -Q`
chooses one too.
"""

from collections.abc import Iterable

STAGES = {
    "submit": ("group", "retry", "submit", "expire"),
    "poll": ("poll", "settle"),
}
"""`submit` computes: validating and rendering. `poll` waits: for imports to end and for their files."""
QUEUES = {"submit": "prelabel", "poll": "prelabel.poll"}


def queue_of(stage: str) -> str:
    """Return the queue of a stage's hints."""
    return next(QUEUES[role] for role, stages in STAGES.items() if stage in stages)


def role_of(queues: Iterable[str]) -> str:
    """Return the role of a worker that consumes these queues: `submit`, `poll` or `all`."""
    roles = [role for role, queue in QUEUES.items() if queue in queues]
    return roles[0] if len(roles) == 1 else "all"


def stages_of(role: str) -> tuple[str, ...]:
    """Return the stages that a role takes."""
    return STAGES.get(role) or tuple(stage for stages in STAGES.values() for stage in stages)


def queue_arguments(role: str) -> list[str]:
    """Return the options that make a Celery worker take this role."""
    return [] if role == "all" else ["--queues", QUEUES[role]]
