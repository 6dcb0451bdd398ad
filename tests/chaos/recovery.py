"""Measures how long it takes until work continues after a fault, by looking at Redis many times a second."""

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import redis

from prelabel.wire import keys
from prelabel.wire.client import Client
from tests.chaos.plan import KILLS
from tests.chaos.workload import PROJECTS

BOUND_SECONDS = 15.0
"""From any SIGKILL to resumed work."""


class Hold(NamedTuple):
    """A lease on a chunk: its holder, and its end in ms by Redis's clock."""

    token: str
    until: int


Holds = dict[tuple[str, str], Hold]
"""(project, chunk) → who holds it."""


class View(NamedTuple):
    """The number of imported rows and the leases on chunks; both None if Redis does not answer."""

    imported: int | None
    holds: Holds | None


def look(client: Client) -> View:
    """Return the present number of imported rows, and the leases."""
    roots = {project: keys.project_root(keys.DEFAULT_PREFIX, project) for project in PROJECTS}
    try:
        with client.pipeline(transaction=False) as pipeline:
            for root in roots.values():
                pipeline.hget(f"{root}:counts", "imported")
                pipeline.zrange(f"{root}:chunks", 0, -1)
            answers = pipeline.execute()
            chunks = [
                (project, name.decode()) for project, names in zip(roots, answers[1::2], strict=True) for name in names
            ]
            for project, name in chunks:
                pipeline.hmget(f"{roots[project]}:chunk:{name}", "token", "lease")
            held = zip(chunks, pipeline.execute(), strict=True)
    except (redis.RedisError, OSError):
        return View(None, None)
    found = {at: Hold(token.decode(), int(lease)) for at, (token, lease) in held if token}
    return View(sum(int(count or 0) for count in answers[::2]), found)


@dataclass
class Watch:
    """Something was broken; `resumed` says whether work continues, `hit` when something was last broken or repaired."""

    kind: str
    resumed: Callable[[View], bool]
    since: float = field(default_factory=time.monotonic)
    hit: float = field(default_factory=time.monotonic)


class Recovery(NamedTuple):
    """The seconds until work resumed: since the fault, and since the last further fault before work resumed."""

    seconds: float
    after_last: float


def taken_up(held: Holds) -> Callable[[View], bool]:
    """Return a condition: every chunk has another lease or none, since it was recovered, finished or renewed."""
    left = dict(held)

    def resumed(view: View) -> bool:
        for at, hold in list(left.items()):
            if view.holds is not None and view.holds.get(at) != hold:
                del left[at]
        return not left

    return resumed


def imported_more(than: int) -> Callable[[View], bool]:
    """Return a condition: further rows were imported."""
    return lambda view: view.imported is not None and view.imported > than


def both(first: Callable[[View], bool], second: Callable[[View], bool]) -> Callable[[View], bool]:
    """Return a condition: both conditions have been met, each at any time."""
    open_ = [first, second]

    def resumed(view: View) -> bool:
        open_[:] = [each for each in open_ if not each(view)]
        return not open_

    return resumed


class Recoveries:
    """Records the faults, and how soon work resumed after each."""

    def __init__(self) -> None:
        self.injected: dict[str, int] = defaultdict(int)
        self.found: dict[str, list[Recovery]] = defaultdict(list)
        self._open: list[Watch] = []

    def watch(self, kind: str, resumed: Callable[[View], bool]) -> None:
        """Begin to watch: a part was broken, or its fault has ended, just now."""
        self.injected[kind] += 1
        self._open.append(Watch(kind, resumed))

    def hit(self) -> None:
        """Restart the time limit of all open watches: a worker that would have recovered the work may be hit too."""
        for watch in self._open:
            watch.hit = time.monotonic()

    def look(self, view: View) -> None:
        """Close the watches whose work has resumed."""
        now = time.monotonic()
        for watch in [each for each in self._open if each.resumed(view)]:
            self.found[watch.kind].append(Recovery(now - watch.since, now - watch.hit))
            self._open.remove(watch)

    @property
    def kills(self) -> int:
        """Return the number of SIGKILLs."""
        return sum(self.injected[kind] for kind in KILLS)

    @property
    def slowest_kill(self) -> Recovery:
        """Return the longest time until work resumed after a SIGKILL."""
        return max((each for kind in KILLS for each in self.found[kind]), default=Recovery(0.0, 0.0))

    @property
    def within_bound(self) -> bool:
        """Whether work resumed in time after every SIGKILL; after a series of faults, counted from the last."""
        return all(each.after_last <= BOUND_SECONDS for kind in KILLS for each in self.found[kind])
