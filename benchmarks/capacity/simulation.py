"""A discrete simulation: rows arrive, are cut into chunks, uploaded, polled and settled, with the measured costs.

Rows are not simulated one by one: a publisher's send, a frame and a chunk are. The same scenario gives the same result.
"""

import math
import random
from collections import Counter
from collections.abc import Iterator

import simpy

from benchmarks.capacity.costs import Costs
from benchmarks.capacity.project import FRAME_ROWS, Chunk, Project
from benchmarks.capacity.result import Latencies, Result
from benchmarks.capacity.scenario import Scenario
from benchmarks.capacity.stations import (
    POLLED_TOGETHER,
    POLLS_GATHER_SECONDS,
    Account,
    Host,
    Node,
    Steps,
    Task,
    Workers,
)

SEND_ROWS = 3072
"""Rows of one send of a publisher."""
_SUBMIT_CALLS = 2 / 3  # the share of a chunk's round trips that come before its upload
_LONG_PERMIT_SECONDS = 2.0
_POLL_GROWTH = 0.5
_SAMPLE_SECONDS = 1.0
_DUE_TOGETHER_SECONDS = 0.05
_US, _MS = 1e-6, 1e-3


class Simulation:
    """One run of a scenario."""

    def __init__(self, scenario: Scenario, costs: Costs) -> None:
        self.scenario, self.costs = scenario, costs
        self.env = env = simpy.Environment()
        self._random = random.Random(scenario.seed)
        self.hosts = [Host(env, scenario.cores) for _ in range(scenario.hosts)]
        shared = self.hosts[0] if scenario.one_machine else None
        self.nodes = [Node(env, costs.sync_ms * _MS, shared or Host(env, 1)) for _ in range(scenario.nodes)]
        self.publisher_hosts = [shared or Host(env, 1) for _ in range(scenario.publishers)]
        self.accounts = [
            Account(env, scenario.requests_a_minute, scenario.request_burst) for _ in range(scenario.accounts)
        ]
        self._polls: dict[Account, list[simpy.Event]] = {account: [] for account in self.accounts}
        self._sink = simpy.Resource(env, 1) if scenario.one_machine else None
        submitters = scenario.processes - scenario.poll_processes
        self.submit = Workers(env, self.hosts, submitters)
        self.poll = Workers(env, self.hosts, scenario.poll_processes) if scenario.poll_processes else self.submit
        self._projects = [
            Project(scenario, self.nodes[at % scenario.nodes], self.accounts[at % scenario.accounts])
            for at in range(scenario.projects)
        ]
        self.published = self.settled = self.chunks = self.chunked = 0
        self.publisher_seconds = [0.0] * scenario.publishers
        self.blocked_seconds = 0.0
        self._to_upload, self._to_settled = Latencies(), Latencies()
        self._backlog: list[tuple[float, int]] = []

    # The load

    def _fill(self) -> None:
        """Put the backlog into the lanes, as publishers would have sent it."""
        for at, project in enumerate(self._projects):
            remaining = len(range(at, self.scenario.backlog_rows, len(self._projects)))
            self.published += remaining
            while remaining > 0:
                project.add(min(remaining, SEND_ROWS), self.env.now)
                remaining -= SEND_ROWS
            self._group(project)

    def _publish(self, number: int) -> Steps:
        """Send what has arrived since the last send, until the end."""
        scenario, costs, env = self.scenario, self.costs, self.env
        rate, host = scenario.rows_a_second / scenario.publishers, self.publisher_hosts[number]
        interval = min(max(scenario.publisher_linger_seconds, 1 / rate), SEND_ROWS / rate)
        yield env.timeout(self._random.random() * interval)
        offered, since = 0.0, env.now
        while True:
            rest = since + interval - env.now
            if rest > 0:
                yield env.timeout(rest)
            offered += self._poisson(rate * (env.now - since))
            since = env.now
            rows = int(min(offered, SEND_ROWS))
            offered -= rows
            if not rows:
                continue
            begun, parts = env.now, self._parts(rows)
            frames = sum(min(count, max(scenario.lanes, -(-count // FRAME_ROWS))) for count in parts.values())
            yield from host.compute((rows * costs.publisher_row_us + frames * costs.publisher_frame_us) * _US)
            self.publisher_seconds[number] += env.now - begun
            by_node: Counter[Node] = Counter()
            for project, count in parts.items():
                by_node[self._projects[project].node] += count
            for node, count in by_node.items():
                share = frames * count / rows
                yield node.call((count * costs.redis_publish_row_us + share * costs.redis_publish_frame_us) * _US)
            self.published += rows
            for project, count in parts.items():
                self._projects[project].add(count, begun)
                self._group(self._projects[project])

    def _parts(self, rows: int) -> dict[int, int]:
        """Divide rows among the projects."""
        projects, share = len(self._projects), self.scenario.first_share
        first = sum(self._random.random() < share for _ in range(rows)) if share and rows < 100 else round(rows * share)
        parts: Counter[int] = Counter({0: first} if first else {})
        rest, others = rows - first, range(1 if share and projects > 1 else 0, projects)
        if rest > 4 * len(others):
            for at, project in enumerate(others):
                parts[project] += len(range(at, rest, len(others)))
        else:
            parts.update(self._random.choice(others) for _ in range(rest))
        return parts

    def _poisson(self, mean: float) -> int:
        if mean > 50:
            return max(0, round(self._random.gauss(mean, math.sqrt(mean))))
        limit, product, number = math.exp(-mean), self._random.random(), 0
        while product > limit:
            product *= self._random.random()
            number += 1
        return number

    # Grouping

    def _group(self, project: Project) -> None:
        """Cut chunks while enough rows wait, and set the timer for the rows that do not wait long enough yet."""
        while project.open < project.open_most and (free := project.free()):
            waiting = sum(project.lane_rows[lane] for lane in free)
            due = project.lanes[free[0]][0][1] + self.scenario.linger_seconds
            if waiting < self.scenario.chunk_rows and due > self.env.now + 1e-9:
                if due < project.looks_at or project.looks_at <= self.env.now:
                    project.looks_at = due
                    self.env.process(self._look(project, due))
                return
            chunk = project.cut(free)
            self.chunks, self.chunked = self.chunks + 1, self.chunked + chunk.rows
            self.env.process(self._follow(chunk))

    def _look(self, project: Project, at: float) -> Steps:
        yield self.env.timeout(at - self.env.now + self._notice())
        if project.looks_at == at:
            project.looks_at = math.inf
        self._group(project)

    def _notice(self) -> float:
        """Return the time until one of the workers notices a timer that is due."""
        return self.costs.tick_ms * _MS / (self.scenario.worker_processes + 1)

    # The path of a chunk

    def _follow(self, chunk: Chunk) -> Steps:
        env, scenario, costs, project = self.env, self.scenario, self.costs, chunk.project
        yield env.timeout(costs.hint_ms * _MS)
        if project.account.line_seconds > _LONG_PERMIT_SECONDS:
            project.fewer(env.now)
        yield from project.account.upload()
        yield from self.submit.run(_Submit(self, chunk))
        uploaded = env.now
        for rows, arrived in chunk.entries:
            self._to_upload.add(uploaded - arrived, rows)
        done = uploaded + scenario.import_seconds + chunk.rows * scenario.import_row_seconds
        wait = scenario.poll_min_seconds
        while True:
            yield env.timeout(wait + self._notice())
            asked = env.now
            yield self._polled(project.account)
            if done <= asked:
                break
            wait = min(max((env.now - uploaded) * _POLL_GROWTH, scenario.poll_min_seconds), scenario.poll_max_seconds)
        yield env.timeout(costs.hint_ms * _MS)
        yield from self.poll.run(_Settle(self, chunk))
        for rows, arrived in chunk.entries:
            self._to_settled.add(env.now - arrived, rows)
        self.settled += chunk.rows
        project.open -= 1
        for lane in chunk.lanes:
            project.is_open[lane] = False
        project.more(env.now)
        self._group(project)

    def _polled(self, account: Account) -> simpy.Event:
        """Poll one import, in a request together with others that are due; the event is the answer."""
        answer = self.env.event()
        waiting = self._polls[account]
        waiting.append(answer)
        if len(waiting) == 1:
            self.env.process(self._gather(account, waiting))
        if len(waiting) == POLLED_TOGETHER:
            self._polls[account] = []
            self.env.process(self._ask(account, waiting))
        return answer

    def _gather(self, account: Account, waiting: list[simpy.Event]) -> Steps:
        yield self.env.timeout(POLLS_GATHER_SECONDS if account.has_line else _DUE_TOGETHER_SECONDS)
        if self._polls[account] is waiting:
            self._polls[account] = []
            yield from self._ask(account, waiting)

    def _ask(self, account: Account, waiting: list[simpy.Event]) -> Steps:
        yield from account.poll()
        yield from self.poll.run(_Wait(self.env, self.scenario.request_seconds))
        for answer in waiting:
            answer.succeed()

    def redis(self, node: Node, calls: float, cpu_seconds: float) -> Steps:
        """Do the round trips of a stage, one after the other."""
        count = max(1, round(calls))
        for _ in range(count):
            yield self.env.timeout(self.scenario.network_seconds)
            yield node.call(cpu_seconds / count)

    def sink(self, host: Host, rows: int) -> Steps:
        """Let the stand-in for Labelbox work, if it is on the same machine."""
        if self._sink is not None:
            with self._sink.request() as turn:
                yield turn
                yield from host.compute(rows * self.costs.sink_row_us * _US / 2, server=True)

    # Measuring

    def _ticks(self) -> Steps:
        """Let the workers' ticks ask the node that has the set of projects."""
        share = self.scenario.worker_processes * self.costs.redis_idle_worker_us * _US
        while True:
            yield self.env.timeout(0.25)
            self.nodes[0].call(share * 0.25)

    def _sample(self) -> Steps:
        while True:
            self._backlog.append((self.env.now, self.published - self.settled))
            for project in self._projects:
                rows = sum(project.lane_rows)
                if rows >= self.scenario.chunk_rows and project.open >= project.open_most:
                    self.blocked_seconds += _SAMPLE_SECONDS / len(self._projects)
            yield self.env.timeout(_SAMPLE_SECONDS)

    def _totals(self) -> dict[str, float]:
        """Return the busy seconds of the busiest of each kind of resource, by name."""
        scenario = self.scenario
        totals = {
            "worker cores": max(host.busy_seconds / host.cores for host in self.hosts),
            "submit processes": self.submit.busy_seconds / self.submit.processes,
            "Redis": max(node.busy_seconds for node in self.nodes),
            "requests": max(account.requests / account.requests_a_second for account in self.accounts),
        }
        if scenario.rows_a_second:
            totals["publishers"] = max(self.publisher_seconds)
        if self.poll is not self.submit:
            totals["poll processes"] = self.poll.busy_seconds / self.poll.processes
        return totals

    def run(self) -> Result:
        """Run the scenario. A backlog without arrivals ends when it is drained."""
        scenario, env = self.scenario, self.env
        if scenario.backlog_rows:
            self._fill()
        if scenario.rows_a_second:
            for number in range(scenario.publishers):
                env.process(self._publish(number))
        env.process(self._ticks())
        env.process(self._sample())
        begun, before, settled, blocked = 0.0, dict.fromkeys(self._totals(), 0.0), 0, 0.0
        if scenario.rows_a_second:
            begun = scenario.warm_up_seconds
            env.run(until=begun)
            before, settled, blocked = self._totals(), self.settled, self.blocked_seconds
            self._to_upload, self._to_settled = Latencies(), Latencies()
            env.run(until=begun + scenario.seconds)
        else:
            while self.settled < self.published and env.now < scenario.seconds:
                env.step()
        seconds = env.now - begun
        used = {name: (busy - before[name]) / seconds for name, busy in self._totals().items()}
        return Result(
            seconds=seconds,
            published=self.published,
            settled=self.settled,
            pending=sum(self._pending()),
            rows_a_second=(self.settled - settled) / seconds,
            growth=self._growth(begun),
            chunk_rows=self.chunked / max(1, self.chunks),
            used=used,
            blocked=(self.blocked_seconds - blocked) / seconds,
            to_upload=self._to_upload.percentiles(),
            to_settled=self._to_settled.percentiles(),
        )

    def _pending(self) -> Iterator[int]:
        """Yield the rows in the lanes, and those in chunks."""
        yield from (sum(project.lane_rows) for project in self._projects)
        yield self.chunked - self.settled

    def _growth(self, since: float) -> float:
        """Return the rows a second by which the backlog grew since then: the slope of a straight line through it."""
        points = [(at, rows) for at, rows in self._backlog if at >= since]
        if len(points) < 2:
            return 0.0
        middle, mean = (sum(values) / len(points) for values in zip(*points, strict=True))
        spread = sum((at - middle) ** 2 for at, _ in points)
        return float(sum((at - middle) * (rows - mean) for at, rows in points) / spread)


class _Submit(Task):
    """Read, validate, render and upload a chunk."""

    def __init__(self, simulation: Simulation, chunk: Chunk) -> None:
        self._simulation, self._chunk = simulation, chunk

    def steps(self, host: Host) -> Steps:
        simulation, chunk = self._simulation, self._chunk
        costs, scenario = simulation.costs, simulation.scenario
        share = costs.redis_chunk_ms * _MS * _SUBMIT_CALLS
        yield from simulation.redis(chunk.project.node, costs.redis_chunk_calls * _SUBMIT_CALLS, share)
        yield from host.compute(chunk.rows * costs.submit_row_us * _US + costs.submit_chunk_ms * _MS)
        yield from simulation.sink(host, chunk.rows)
        size = chunk.rows * costs.upload_row_bytes
        yield simulation.env.timeout(scenario.request_seconds + size / scenario.upload_bytes_a_second)


class _Settle(Task):
    """Read the status file of an import, and commit the outcome of each row."""

    def __init__(self, simulation: Simulation, chunk: Chunk) -> None:
        self._simulation, self._chunk = simulation, chunk

    def steps(self, host: Host) -> Steps:
        simulation, chunk, costs = self._simulation, self._chunk, self._simulation.costs
        yield simulation.env.timeout(simulation.scenario.request_seconds)
        yield from simulation.sink(host, chunk.rows)
        yield from host.compute(chunk.rows * costs.settle_row_us * _US + costs.settle_chunk_ms * _MS)
        calls = costs.redis_chunk_calls * (1 - _SUBMIT_CALLS) + chunk.rows / costs.redis_call_rows
        cpu = costs.redis_chunk_ms * _MS * (1 - _SUBMIT_CALLS) + chunk.rows * costs.redis_row_us * _US
        yield from simulation.redis(chunk.project.node, calls, cpu)


class _Wait(Task):
    """A request that occupies a process and costs it nothing."""

    def __init__(self, env: simpy.Environment, seconds: float) -> None:
        self._env, self._seconds = env, seconds

    def steps(self, host: Host) -> Steps:
        yield self._env.timeout(self._seconds)


def simulate(scenario: Scenario, costs: Costs) -> Result:
    """Run a scenario with these costs."""
    return Simulation(scenario, costs).run()
