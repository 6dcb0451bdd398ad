"""Runs a plan against the doors: breaks parts, repairs them, measures, and supervises all processes meanwhile."""

import heapq
import itertools
import time
from collections import Counter
from collections.abc import Callable
from functools import partial

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from prelabel.wire.keys import DEFAULT_PREFIX, ProjectKeys
from tests.chaos.doors.plan import OUTAGES, SOURCES, STOPS
from tests.chaos.doors.site import Doors
from tests.chaos.plan import Event
from tests.chaos.recovery import Recoveries, View

_LOOK_SECONDS = 0.1
_RESTART_SECONDS = 0.5
"""How long a supervisor takes to start a door again."""
_BROKER_SECONDS = 2.0
_TRY_AGAIN_SECONDS = 1.0
_SLACK_SECONDS = 2.0
"""How much less than planned Redis may be away: the last look may have been some time before."""
_NOTHING = View(None, None)


class Driver:
    """One run. `problems` has what should not have happened meanwhile, `killed` the SIGKILLs by part."""

    def __init__(self, site: Doors, events: list[Event], outage_seconds: float, say: Callable[[str], None]) -> None:
        self.recoveries = Recoveries()
        self.problems: list[str] = []
        self.killed: Counter[str] = Counter()
        self._looked = time.monotonic()
        self._site = site
        self._outage_seconds = outage_seconds
        self._say = say
        url = site.stack.file.redis_url
        self._client = redis.Redis.from_url(url, socket_timeout=1, retry=Retry(NoBackoff(), 0))
        self._published = dict.fromkeys(site.projects, 0)
        self._begun = time.monotonic()
        self._order = itertools.count()
        self._todo: list[tuple[float, int, Callable[[], None]]] = []
        for event in events:
            self._at(event.at, partial(self._surely, event))

    def run(self, seconds: float) -> None:
        """Work for so long, and until all planned events have happened and everything is repaired."""
        while self._todo or self._now() < seconds:
            self.step()
        self._site.repair()

    def until(self, done: Callable[[], bool], seconds: float) -> bool:
        """Work until `done`; return whether that was in time."""
        ends = time.monotonic() + seconds
        while not done():
            if time.monotonic() > ends:
                return False
            self.step()
        return True

    def step(self) -> None:
        """Supervise, look at what doors have published, and break or repair what is due."""
        for name, code in self._site.take_ended().items():
            self.problems.append(f"{name} ended by itself with {code}, see {self._site.stack.log(name)}")
            self._site.start(name)
        if (ended := self._site.stack.ended()) is not None:
            raise RuntimeError(f"{ended} ended by itself, see {self._site.stack.logs}")
        self._look()
        self.recoveries.look(_NOTHING)
        while self._todo and self._todo[0][0] <= self._now():
            heapq.heappop(self._todo)[2]()
        time.sleep(_LOOK_SECONDS)

    def _look(self) -> None:
        try:
            for project in self._published:
                counted = self._client.hget(ProjectKeys(DEFAULT_PREFIX, project).counts, "published")
                self._published[project] = int(counted or 0)
            self._looked = time.monotonic()
        except (redis.RedisError, OSError):
            pass  # Redis is away

    def _at(self, seconds: float, do: Callable[[], None]) -> None:
        heapq.heappush(self._todo, (seconds, next(self._order), do))

    def _after(self, seconds: float, do: Callable[[], None]) -> None:
        self._at(self._now() + seconds, do)

    def _now(self) -> float:
        return time.monotonic() - self._begun

    def _surely(self, event: Event) -> None:
        """Do this event now, or as soon as its victim runs again."""
        if self._break(event):
            self._say(f"{self._now():7.1f} s  {event.kind}")
        else:
            self._after(_TRY_AGAIN_SECONDS, lambda: self._surely(event))

    def _break(self, event: Event) -> bool:
        if event.kind in OUTAGES:
            return self._take_redis(event.kind, self._outage_seconds, frozen="stopped" in event.kind)
        if event.kind == "Redis, stopped":
            return self._take_redis(event.kind, STOPS[event.kind], frozen=True)
        if event.kind == "Redis":
            return self._take_redis(event.kind, 0, frozen=False)
        if event.kind in STOPS:
            return self._stop_door(event)
        names = self._site.doors if event.kind == "all doors" else [event.kind]
        there = self._site.up([name for name in names if self._site.is_here(name)])
        for name in there:
            self._kill(name)
        return bool(there) or not any(map(self._site.is_here, names))

    def _take_redis(self, kind: str, seconds: float, *, frozen: bool) -> bool:
        site = self._site
        if not site.up(["redis"]):
            return False
        if frozen:
            site.freeze("redis")
        else:
            site.kill("redis")
            self.killed["Redis"] += 1

        def bring_back() -> None:
            if time.monotonic() - self._looked < seconds - _SLACK_SECONDS:
                self.problems.append(f"{kind}: Redis answered meanwhile")
            if frozen:
                site.resume("redis")
            else:
                site.start("redis")
            self.recoveries.hit()
            self._watch(kind, list(self._published))

        self._after(seconds, bring_back)
        return True

    def _stop_door(self, event: Event) -> bool:
        there = self._site.up(self._site.doors)
        if not there:
            return False
        name = there[int(event.pick * len(there))]
        self._site.freeze(name)

        def resume() -> None:
            self._site.resume(name)
            self._watch(event.kind, [self._site.project_of(name)])

        self._after(STOPS[event.kind], resume)
        return True

    def _kill(self, name: str) -> None:
        self._site.kill(name)
        self.killed[name] += 1
        self.recoveries.hit()
        is_broker = name in SOURCES
        self._after(_BROKER_SECONDS if is_broker else _RESTART_SECONDS, lambda: self._site.start(name))
        self._watch(name, [self._site.project_at(name) if is_broker else self._site.project_of(name)])

    def _watch(self, kind: str, projects: list[str]) -> None:
        """Begin to measure how long it takes until each project gets further rows."""
        before = {project: self._published[project] for project in projects}
        self.recoveries.watch(kind, lambda _: all(self._published[name] > rows for name, rows in before.items()))
