"""Find what is due in all projects, and when to look again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import structlog

from prelabel.wire import keys
from prelabel.wire.client import Client, has_slots
from prelabel_worker.accounts.rate_limiter import POLLED_TOGETHER
from prelabel_worker.quarantine import names, quarantine
from prelabel_worker.quarantine.names import shortened
from prelabel_worker.quarantine.quarantine import Quarantine
from prelabel_worker.runtime.roles import stages_of
from prelabel_worker.scripts import Call, Scripts

LOOK_ANYWAY_SECONDS = 5.0
"""Longest time between two looks at a project, whatever its score, so that a lost hint costs only seconds."""
_LOOK_ANYWAY_MS = int(LOOK_ANYWAY_SECONDS * 1000)
_PROJECTS_A_TICK = 100
_POLLS_GATHER_MS = 250
"""For which an import waits for others: a request for it alone may cost more than the rest of a small chunk."""
_NAMES_PUT_OFF_SECONDS = 86_400.0
_MAX_IN_LINE = 10_000  # projects; one that is forgotten goes to the end
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Due:
    """A stage that is due for a project; `chunk_id` is empty if the stage does not work on one chunk."""

    stage: str
    project_id: str
    chunk_id: str


class _Line:
    """Puts projects in order: the project that has waited longest for a turn in this process comes first.

    The scores in the set of projects cannot give this order: every publish writes one, and anybody who may publish can
    write any score.
    """

    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        self._next = count()

    def in_order(self, projects: list[str]) -> list[str]:
        """Return the projects in order. A project that is not known yet comes last."""
        for project_id in projects:
            if project_id not in self._places:
                self._places[project_id] = next(self._next)
        return sorted(projects, key=self._places.__getitem__)

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
        polls = most if most_polls is None else most_polls
        waits, all_due = self._polls(polls) if "poll" in stages else ([], [])
        now_ms, next_ms, projects = self._projects_due()
        waits += next_ms
        turns = self._turns(projects, most)
        # Projects without a turn stay due, unless others leave them theirs: then one after the other is looked at.
        looks = {project_id: turns[project_id] for project_id in projects if turns[project_id]}
        others = [project_id for project_id in projects if not turns[project_id]]
        claim_ms = now_ms + _LOOK_ANYWAY_MS
        next_looks: list[str | int] = []
        while looks:
            polled = sum(entry.stage == "poll" for entry in all_due)
            for project_id, answer in self._look(looks, claim_ms, polls - polled, stages):
                wait_ms, due = self._read(project_id, answer)
                all_due += due
                waits.append(wait_ms)
                next_looks += [project_id, claim_ms, wait_ms]
            unused = most - sum(entry.stage != "poll" for entry in all_due)
            looks, others = dict.fromkeys(others[:unused], 1), others[unused:]
        if next_looks:
            self._scripts.run("projects_next", keys.projects(self._prefix), *next_looks)
        if others:
            waits.append(0)
        return all_due, min(waits, default=_LOOK_ANYWAY_MS) / 1000

    def _look(
        self, looks: Mapping[str, int], claim_ms: int, most_polls: int, stages: Sequence[str]
    ) -> Iterator[tuple[str, Any]]:
        """Look at projects with so many turns each; yield each project with the answer of tick.lua, or its error.

        All of them are claimed first. So what changes a score later, such as a publisher, is not overwritten.
        """
        calls = [Call("projects_claim", keys.projects(self._prefix), [claim_ms, *looks])]
        polls_each = max(1, most_polls // len(looks))
        for project_id, turns in looks.items():
            self._line.had_turn(project_id)
            root = keys.project_root(self._prefix, project_id)
            calls.append(Call("tick", root, [turns, polls_each, self._lease_ms, *stages]))
        claimed, *answers = self._scripts.run_all(calls)
        if isinstance(claimed, Exception):
            raise claimed
        yield from zip(looks, answers, strict=True)

    def _read(self, project_id: str, answer: Any) -> tuple[int, list[Due]]:
        """Return the ms until the next look at this project, and what is due in it, by the answer of tick.lua."""
        if isinstance(answer, Exception):
            problem = quarantine.problem_of(answer)
            if problem is not None:
                self._quarantine.remember(project_id, "tick", problem)
                return int(quarantine.LOOK_AGAIN_SECONDS * 1000), []
            if not has_slots(self._client):
                raise answer
            return _LOOK_ANYWAY_MS, []  # a node of a cluster is down: projects on other nodes continue
        wait_ms = int(answer[0])
        pairs = zip(answer[1::2], answer[2::2], strict=True)
        due = [Due(stage.decode(), project_id, chunk.decode()) for stage, chunk in pairs]
        return (_LOOK_ANYWAY_MS if wait_ms < 0 else min(wait_ms, _LOOK_ANYWAY_MS)), due

    def _polls(self, most: int) -> tuple[list[int], list[Due]]:
        """Return the ms until the next import is due, if any is, and those that are due now."""
        args = [most, POLLED_TOGETHER, _POLLS_GATHER_MS]
        (answer,) = self._scripts.run_all([Call("polls_due", keys.polls(self._prefix), args)])
        if isinstance(answer, Exception):
            if not has_slots(self._client):
                raise answer
            return [], []  # its node of the cluster is down: the chunks' own timers bring their polls back
        wait_ms, *members = answer
        due = []
        for member in members:
            name, _, chunk_id = member.partition(b" ")
            if (project_id := names.project_id(name)) and chunk_id.isalnum():  # else no worker wrote it
                due.append(Due("poll", project_id, chunk_id.decode()))
        return [int(wait_ms)] * (wait_ms >= 0), due

    def _projects_due(self) -> tuple[int, list[int], list[str]]:
        """Return Redis's time in ms, the ms until a project is due that is not returned, and those due, in order."""
        now_ms, next_ms, self._cursor, malformed, sample, *listed = self._scripts.run(
            "projects_due",
            keys.projects(self._prefix),
            _PROJECTS_A_TICK,
            int(_NAMES_PUT_OFF_SECONDS * 1000),
            int(quarantine.LOOK_AGAIN_SECONDS * 1000),
            self._cursor,
        )
        if malformed:
            _log.error("projects.malformed", names=malformed, sample=shortened(sample))
        projects = self._line.in_order([name.decode() for name in listed])
        return int(now_ms), [int(next_ms)] * (int(next_ms) >= 0), projects

    def _turns(self, projects: list[str], most: int) -> dict[str, int]:
        """Return each project's share of `most` turns, by priority, so that no project holds up another for long."""
        if not projects:
            return {}
        priorities = self._client.hgetall(keys.priorities(self._prefix)) if len(projects) > 1 else {}
        weights = {project_id: _weight(priorities.get(project_id.encode(), b"1")) for project_id in projects}
        return shares(weights, most)


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
