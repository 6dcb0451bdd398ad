"""Runs a plan against a site: breaks parts, repairs them, measures, and then waits until every row has its outcome."""

import heapq
import itertools
import time
from collections.abc import Callable

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from prelabel.wire.client import Client
from prelabel_worker.dead_letters.filter import DeadLetterFilter
from prelabel_worker.dead_letters.store import HeldRows
from prelabel_worker.queries.status import Inspector
from tests.chaos.plan import STOPS, Event
from tests.chaos.recovery import Recoveries, View, both, imported_more, look, taken_up
from tests.chaos.site import Site
from tests.chaos.workload import PROJECTS, Kind

_LOOK_SECONDS = 0.05
_RESTART_SECONDS = 0.5
"""How long a supervisor takes to start a worker or a producer again."""
_AWAY_SECONDS = 2.0
"""How long producers write to their disks before one is killed: longer than they wait for an answer."""
_SLOW_UPLOADS = {"fault": "latency", "latency": 2, "operations": "create", "times": 3}
_UPLOADING_SECONDS = 1.0
"""After which every worker waits for one of those."""
_TRY_AGAIN_SECONDS = 1.0
_DRAIN_SECONDS = 240.0
_RETRIES = 4


class Driver:
    """One run. `retried` is the number of dead letters that a fault caused and that were retried at the end."""

    def __init__(self, site: Site, events: list[Event], say: Callable[[str], None]) -> None:
        self.recoveries = Recoveries()
        self.retried = 0
        self._site = site
        self._say = say
        self._client = _impatient(site.stack.file.redis_url)
        self._begun = time.monotonic()
        self._order = itertools.count()
        self._todo: list[tuple[float, int, Callable[[], None]]] = []
        for event in events:
            self._at(event.at, lambda event=event: self._surely(lambda: self._break(event)))
        self._imported = 0

    def run(self) -> None:
        """Work until all planned events have happened and the producers have ended."""
        while self._todo:
            self._step()
        self._site.no_faults()
        self._until(lambda: not self._site.producers(), "the producers to be done")

    def drain(self) -> None:
        """Work until every row has its outcome. Dead letters that a fault caused are retried, as an operator does."""
        client = self._site.stack.client()
        held = HeldRows(client)
        for _ in range(_RETRIES):
            self._until(lambda: _settled(Inspector(client)), "every row to have its outcome")
            back = {project: self._killed_by_faults(held, project) for project in PROJECTS}
            if not any(back.values()):
                return
            for project, dead_letters in back.items():
                self.retried += held.retry(project, dead_letters).done
        self._until(lambda: _settled(Inspector(client)), "what was sent back to have its outcome")

    def _at(self, seconds: float, do: Callable[[], None]) -> None:
        heapq.heappush(self._todo, (seconds, next(self._order), do))

    def _now(self) -> float:
        return time.monotonic() - self._begun

    def _step(self) -> None:
        self._site.supervise()
        view = look(self._client)
        self._imported = self._imported if view.imported is None else view.imported
        self.recoveries.look(view)
        while self._todo and self._todo[0][0] <= self._now():
            heapq.heappop(self._todo)[2]()
        time.sleep(_LOOK_SECONDS)

    def _until(self, done: Callable[[], bool], what: str) -> None:
        ends = time.monotonic() + _DRAIN_SECONDS
        while not done():
            if time.monotonic() > ends:
                raise TimeoutError(f"waited {_DRAIN_SECONDS:.0f} s for {what}")
            self._step()

    def _killed_by_faults(self, held: HeldRows, project: str) -> list[str]:
        return [
            dead_letter.id
            for dead_letter in held.choose(project, DeadLetterFilter())
            if self._kind(dead_letter.message_id) is Kind.GOOD
        ]

    def _kind(self, message_id: str | None) -> Kind:
        producer, number, _ = (message_id or "").split("-")
        batch = self._site.workload.batch(int(producer), int(number))
        return next(message.kind for message in batch if message.id == message_id)

    def _break(self, event: Event) -> bool:
        if event.options is not None:
            done = self._fault(event)
        else:
            done = self._stop(event) if event.kind in STOPS else self._kill(event)
        if done:
            self._say(f"{self._now():7.1f} s  {event.kind}")
        return done

    def _surely(self, do: Callable[[], bool]) -> None:
        """Do this event now, or as soon as its victim runs again."""
        if not do():
            self._at(self._now() + _TRY_AGAIN_SECONDS, lambda: self._surely(do))

    def _fault(self, event: Event) -> bool:
        options = event.options or {}
        self._site.fault(options)
        self._at(self._now() + options.get("seconds", 0), lambda: self._watch_progress(event.kind))
        return True

    def _stop(self, event: Event) -> bool:
        site, seconds = self._site, STOPS[event.kind]
        child = "child" in event.kind
        workers = site.with_children if child else site.workers
        victim = "redis" if event.kind.startswith("Redis") else self._pick(workers, event)
        if victim is None or not site.up([victim]) or not site.freeze(victim, child=child):
            return False
        self.recoveries.hit()
        self._at(self._now() + seconds, lambda: self._continue(event.kind, victim))
        return True

    def _continue(self, kind: str, victim: str) -> None:
        self._site.resume(victim)
        self._broken(kind, imported_more(self._imported))

    def _kill(self, event: Event) -> bool:
        match event.kind:
            case "a pool child" | "a worker" | "all workers":
                return self._kill_workers(event)
            case "a worker, uploading":
                self._site.fault(_SLOW_UPLOADS)
                self._at(self._now() + _UPLOADING_SECONDS, lambda: self._surely(lambda: self._kill_workers(event)))
                return True
            case "a producer":
                return self._kill_producer(event)
            case "Redis, then a producer":
                return self._kill_spooling_producer(event)
            case _:
                name = event.kind.removeprefix("the ").lower()
                if not self._site.up([name]):
                    return False
                self._site.kill(name)
                self._broken(event.kind, imported_more(self._imported))
                self._site.start(name)
                return True

    def _kill_workers(self, event: Event) -> bool:
        """Kill workers or a pool child. They are frozen first, so that their leases can be read before they die."""
        site = self._site
        child = event.kind == "a pool child"
        if event.kind == "all workers":
            victims = site.up(site.workers)
        else:
            one = self._pick(site.with_children if child else site.workers, event)
            victims = [one] if one else []
        frozen = [victim for victim in victims if site.freeze(victim, child=child)]
        if not frozen:
            return False
        view = look(self._client)
        if view.holds is None:  # Redis is away: nobody can say what they hold
            for victim in frozen:
                site.resume(victim)
            return False
        for victim in frozen:
            if child:
                site.kill_child(victim)
            else:
                site.kill(victim)
                self._at(self._now() + _RESTART_SECONDS, lambda victim=victim: site.start(victim))
        work_continues = both(taken_up(view.holds), imported_more(view.imported or 0))
        self._broken(event.kind, work_continues)
        return True

    def _kill_producer(self, event: Event) -> bool:
        site = self._site
        there = site.producers()
        if not there:
            return True  # they have done all their work
        victim = self._pick(there, event)
        if victim is None:
            return False
        site.catch(victim, confirmed=event.pick < 0.5)  # when most is at stake
        confirmed = len(site.went(victim).confirmed)
        site.kill(victim)
        self._at(self._now() + _RESTART_SECONDS, lambda: site.start(victim))
        self.recoveries.watch(event.kind, lambda _: len(site.went(victim).confirmed) > confirmed)
        return True

    def _kill_spooling_producer(self, event: Event) -> bool:
        """Kill a producer while its frames go to its spool; its next process sends them."""
        site = self._site
        if not site.up(["redis"]):
            return False
        site.kill("redis")
        self._broken(event.kind, imported_more(self._imported))
        self._at(self._now() + _AWAY_SECONDS, lambda: self._surely(lambda: self._kill_producer(event)))
        self._at(self._now() + _AWAY_SECONDS + _RESTART_SECONDS, lambda: site.start("redis"))
        return True

    def _pick(self, names: list[str], event: Event) -> str | None:
        there = self._site.up(names)
        return there[int(event.pick * len(there))] if there else None

    def _broken(self, kind: str, resumed: Callable[[View], bool]) -> None:
        """Record that a worker, Redis or the sandbox was broken, which may have been about to recover earlier work."""
        self.recoveries.hit()
        self.recoveries.watch(kind, resumed)

    def _watch_progress(self, kind: str) -> None:
        self.recoveries.watch(kind, imported_more(self._imported))


def _settled(inspector: Inspector) -> bool:
    """Return whether no row waits or is in a chunk; rows may be retrying, and these are compared."""
    found = [inspector.status(project) for project in PROJECTS]
    return all(not status.waiting and not status.chunks for status in found)


def _impatient(url: str) -> Client:
    """Return a client that fails at once if Redis is down, so that the driver does not wait."""
    return redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1, retry=Retry(NoBackoff(), 0))
