"""What is due, and when to look again. This module does not know what a timer is for."""

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
"""A project is looked at this often whatever the set of projects says: a lost hint costs seconds."""
_PROJECTS_A_TICK = 100
_NAMES_PUT_OFF_SECONDS = 86_400.0
_MAX_IN_LINE = 10_000  # names; one that is forgotten goes to the end
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Due:
    """One thing to do: a stage for a project, and the chunk if the stage works on one."""

    stage: str
    project_id: str
    chunk_id: str


@dataclass(frozen=True, slots=True)
class _Listed:
    """A project that is looked at, and where it stands in the set of projects."""

    project_id: str
    #: Its score now, set when it was taken.
    score: bytes
    #: Its score before it was taken.
    place: bytes

    def moved(self, wait_ms: int | str) -> list[str | int | bytes]:
        """The arguments of projects_next.lua; an empty wait gives it the score it had."""
        return [self.project_id, self.score, wait_ms, self.place]


class _Line:
    """Whose turn is next, by the turns of this process.

    Scores in the set of projects cannot tell it: every publish writes one, and so can anybody who may publish.
    """

    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        self._next = count()

    def in_order(self, projects: list[_Listed]) -> list[_Listed]:
        """Return the projects, longest without a turn first. New ones go last."""
        for project in projects:
            if project.project_id not in self._places:
                self._places[project.project_id] = next(self._next)
        return sorted(projects, key=lambda project: self._places[project.project_id])

    def had_turn(self, project_id: str) -> None:
        """Move a project to the end."""
        self._places.pop(project_id, None)
        self._places[project_id] = next(self._next)
        if len(self._places) > _MAX_IN_LINE:
            del self._places[next(iter(self._places))]


class Timers:
    """The timers of all projects behind one Redis."""

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
        """What is due now of these stages, each answered to one caller; and seconds to the next look.

        Polls are counted apart (as many, unless said), since one hint is for many: of any project, in or out of turn.
        """
        next_ms, projects = self._projects_due()
        turns = self._turns([project.project_id for project in projects], most)
        unused = 0
        found: list[Due] = []
        polls = most if most_polls is None else most_polls
        moves: list[str | int | bytes] = []
        waits: list[int] = []
        for project in projects:
            # A turn that an earlier project did not use is passed on.
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
                    moves += project.moved(int(quarantine.LOOK_AGAIN_SECONDS * 1000))
                    continue
                if not isinstance(error, redis.RedisError) or not has_slots(self._client):
                    raise
                continue  # a node of a cluster is away: the projects of the others continue
            found += due
            polled = sum(each.stage == "poll" for each in due)
            polls -= polled
            unused -= len(due) - polled
            # Who was due and had no turn keeps its place: who has waited longest is first.
            moves += project.moved(wait_ms if turn or wait_ms else "")
            waits.append(wait_ms)
        if moves:
            self._scripts.run("projects_next", keys.projects(self._prefix), *moves)
        soonest = min([next_ms, *waits])
        return found, LOOK_ANYWAY_SECONDS if soonest < 0 else soonest / 1000

    def _projects_due(self) -> tuple[int, list[_Listed]]:
        """Take the projects that are due; ms to the next one (-1: none), and those that were taken."""
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
        projects = [_Listed(name.decode(), score, place) for name, score, place in parts]
        return int(next_ms), self._line.in_order(projects)

    def _turns(self, projects: list[str], most: int) -> dict[str, int]:
        """How much of each project may be answered: shares by priority, so that none holds up another for long."""
        if not projects:
            return {}
        priorities = self._client.hgetall(keys.priorities(self._prefix)) if len(projects) > 1 else {}
        weights = {project_id: _weight(priorities.get(project_id.encode(), b"1")) for project_id in projects}
        return shares(weights, most)

    def _project(self, project_id: str, most: int, most_polls: int, stages: Sequence[str]) -> tuple[int, list[Due]]:
        """Milliseconds until this project should be looked at again, and what is due in it."""
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
    """Divide `most` turns by weight, at least one each as long as there are any; the heaviest first. Pure."""
    total, left, found = sum(weights.values()), most, dict.fromkeys(weights, 0)
    heaviest_first = sorted(weights, key=lambda each: -weights[each])
    for at, name in enumerate(heaviest_first, 1):
        for_the_others = len(weights) - at
        found[name] = max(min(left, 1), min(left - for_the_others, most * weights[name] // total))
        left -= found[name]
    return found
