"""Find what is due in all projects, and when to look again."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

import redis
import structlog

from prelabel.wire import keys
from prelabel.wire.client import Client, has_slots
from prelabel_worker.quarantine import quarantine
from prelabel_worker.quarantine.names import shortened
from prelabel_worker.quarantine.quarantine import Quarantine
from prelabel_worker.runtime.roles import stages_of
from prelabel_worker.scripts import Scripts

LOOK_ANYWAY_SECONDS = 5.0
"""Longest time between two looks at a project, whatever its score, so that a lost hint costs only seconds."""
_PROJECTS_A_TICK = 100
_NAMES_PUT_OFF_SECONDS = 86_400.0
_MAX_IN_LINE = 10_000  # projects; one that is forgotten goes to the end
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Due:
    """A stage that is due for a project; `chunk_id` is empty if the stage does not work on one chunk."""

    stage: str
    project_id: str
    chunk_id: str


@dataclass(frozen=True, slots=True)
class _Listed:
    """A project that this tick looks at, and its scores in the set of projects."""

    project_id: str
    #: The score that projects_due.lua gave it for this look.
    score: bytes
    #: The score that it had before.
    old_score: bytes

    def next_look(self, wait_ms: int | str) -> list[str | int | bytes]:
        """Return the arguments of projects_next.lua; an empty wait restores the old score."""
        return [self.project_id, self.score, wait_ms, self.old_score]


class _Line:
    """Puts projects in order: the project that has waited longest for a turn in this process comes first.

    The scores in the set of projects cannot give this order: every publish writes one, and anybody who may publish can
    write any score.
    """

    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        self._next = count()

    def in_order(self, projects: list[_Listed]) -> list[_Listed]:
        """Return the projects in order. A project that is not known yet comes last."""
        for project in projects:
            if project.project_id not in self._places:
                self._places[project.project_id] = next(self._next)
        return sorted(projects, key=lambda project: self._places[project.project_id])

    def had_turn(self, project_id: str) -> None:
        """Move a project to the end of the line."""
        self._places.pop(project_id, None)
        self._places[project_id] = next(self._next)
        if len(self._places) > _MAX_IN_LINE:
            del self._places[next(iter(self._places))]


class Timers:
    """The timers of all projects in one Redis."""

    def __init__(self, client: Client, key_prefix: str, lease_seconds: float) -> None:
        self._client = client
        self._scripts = Scripts(client)
        self._prefix = key_prefix
        self._lease_ms = int(lease_seconds * 1000)
        self._quarantine = Quarantine(client, key_prefix)
        self._line = _Line()
        self._cursor: bytes | int = 0

    def due(
        self, most: int, stages: Sequence[str] = stages_of("all"), *, most_polls: int | None = None
    ) -> tuple[list[Due], float]:
        """Return at most `most` entries of these stages that are due, and the seconds to the next look.

        Each entry is returned to one caller only. Polls have a limit of their own (by default also `most`), since one
        hint is for many polls; they need no turn.
        """
        next_ms, projects = self._projects_due()
        turns = self._turns([project.project_id for project in projects], most)
        unused = 0
        all_due: list[Due] = []
        polls = most if most_polls is None else most_polls
        looks: list[str | int | bytes] = []
        waits: list[int] = []
        for project in projects:
            # A project without a turn may use one that earlier projects left.
            unused += turns[project.project_id]
            turn = turns[project.project_id] or min(unused, 1)
            if turn:
                self._line.had_turn(project.project_id)
            try:
                wait_ms, due = self._project(project.project_id, turn, polls, stages)
            except Exception as error:
                problem = quarantine.problem_of(error)
                if problem is not None:
                    self._quarantine.remember(project.project_id, "tick", problem)
                    looks += project.next_look(int(quarantine.LOOK_AGAIN_SECONDS * 1000))
                    continue
                if not isinstance(error, redis.RedisError) or not has_slots(self._client):
                    raise
                continue  # a node of a cluster is down: projects on other nodes continue
            all_due += due
            polled = sum(entry.stage == "poll" for entry in due)
            polls -= polled
            unused -= len(due) - polled
            # A project with something due and no turn keeps its score, so that it stays the most overdue.
            looks += project.next_look(wait_ms if turn or wait_ms else "")
            waits.append(wait_ms)
        if looks:
            self._scripts.run("projects_next", keys.projects(self._prefix), *looks)
        soonest = min([next_ms, *waits])
        return all_due, LOOK_ANYWAY_SECONDS if soonest < 0 else soonest / 1000

    def _projects_due(self) -> tuple[int, list[_Listed]]:
        """Return the ms until the next project is due (-1: there is none), and those that are due now, in order."""
        next_ms, self._cursor, malformed, sample, *listed = self._scripts.run(
            "projects_due",
            keys.projects(self._prefix),
            _PROJECTS_A_TICK,
            int(LOOK_ANYWAY_SECONDS * 1000),
            int(_NAMES_PUT_OFF_SECONDS * 1000),
            int(quarantine.LOOK_AGAIN_SECONDS * 1000),
            self._cursor,
        )
        if malformed:
            _log.error("projects.malformed", names=malformed, sample=shortened(sample))
        parts = zip(listed[::3], listed[1::3], listed[2::3], strict=True)
        projects = [_Listed(name.decode(), score, old_score) for name, score, old_score in parts]
        return int(next_ms), self._line.in_order(projects)

    def _turns(self, projects: list[str], most: int) -> dict[str, int]:
        """Return each project's share of `most` turns, by priority, so that no project holds up another for long."""
        if not projects:
            return {}
        priorities = self._client.hgetall(keys.priorities(self._prefix)) if len(projects) > 1 else {}
        weights = {project_id: _weight(priorities.get(project_id.encode(), b"1")) for project_id in projects}
        return shares(weights, most)

    def _project(self, project_id: str, most: int, most_polls: int, stages: Sequence[str]) -> tuple[int, list[Due]]:
        """Return the ms until the next look at this project, and what is due in it."""
        root = keys.project_root(self._prefix, project_id)
        answer = self._scripts.run("tick", root, most, most_polls, self._lease_ms, *stages)
        due = [
            Due(stage.decode(), project_id, chunk.decode())
            for stage, chunk in zip(answer[1::2], answer[2::2], strict=True)
        ]
        wait_ms = int(answer[0])
        look_anyway = int(LOOK_ANYWAY_SECONDS * 1000)
        return (look_anyway if wait_ms < 0 else min(wait_ms, look_anyway)), due


def _weight(priority: bytes) -> int:
    """Return the priority that an operator set; 1 if it is not a number."""
    return max(1, int(priority)) if priority.isdigit() else 1


def shares(weights: dict[str, int], most: int) -> dict[str, int]:
    """Divide `most` turns by weight, heaviest first: each project gets at least one while turns remain."""
    total, remaining, turns = sum(weights.values()), most, dict.fromkeys(weights, 0)
    heaviest_first = sorted(weights, key=lambda project_id: -weights[project_id])
    for number, project_id in enumerate(heaviest_first, 1):
        one_for_each_other = len(weights) - number
        share = most * weights[project_id] // total
        turns[project_id] = max(min(remaining, 1), min(remaining - one_for_each_other, share))
        remaining -= turns[project_id]
    return turns
