"""The rate limiter against a model: its scripts in a real Redis, with a clock that the test moves."""

import heapq
import random
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prelabel.wire import keys
from prelabel.wire.client import Client
from prelabel_worker.accounts.rate_limiter import Permit, Permits, Purpose
from prelabel_worker.labelbox.api_keys import fingerprint
from prelabel_worker.labelbox.errors import OutcomeUnknown, Refused, Throttled, Unauthorized, Unavailable
from prelabel_worker.scripts import Scripts, source

MINUTE_MS = 60_000
OPEN_MS = (1000, 2000, 4000, 8000, 15_000)


class ClockedScripts(Scripts):
    """The scripts, which read the time from a key."""

    def __init__(self, client: Client, clock: str) -> None:
        super().__init__(client)
        self._client = client
        self._clock = clock

    def run(self, name: str, key: str, *args: str | int | float | bytes) -> Any:
        if name not in self._scripts:
            text, theirs = source(name), "local now = now_ms()"
            assert text.count(theirs) == 1
            text = text.replace(theirs, f"local now = tonumber(redis.call('GET', '{self._clock}'))")
            self._scripts[name] = self._client.register_script(text)
        return super().run(name, key, *args)


class World:
    """One account and its clock."""

    def __init__(self, client: "redis.Redis", prefix: str) -> None:
        self.client = client
        self.prefix = prefix
        self.now = 1_800_000_000_000
        self.uses: list[int] = []
        client.delete(keys.account(prefix, "a"))
        self.set_clock(self.now)

    def set_clock(self, now: int) -> None:
        self.now = now
        self.client.set(f"{self.prefix}:clock", now)

    def permits(self, per_minute: int, burst: int, key: str = "key one") -> Permits:
        permits = Permits(self.client, self.prefix, "a", per_minute, burst, fingerprint(key))
        permits._scripts = permits._pauses._scripts = ClockedScripts(self.client, f"{self.prefix}:clock")
        return permits

    def field(self, name: str) -> int:
        return int(float(self.client.hget(keys.account(self.prefix, "a"), name) or 0))

    def most_in_a_minute(self) -> int:
        uses = sorted(self.uses)
        return max((bisect_right(uses, start + MINUTE_MS) - at for at, start in enumerate(uses)), default=0)


@pytest.fixture
def world(client: "redis.Redis", prefix: str) -> World:
    return World(client, prefix)


class Model:
    """A model in Python of the rules that stop an account."""

    def __init__(self) -> None:
        self.until: dict[str, int] = {"throttled": 0, "paused": 0, "refused": 0}
        self.refused_key = ""
        self.failures = self.openings = self.open_until = self.probe_until = 0
        self.probe_project = ""

    def stopped(self, now: int, purpose: Purpose, key: str, project: str) -> tuple[int, str]:
        stops = [(self.until["throttled"], "throttled")]
        if purpose != "follow":
            stops.append((self.until["paused"], "paused"))
            if key == self.refused_key:
                stops.append((self.until["refused"], "refused"))
        if self.openings:
            stops.append((self.open_until, "breaker"))
            if self.probe_until > now:
                stops.append((min(self.probe_until, now + 1000), "breaker"))
            if project and project == self.probe_project:
                stops.append((self.open_until + 1000, "breaker"))
        ends = max(at for at, _ in stops)
        return (ends, next(by for at, by in stops if at == ends)) if ends > now else (0, "")

    def stop(self, now: int, kind: str, seconds: float, key: str = "") -> None:
        if kind == "refused" and key != self.refused_key:
            self.until[kind] = 0
        ends = now + int(seconds * 1000)
        if ends > self.until[kind]:
            self.until[kind] = ends
            if kind == "refused":
                self.refused_key = key

    def answered(self, permit: Permit) -> None:
        if permit.trouble and not (self.openings and not permit.probe):
            self.failures = self.openings = self.open_until = self.probe_until = 0
            self.probe_project = ""

    def away(self, permit: Permit) -> bool:
        """Return whether the breaker opens."""
        if not self.openings:
            self.failures += 1
            if self.failures < 5:
                return False
            self.probe_project = ""
        elif not permit.probe:
            return False
        self.openings += 1
        self.probe_until = 0
        return True


class Play:
    """Two workers with different keys, the model, and the requests in progress."""

    def __init__(self, world: World) -> None:
        self.world, self.model = world, Model()
        self.prints = [fingerprint("key one"), fingerprint("key two")]
        self.workers = [world.permits(120, 20, "key one"), world.permits(120, 20, "key two")]
        self.under_way: list[tuple[int, Permit]] = []

    def advance(self, ms: int) -> None:
        self.world.set_clock(self.world.now + ms)

    def ask(self, purpose: Purpose, worker: int, project: str, late_ms: int) -> None:
        now, model = self.world.now, self.model
        permit = self.workers[worker].reserve(purpose, project)
        ends, by = model.stopped(now, purpose, self.prints[worker], project)
        assert permit.stopped_by == by
        if by:
            assert permit.wait == (ends - now) / 1000
        elif permit.wait == 0:
            assert permit.probe == bool(model.openings)
            assert permit.trouble == bool(model.openings or model.failures)
            if permit.probe:
                model.probe_until, model.probe_project = now + 15_000, project
            self.world.uses.append(now + late_ms)
            self.under_way.append((worker, permit))

    def ask_often(self, times: int) -> None:
        for number in range(times):
            self.ask("upload", 0, "p", 1000 * (number % 2))

    def pause(self, seconds: int) -> None:
        self.workers[0]._pauses.stop_account("a", "why", seconds)
        self.model.stop(self.world.now, "paused", seconds)

    def end(self, how: str) -> None:
        """End the oldest request in progress with an outcome."""
        if not self.under_way:
            return
        worker, permit = self.under_way.pop(0)
        permits, model, now = self.workers[worker], self.model, self.world.now
        if how == "away":
            permits.failed(permit, OutcomeUnknown("x") if permit.purpose == "upload" else Unavailable("x"))
            if model.away(permit):
                model.open_until = self.world.field("openUntil")
                most = OPEN_MS[min(model.openings, 5) - 1]
                assert most * 0.75 <= model.open_until - now <= most
            return
        model.answered(permit)
        if how == "good":
            permits.answered(permit)
        elif how == "bad":
            assert permits.failed(permit, Refused("x")) == 0
        elif how == "throttled":
            assert permits.failed(permit, Throttled("x", retry_after=5)) == 5
            model.stop(now, "throttled", 5)
        else:
            permits.failed(permit, Unauthorized("x"))
            model.stop(now, "refused", 60, self.prints[worker])


ENDS = ["good", "bad", "away", "away", "away", "throttled", "unauthorized"]
STEPS = st.one_of(
    st.tuples(st.just(Play.advance), st.tuples(st.sampled_from([0, 10, 200, 999, 1000, 1001, 3000, 16_000, 61_000]))),
    st.tuples(
        st.just(Play.ask),
        st.tuples(
            st.sampled_from(["upload", "upload", "follow"]),
            st.integers(0, 1),
            st.sampled_from("pq"),
            st.integers(0, 1000),
        ),
    ),
    st.tuples(st.just(Play.ask_often), st.tuples(st.integers(2, 60))),
    st.tuples(st.just(Play.end), st.tuples(st.sampled_from(ENDS))),
    st.tuples(st.just(Play.pause), st.tuples(st.integers(0, 60))),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, min_size=20, max_size=150))
def test_the_account_agrees_with_the_model_and_no_minute_exceeds_the_limit(
    client: "redis.Redis", prefix: str, steps: list[tuple[Callable[..., None], tuple[Any, ...]]]
) -> None:
    play = Play(World(client, prefix))
    for step, args in steps:
        step(play, *args)

    assert play.world.most_in_a_minute() <= 120


def lines_up(
    world: World, permits: Permits, chunks: dict[str, int], seconds: int, late_ms: Callable[[], int]
) -> Counter[str]:
    """Let chunks ask for permits again and again, and use them late; return the number of uploads by project."""
    done: Counter[str] = Counter()
    start = world.now
    waiting = [(start, number, project, 0) for number, project in enumerate(Counter(chunks).elements())]
    heapq.heapify(waiting)
    while waiting[0][0] < start + seconds * 1000:
        at, number, project, ticket = heapq.heappop(waiting)
        world.set_clock(max(at, world.now))
        permit = permits.reserve("upload", project, ticket=ticket)
        if permit.wait == 0:
            done[project] += 1
            # At its worst: the burst is used as late as it may be, what follows at once.
            world.uses.append(max(world.now, start + 1000))
            heapq.heappush(waiting, (world.now, number, project, 0))
        else:
            heapq.heappush(waiting, (world.now + round(permit.wait * 1000) + late_ms(), number, project, permit.ticket))
    return done


@pytest.mark.parametrize("most_late_ms", [0, 3000])
def test_the_budget_is_used_and_kept_though_everyone_comes_seconds_late(world: World, most_late_ms: int) -> None:
    permits = world.permits(600, 20)

    done = lines_up(world, permits, {"p": 40, "q": 40}, 150, lambda: random.randint(0, most_late_ms))

    assert world.most_in_a_minute() <= 600
    # Of 600, a burst of 20 and a second's grace leave 580 / 61 a second for the long run.
    assert done.total() >= 0.97 * 150 * 580 / 61
    assert abs(done["p"] - done["q"]) < 0.1 * done.total()


def test_the_steady_rate_is_at_least_95_percent_of_the_default_limit() -> None:
    from prelabel_worker.settings import Settings

    chosen = Settings(_env_file=None)
    limit, burst = chosen.requests_per_minute, chosen.request_burst
    assert (limit - burst) / 61 * 60 / limit >= 0.95


def test_polls_gather_while_uploads_wait_and_find_a_permit_before_them(world: World) -> None:
    permits = world.permits(600, 20)
    while permits.reserve("upload", "p").wait == 0:
        pass

    first = permits.reserve("follow", imports=3)
    second = permits.reserve("follow", imports=20)
    third = permits.reserve("follow", imports=20)
    assert (first.wait, second.wait) == (1, 1), "they come back together"
    assert third.wait == 1, "a poll has 25 seats: this is the next one"

    assert permits.reserve("follow", imports=25).wait == 0, "a full one need not wait"
    world.set_clock(first.ticket)
    while permits.reserve("upload", "p").wait == 0:
        pass
    assert permits.reserve("follow", imports=23, ticket=first.ticket).wait == 0


def test_429s_lower_the_rate_once_an_episode_and_it_recovers(world: World) -> None:
    permits = world.permits(600, 20)
    shares = []
    for _ in range(8):
        for _ in range(3):  # several in flight: one episode
            permits.failed(Permit("upload", "p", 0), Throttled("x", retry_after=2))
        world.set_clock(world.now + 1500)
        permits.failed(Permit("upload", "p", 0), Throttled("x", retry_after=0.5))
        shares.append(float(world.client.hget(keys.account(world.prefix, "a"), "factor")))
        world.set_clock(world.now + 500)

    assert shares[0] == 0.75
    assert shares[1] == pytest.approx(0.75 * (0.75 + 2 / 300), abs=0.001)
    assert min(shares) == shares[-1] == 0.25
    lowered = lines_up(world, permits, {"p": 20}, 10, lambda: 0)["p"]
    world.set_clock(world.now + 300_000)
    recovered = lines_up(world, permits, {"p": 20}, 10, lambda: 0)["p"]
    assert lowered < 0.5 * recovered


def test_a_retry_after_of_an_unavailable_service_stops_all_requests_and_lowers_no_rate(world: World) -> None:
    permits = world.permits(600, 20)

    assert permits.failed(Permit("upload", "p", 0), Unavailable("x", retry_after=7)) == 7

    assert permits.reserve("follow").stopped_by == "throttled"
    assert world.field("loweredMs") == 0


def test_the_project_whose_probe_failed_lets_others_try_first(world: World) -> None:
    permits = world.permits(600, 20)
    for _ in range(5):
        permits.failed(Permit("upload", "broken", 0), OutcomeUnknown("x"))
    world.set_clock(world.field("openUntil"))
    probe = permits.reserve("upload", "broken")
    assert probe.probe
    permits.failed(probe, OutcomeUnknown("x"))
    world.set_clock(world.field("openUntil"))

    assert permits.reserve("upload", "broken").stopped_by == "breaker"
    assert permits.reserve("upload", "whole").probe


def test_a_probe_that_died_is_followed_by_another_and_a_question_is_never_one(world: World) -> None:
    permits = world.permits(600, 20)
    for _ in range(5):
        permits.failed(Permit("upload", "p", 0), Unavailable("x"))
    world.set_clock(world.field("openUntil") + 1000)

    assert permits.reserve("ask").stopped_by == "breaker"
    assert permits.reserve("upload", "p").probe
    assert permits.reserve("follow").stopped_by == "breaker"
    world.set_clock(world.now + 15_000)
    assert permits.reserve("follow").probe
