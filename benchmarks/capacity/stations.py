"""What rows queue for: the cores of a host, worker processes, a Redis node, the request budget of an account."""

from collections.abc import Generator
from typing import Any

import simpy

Steps = Generator[simpy.Event, Any, Any]
_QUANTUM_SECONDS = 0.004  # a process with more work gives its core to the next one after this time
_FOR_UPLOADS = 0.75  # the share of a burst that uploads may use; polls may use all of it
_LATE_SECONDS = 1.0  # a permit may be used this much later, for which the rate allows
POLLED_TOGETHER = 25
"""Imports that one request asks for."""
DUE_TOGETHER_SECONDS = 0.05
"""Polls that are due within this time are sent together."""
POLLS_GATHER_SECONDS = 1.0
"""While uploads wait, polls wait this long to be sent together."""


class Host:
    """A machine with cores. Processes take turns, and a server that was asleep comes before those that compute.

    Where there is a core for each process, nobody waits for a turn.
    """

    def __init__(self, env: simpy.Environment, cores: int, *, one_each: bool = False) -> None:
        self._env = env
        self._one_each = one_each
        self._cores = simpy.PriorityResource(env, cores)
        self.cores = cores
        self.busy_seconds = 0.0

    def compute(self, seconds: float, *, server: bool = False) -> Steps:
        """Use a core for these seconds."""
        if self._one_each:
            yield self._env.timeout(seconds)
            self.busy_seconds += seconds
            return
        remaining = seconds
        while remaining > 1e-12:
            with self._cores.request(priority=0 if server else 1) as core:
                yield core
                turn = min(remaining, _QUANTUM_SECONDS)
                yield self._env.timeout(turn)
            self.busy_seconds += turn
            remaining -= turn


class Process:
    """A worker process on a host. Its threads share one interpreter: one of them computes while others wait."""

    def __init__(self, env: simpy.Environment, host: Host) -> None:
        self._interpreter = simpy.Resource(env, 1)
        self.host = host

    def compute(self, seconds: float) -> Steps:
        """Use a core of the host for these seconds, once no other thread computes."""
        with self._interpreter.request() as turn:
            yield turn
            yield from self.host.compute(seconds)


class Workers:
    """The processes of a role. A task occupies a thread until it ends, also while it waits for an answer."""

    def __init__(self, env: simpy.Environment, hosts: list[Host], processes: int, threads: int) -> None:
        self._env = env
        self._tasks = simpy.Store(env)
        self.threads = processes * len(hosts) * threads
        self.busy_seconds = 0.0
        for _ in range(processes):
            for host in hosts:
                process = Process(env, host)
                for _ in range(threads):
                    env.process(self._work(process))

    def run(self, task: "Task") -> Steps:
        """Have the task done by the next free thread."""
        done = self._env.event()
        yield self._tasks.put((task, done))
        yield done

    def _work(self, process: Process) -> Steps:
        while True:
            task, done = yield self._tasks.get()
            begun = self._env.now
            yield from task.steps(process)
            self.busy_seconds += self._env.now - begun
            done.succeed()


class Task:
    """Work for a worker process."""

    def steps(self, process: Process) -> Steps:
        """Do the work in this process."""
        raise NotImplementedError


class Node:
    """A Redis: one thread, which does what waits, writes it to the disk once, and then answers all of it."""

    def __init__(self, env: simpy.Environment, sync_seconds: float, host: Host) -> None:
        self._env = env
        self._sync_seconds = sync_seconds
        self._host = host
        self._waiting: list[tuple[float, simpy.Event]] = []
        self._wake = env.event()
        self.cpu_seconds = 0.0
        self.busy_seconds = 0.0
        env.process(self._serve())

    def call(self, cpu_seconds: float) -> simpy.Event:
        """Send a command that costs this much CPU; the event is its answer."""
        answer = self._env.event()
        self._waiting.append((cpu_seconds, answer))
        if not self._wake.triggered:
            self._wake.succeed()
        return answer

    def _serve(self) -> Steps:
        while True:
            if not self._waiting:
                self._wake = self._env.event()
                yield self._wake
            begun = self._env.now
            served, self._waiting = self._waiting, []
            work = sum(cpu for cpu, _ in served)
            yield from self._host.compute(work, server=True)
            if self._sync_seconds:
                yield self._env.timeout(self._sync_seconds)
            self.cpu_seconds += work
            self.busy_seconds += self._env.now - begun
            for _, answer in served:
                answer.succeed()


class Account:
    """The request budget of an account: permits at intervals, a burst, one line of uploads, and polls before them."""

    def __init__(self, env: simpy.Environment, requests_a_minute: int, burst: int) -> None:
        self._env = env
        self._interval = (60 + _LATE_SECONDS) / (requests_a_minute - burst)
        self._burst = burst
        self._next = 0.0
        self._line = simpy.Resource(env, 1)
        self.requests = 0

    @property
    def requests_a_second(self) -> float:
        """The most requests a second in the long run."""
        return 1 / self._interval

    @property
    def has_line(self) -> bool:
        """Whether uploads wait for a permit."""
        return bool(self._line.count)

    @property
    def line_seconds(self) -> float:
        """How long an upload that joins the line now will wait, about."""
        return (len(self._line.queue) + self._line.count) * self._interval

    def upload(self) -> Steps:
        """Wait in the line for the permit of an upload."""
        with self._line.request() as place:
            yield place
            yield from self._permit(max(1.0, self._burst * _FOR_UPLOADS))

    def poll(self) -> Steps:
        """Wait for the permit of a poll."""
        yield from self._permit(float(self._burst))

    def _permit(self, of_burst: float) -> Steps:
        while True:
            at = max(self._next, self._env.now) - (of_burst - 1) * self._interval
            if at <= self._env.now + 1e-9:
                break
            yield self._env.timeout(at - self._env.now)
        self._next = max(self._next, self._env.now) + self._interval
        self.requests += 1
