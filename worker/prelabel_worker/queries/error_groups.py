"""The error groups of all projects: one cause a row, with its counts, its state and what would fix it. Read-only.

Rows that died of one cause have one fingerprint in every project. `ErrorGroups` keeps what it read of each project, and
reads again only the projects whose dead letters have changed: 5,000 projects without a change cost two commands each,
in pipelines.
"""

import math
from collections import OrderedDict, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from prelabel.json_record import JsonRecord
from prelabel.unix_time import UnixTime
from prelabel.wire import keys
from prelabel.wire.client import Client
from prelabel_worker.dead_letters.editing import Edits, suggested_edits
from prelabel_worker.dead_letters.explain import cause_of, field_of
from prelabel_worker.dead_letters.group_state import GroupState, GroupStates, State
from prelabel_worker.dead_letters.letter import DeadLetter
from prelabel_worker.dead_letters.reader import HeldReader
from prelabel_worker.quarantine.names import project_ids
from prelabel_worker.quarantine.pipelines import ask

PROJECTS_SHOWN = 50
"""Maximum number of projects that a group names: the largest ones."""
SAMPLES = 5
"""Maximum number of dead letters that are read of a group."""
SMALL_BYTES = 100_000
"""Only the first dead letter of a group is read whatever its size; a further one only up to this many bytes."""
REMEMBERED = 10_000
"""Maximum number of groups whose cause is remembered after their last dead letter is gone."""
MOST_OF_A_PROJECT = 1_000
"""Maximum number of groups that are read of one project: the largest ones."""


class _Share(NamedTuple):
    """A project's part of a group; times in ms."""

    rows: int
    first: float
    last: float
    sample: str


class _ProjectGroups(NamedTuple):
    """What was read of a project, and the sign by which a change is noticed."""

    sign: object
    shares: dict[str, _Share]


@dataclass(frozen=True, slots=True)
class ProjectRows(JsonRecord):
    """How many rows of a group a project has."""

    project_id: str
    rows: int


@dataclass(frozen=True, slots=True)
class ErrorGroup(JsonRecord):
    """The rows that died of one cause, in all projects."""

    json_fields = (
        "group", "reason", "field", "about", "suggestion", "rows", "projects", "project_count", "models", "sampled",
        "first_at", "last_at", "state", "state_by", "state_at",
    )  # fmt: skip

    #: The fingerprint of the cause.
    group: str
    #: The reason code; empty if no dead letter of it is left.
    reason: str
    #: What is wrong, on one line.
    about: str
    #: How many rows are dead.
    rows: int
    #: The projects with the largest shares, at most `PROJECTS_SHOWN`.
    projects: tuple[ProjectRows, ...]
    #: How many projects have such rows.
    project_count: int
    #: The models of the dead letters that were read, at most `SAMPLES`.
    models: tuple[str, ...]
    #: Whether there are more dead letters than were read, so that there may be more models.
    sampled: bool
    #: When the first row died of it, ever as far as is remembered; None if none is dead now.
    first_at: UnixTime | None
    #: When the last row died; None without one.
    last_at: UnixTime | None
    #: What operators decided, and whether it holds.
    decided: GroupState
    #: A dead letter of the group without its message; None if none is left.
    sample: DeadLetter | None

    @property
    def state(self) -> State:
        """The state: `regressed` if a row died after the group was resolved."""
        return self.decided.now(self.last_at)

    @property
    def state_by(self) -> str:
        """Who decided the state; empty for an open group."""
        return self.decided.who

    @property
    def state_at(self) -> UnixTime | None:
        """When the state was decided; None for an open group."""
        return self.decided.at

    @property
    def field(self) -> str:
        """The field at fault, without indexes, such as `annotations[].name`; empty if it is not known."""
        return field_of(self.sample) if self.sample else ""

    @property
    def suggestion(self) -> str:
        """What is suggested, such as `did you mean Person?`; empty if nothing is."""
        return str(self.sample.details.get("hint") or "") if self.sample else ""

    @property
    def fix(self) -> Edits | None:
        """The edits that would fix the names at fault; None if none are known."""
        return suggested_edits(self.sample) if self.sample else None


class ErrorGroups:
    """Reads the error groups of one Redis. Keep the object: a second read costs less. Not thread-safe."""

    def __init__(self, client: Client, key_prefix: str = keys.DEFAULT_PREFIX) -> None:
        self._client = client
        self._prefix = key_prefix
        self._held = HeldReader(client, key_prefix)
        self._states = GroupStates(client, key_prefix)
        self._projects: dict[str, _ProjectGroups] = {}
        self._shares: dict[str, list[tuple[str, _Share]]] = {}
        self._samples: dict[tuple[str, str], DeadLetter] = {}
        self._abouts: OrderedDict[str, str] = OrderedDict()

    def read(self) -> list[ErrorGroup]:
        """Return the groups, the largest first. Groups without dead letters are among them while they have a state."""
        if self._read_changed(project_ids(self._client.zrange(keys.projects(self._prefix), 0, -1))):
            self._shares = _by_group(self._projects)
        self._read_samples()
        states = self._states.all()
        groups = [self._group(group, parts, states.get(group, GroupState())) for group, parts in self._shares.items()]
        groups += [self.without_rows(group, state) for group, state in states.items() if group not in self._shares]
        self._remember(groups)
        return sorted(groups, key=lambda group: (-group.rows, group.group))

    def without_rows(self, group: str, state: GroupState) -> ErrorGroup:
        """Return a group of which no dead letter is left, or none was ever there.

        It says what it was about if this object has read it before. Another thread may call this.
        """
        gone = ErrorGroup(group, "", state.about, 0, (), 0, (), False, None, None, state, None)
        return gone if state.about else replace(gone, about=self._abouts.get(group, ""))

    def _remember(self, groups: Sequence[ErrorGroup]) -> None:
        for group in groups:
            if group.about:
                self._abouts[group.group] = group.about
                self._abouts.move_to_end(group.group)
        while len(self._abouts) > REMEMBERED:
            self._abouts.popitem(last=False)

    def _read_changed(self, project_ids: Sequence[str]) -> bool:
        """Read the projects whose dead letters have changed since they were read, and forget those that have none.

        Returns whether there were such projects. Every death changes the newest dead letter; everything else that
        happens to a dead letter changes the number of them.
        """
        signs: dict[str, object] = {}
        for name, (number, newest) in ask(self._client, project_ids, self._ask_sign):
            if isinstance(number, int) and number:
                signs[name] = (number, str(newest))
        gone = self._projects.keys() - signs.keys()
        for name in gone:
            del self._projects[name]
        known = {name: project.sign for name, project in self._projects.items()}
        changed = [name for name, sign in signs.items() if known.get(name) != sign]
        for name, shares in self._read_shares(changed):
            self._projects[name] = _ProjectGroups(signs[name], shares)
        return bool(gone or changed)

    def _ask_sign(self, pipeline: Any, project_id: str) -> None:
        key = keys.ProjectKeys(self._prefix, project_id).dead
        pipeline.zcard(key)
        pipeline.zrange(key, 0, 0, desc=True, withscores=True)

    def _read_shares(self, names: Sequence[str]) -> Iterator[tuple[str, dict[str, _Share]]]:
        """Yield the groups of projects: first their counts and samples, then the first and last death of each."""
        counts: dict[str, dict[str, int]] = {}
        samples: dict[str, dict[bytes, bytes]] = {}
        firsts: dict[str, dict[bytes, bytes]] = {}
        for name, (rows, sample, first_ever) in ask(self._client, names, self._ask_groups):
            if isinstance(rows, dict) and isinstance(sample, dict):
                firsts[name] = first_ever if isinstance(first_ever, dict) else {}
                counts[name], samples[name] = _largest(rows), sample
        ends = ask(self._client, [(name, group) for name in counts for group in counts[name]], self._ask_ends)
        shares: dict[str, dict[str, _Share]] = {name: {} for name in counts}
        for (name, group), (first, last) in ends:
            if isinstance(last, list) and last:
                sample_id = samples[name].get(group.encode(), b"").decode(errors="replace")
                ever = firsts[name].get(group.encode(), b"")
                begin = min(float(first[0][1]), float(ever) if ever.isdigit() else math.inf)
                shares[name][group] = _Share(counts[name][group], begin, float(last[0][1]), sample_id)
        yield from shares.items()

    def _ask_groups(self, pipeline: Any, project_id: str) -> None:
        project_keys = keys.ProjectKeys(self._prefix, project_id)
        pipeline.hgetall(project_keys.dead_groups)
        pipeline.hgetall(project_keys.dead_sample)
        pipeline.hgetall(project_keys.flow.first)

    def _ask_ends(self, pipeline: Any, pair: tuple[str, str]) -> None:
        key = keys.ProjectKeys(self._prefix, pair[0]).dead_group(pair[1])
        pipeline.zrange(key, 0, 0, withscores=True)
        pipeline.zrange(key, 0, 0, desc=True, withscores=True)

    def _read_samples(self) -> None:
        """Read the dead letters that stand for the groups, unless they were read before."""
        wanted = {
            (name, share.sample): group
            for group, parts in self._shares.items()
            for name, share in parts[:SAMPLES]
            if share.sample
        }
        # A dead letter that was retried may have died again of another cause.
        new = sorted(
            pair for pair, group in wanted.items() if pair not in self._samples or self._samples[pair].group != group
        )
        first = {(parts[0][0], parts[0][1].sample) for parts in self._shares.values()}
        read = self._held.some(new, lambda pair, state: pair in first or state.bytes <= SMALL_BYTES)
        fresh = {
            (dead_letter.project_id, dead_letter.id): replace(dead_letter, message=b"", header=b"")
            for dead_letter in read
        }
        kept = {pair: dead_letter for pair, dead_letter in self._samples.items() if pair in wanted}
        self._samples = kept | fresh

    def _group(self, group: str, parts: list[tuple[str, _Share]], state: GroupState) -> ErrorGroup:
        dead_letters = [self._samples.get((name, share.sample)) for name, share in parts[:SAMPLES]]
        known = [dead_letter for dead_letter in dead_letters if dead_letter is not None and dead_letter.group == group]
        rows = sum(share.rows for _, share in parts)
        return ErrorGroup(
            group=group,
            reason=known[0].reason if known else "",
            about=cause_of(known[0]) if known else state.about,
            rows=rows,
            projects=tuple(ProjectRows(name, share.rows) for name, share in parts[:PROJECTS_SHOWN]),
            project_count=len(parts),
            models=tuple(dict.fromkeys(dead_letter.model for dead_letter in known if dead_letter.model)),
            sampled=rows > len(known),
            first_at=UnixTime.of_ms(min(share.first for _, share in parts)),
            last_at=UnixTime.of_ms(max(share.last for _, share in parts)),
            decided=state,
            sample=known[0] if known else None,
        )


def _largest(rows: Mapping[bytes, bytes]) -> dict[str, int]:
    """Return the largest groups, at most `MOST_OF_A_PROJECT`, and their rows; leave out what no worker has written."""
    counts = {group: int(number) for group, number in rows.items() if number.isdigit() and group.isalnum()}
    largest = sorted(counts.items(), key=lambda item: -item[1])[:MOST_OF_A_PROJECT]
    return {group.decode(): number for group, number in largest}


def _by_group(projects: Mapping[str, _ProjectGroups]) -> dict[str, list[tuple[str, _Share]]]:
    """Return group → its projects with their shares, the largest first."""
    shares: dict[str, list[tuple[str, _Share]]] = defaultdict(list)
    for project_id, project in projects.items():
        for group, share in project.shares.items():
            shares[group].append((project_id, share))
    for parts in shares.values():
        parts.sort(key=lambda part: (-part[1].rows, part[0]))
    return dict(shares)
