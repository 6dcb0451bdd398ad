"""Real runs on this machine: the costs that they measure, and their rates beside predictions."""

import math
import os
import platform
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import orjson
import psutil
import redis

from benchmarks.capacity import costs as costs_file
from benchmarks.capacity.costs import Costs, per_row_and_unit
from benchmarks.capacity.scenario import Scenario
from benchmarks.capacity.simulation import simulate
from benchmarks.capacity.sizing import drain_rate
from prelabel.wire.keys import DEFAULT_PREFIX, ProjectKeys
from prelabel.wire.lanes import DEFAULT_LANES
from prelabel_worker.accounts.pauses import Pauses
from prelabel_worker.operations.projects import Projects
from prelabel_worker.queries.audit import audit
from prelabel_worker.queries.status import Inspector
from prelabel_worker.runtime.ticker import TICK_SECONDS

sys.path.insert(0, str(Path(__file__).parents[1]))  # the scripts beside this package import one another by bare names
from services import Processes, child_named, cpu, processes, publish, redis_server, rows, settings, sink, wait_until

PROJECTS = 4
POLL_MIN_SECONDS = 0.1
_LARGE, _SMALL = 10_000, 250  # rows of a chunk: two sizes tell the cost of a row and of a chunk apart
_IDLE_SECONDS = 4.0
_US, _MS = 1e-6, 1e-3


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """What a drained backlog took. CPU is in seconds, without what idle processes would have used."""

    rows: int
    frames: int
    chunks: int
    seconds: float
    calls: float
    publisher_cpu: float
    redis_publish_cpu: float
    redis_cpu: float
    #: The worker's CPU by role, `all` for a worker of both.
    worker_cpu: dict[str, float]
    sink_cpu: float
    redis_idle_cpu: float
    waiting_bytes: float
    settled_bytes: float
    sync_seconds: float

    @property
    def rows_a_second(self) -> float:
        return self.rows / self.seconds

    @property
    def cpu_a_row(self) -> float:
        """The seconds of CPU that workers, Redis and the stand-in for Labelbox used for a row, drained."""
        return (sum(self.worker_cpu.values()) + self.redis_cpu + self.sink_cpu) / self.rows


class _Stack:
    """A Redis, a stand-in for Labelbox, and workers."""

    def __init__(self, url: str, folder: Path, workers: dict[str, Processes], server: psutil.Process) -> None:
        self.url = url
        self.client = redis.Redis.from_url(url)
        self.redis = psutil.Process(int(self.client.info("server")["process_id"]))
        self.workers = workers
        self.sink = server
        self.projects = [f"p{at}" for at in range(PROJECTS)]

    def cpu(self) -> dict[str, float]:
        """Return the seconds of CPU that every process has used, by its name."""
        used = {role: cpu(started) for role, started in self.workers.items()}
        return used | {"redis": cpu([self.redis]), "sink": cpu([self.sink]), "calls": self._calls()}

    def _calls(self) -> float:
        stats = self.client.info("commandstats")
        return float(stats.get("cmdstat_evalsha", {}).get("calls", 0))

    def project_keys(self) -> Iterator[ProjectKeys]:
        """Yield the keys of every project."""
        return (ProjectKeys(DEFAULT_PREFIX, name) for name in self.projects)

    def imported(self) -> int:
        return sum(int(self.client.hget(keys.counts, "imported") or 0) for keys in self.project_keys())

    def memory(self) -> int:
        return int(self.client.info("memory")["used_memory"])


@contextmanager
def _stack(chunk_rows: int, roles: dict[str, int]) -> Iterator[_Stack]:
    """Start everything; `roles` says how many workers of one process each role has."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url, address = stack.enter_context(redis_server(folder)), stack.enter_context(sink())
        server = child_named("sink.py")
        workers: dict[str, Processes] = {}
        for role, number in roles.items():
            command = [sys.executable, "-m", "prelabel_worker.cli", "worker", "--concurrency", "1"]
            command += ["--role", role, "--name", f"{role}%n@%h"]
            workers[role] = stack.enter_context(processes(command, number, settings(url, address, chunk_rows)))
        inspector = Inspector(redis.Redis.from_url(url))
        wait_until(lambda: len(inspector.workers()) == sum(roles.values()))
        yield _Stack(url, folder, workers, server)


def drain(number: int, chunk_rows: int, roles: dict[str, int]) -> Spent:
    """Publish rows to paused projects, resume them, and wait until every row is settled."""
    messages = [message for at in range(PROJECTS) for message in rows(number // PROJECTS, f"p{at}", at)]
    random.Random(1).shuffle(messages)
    with _stack(chunk_rows, roles) as stack:
        operations = Projects(stack.client)
        sync = _sync_seconds(stack.client)
        for project in stack.projects:
            Pauses(stack.client, DEFAULT_PREFIX).pause_project(project, "benchmark")
        time.sleep(1.0)  # the pool's processes have started
        idle_from, since = stack.cpu(), time.perf_counter()
        time.sleep(_IDLE_SECONDS)
        idle = {name: (used - idle_from[name]) / (time.perf_counter() - since) for name, used in stack.cpu().items()}
        memory, before, own = stack.memory(), stack.cpu(), time.process_time()
        seconds = publish(stack.url, messages)
        publisher_cpu, published = time.process_time() - own, stack.cpu()
        frames = sum(stack.client.llen(keys.lane(lane)) for keys in stack.project_keys() for lane in range(64))
        waiting = stack.memory() - memory
        begun = time.perf_counter()
        for project in stack.projects:
            operations.resume(project)
        ended = wait_until(lambda: stack.imported() == len(messages), look_seconds=0.05)
        after = stack.cpu()
        drained = {name: after[name] - published[name] - idle[name] * (ended - begun) for name in after}
        settled = stack.memory() - memory
        assert all(project.balances for project in audit(stack.client)), "the audit does not balance"
        return Spent(
            rows=len(messages),
            frames=frames,
            chunks=sum(stack.client.zcard(keys.history) for keys in stack.project_keys()),
            seconds=ended - begun,
            calls=drained["calls"],
            publisher_cpu=publisher_cpu,
            redis_publish_cpu=published["redis"] - before["redis"] - idle["redis"] * seconds,
            redis_cpu=drained["redis"],
            worker_cpu={role: drained[role] for role in roles},
            sink_cpu=drained["sink"],
            redis_idle_cpu=idle["redis"] / sum(roles.values()),
            waiting_bytes=waiting / len(messages),
            settled_bytes=settled / len(messages),
            sync_seconds=sync,
        )


def _sync_seconds(client: "redis.Redis") -> float:
    """Return how much longer a write takes than a command that writes nothing."""

    def median(command: tuple[str, ...]) -> float:
        times = []
        for _ in range(200):
            begun = time.perf_counter()
            client.execute_command(*command)
            times.append(time.perf_counter() - begun)
        return statistics.median(times)

    return max(0.0, median(("SET", "benchmark", "1")) - median(("PING",)))


def measure(number: int) -> Costs:
    """Measure the costs here, with a worker of each role. What no run can measure is kept from the file."""
    kept = costs_file.read()
    roles = {"submit": 1, "poll": 1}
    large, small = drain(number, _LARGE, roles), drain(number // 4, _SMALL, roles)

    def of_chunks(cost: str, role: str = "") -> tuple[float, float]:
        runs = []
        for spent in (large, small):
            used = spent.worker_cpu[role] if role else getattr(spent, cost)
            runs.append((used, spent.rows, spent.chunks))
        return per_row_and_unit(*runs)

    submit, settle = of_chunks("worker_cpu", "submit"), of_chunks("worker_cpu", "poll")
    redis_chunk, calls = of_chunks("redis_cpu"), of_chunks("calls")
    spread = list(publish_spread(number // 4))
    publisher = per_row_and_unit(*((cpu, count, frames) for cpu, _, count, frames in spread))
    redis_publish = per_row_and_unit(*((cpu, count, frames) for _, cpu, count, frames in spread))
    return msgspec.structs.replace(
        kept,
        floor_row_us=round(floor_seconds() / _US, 2),
        measured=datetime.now(UTC).date().isoformat(),
        machine=f"{os.cpu_count()} cores, Python {platform.python_version()}, Redis with appendfsync always",
        command=f"python -m benchmarks.capacity measure --rows {number}",
        publisher_row_us=round(publisher[0] / _US, 2),
        publisher_frame_us=round(publisher[1] / _US, 1),
        redis_publish_row_us=round(redis_publish[0] / _US, 2),
        redis_publish_frame_us=round(redis_publish[1] / _US, 1),
        submit_row_us=round(submit[0] / _US, 2),
        submit_chunk_ms=round(submit[1] / _MS, 2),
        settle_row_us=round(settle[0] / _US, 2),
        settle_chunk_ms=round(settle[1] / _MS, 2),
        redis_row_us=round(redis_chunk[0] / _US, 2),
        redis_chunk_ms=round(redis_chunk[1] / _MS, 2),
        redis_chunk_calls=round(calls[1], 1),
        redis_call_rows=round(min(1 / calls[0], 1e6) if calls[0] else 1e6, 1),
        redis_idle_worker_us=round(large.redis_idle_cpu / _US, 0),
        sync_ms=round(statistics.mean((large.sync_seconds, small.sync_seconds)) / _MS, 3),
        tick_ms=TICK_SECONDS / _MS,
        waiting_row_bytes=round(large.waiting_bytes, 1),
        settled_row_bytes=round(large.settled_bytes, 1),
        sink_row_us=round(large.sink_cpu / large.rows / _US, 2),
    )


def floor_seconds() -> float:
    """Return the CPU of decoding and encoding a message with orjson: the speed of this machine at this moment."""
    messages, best = rows(2000, "p0"), math.inf
    for _ in range(20):
        begun = time.process_time()
        for message in messages:
            orjson.dumps(orjson.loads(message))
        best = min(best, (time.process_time() - begun) / len(messages))
    return best


def publish_spread(number: int) -> Iterator[tuple[float, float, int, int]]:
    """Publish to few projects and to many; yield the CPU of the publisher and of Redis, the rows and the frames."""
    for projects in (PROJECTS, number // 40):
        messages = [message for at in range(projects) for message in rows(number // projects, f"p{at}", at)]
        with tempfile.TemporaryDirectory() as folder, redis_server(Path(folder)) as url:
            client = redis.Redis.from_url(url)
            server = psutil.Process(int(client.info("server")["process_id"]))
            own, before = time.process_time(), cpu([server])
            publish(url, messages)
            publisher_cpu, redis_cpu = time.process_time() - own, cpu([server]) - before
            all_keys = [ProjectKeys(DEFAULT_PREFIX, f"p{at}") for at in range(projects)]
            frames = sum(client.llen(keys.lane(lane)) for keys in all_keys for lane in range(DEFAULT_LANES))
        yield publisher_cpu, redis_cpu, len(messages), frames


def check(number: int, process_counts: Sequence[int], chunk_rows: int) -> None:
    """Drain a backlog with each number of worker processes, and print the rate beside the prediction."""
    costs = costs_file.read()
    print(f"{number:,} rows in {PROJECTS} projects, chunks of {chunk_rows:,}, {os.cpu_count()} cores, one machine")
    print(f"{'processes':>9} {'predicted':>10} {'measured':>9} {'error':>7}   {'CPU of a row':>20} {'measured':>9}")
    for processes_here in process_counts:
        scenario = one_machine(number, chunk_rows, processes_here)
        predicted = simulate(scenario, costs).rows_a_second
        spent = drain(number, chunk_rows, {"all": processes_here})
        error = predicted / spent.rows_a_second - 1
        cpu = scenario.cores / drain_rate(scenario, costs)
        print(
            f"{processes_here:>9} {predicted:>10,.0f} {spent.rows_a_second:>9,.0f} {error:>+7.0%}   "
            f"{cpu / _US:>17.1f} µs {spent.cpu_a_row / _US:>6.1f} µs",
            flush=True,
        )


def one_machine(number: int, chunk_rows: int, worker_processes: int) -> Scenario:
    """Return the scenario of a backlog that this machine drains, with everything on its cores."""
    return Scenario(
        backlog_rows=number,
        projects=PROJECTS,
        hosts=1,
        cores=os.cpu_count() or 1,
        processes=worker_processes,
        one_machine=True,
        requests_a_minute=100_000,
        request_burst=5000,
        chunk_rows=chunk_rows,
        poll_min_seconds=POLL_MIN_SECONDS,
        request_seconds=0.001,
        upload_bytes_a_second=2e9,
        import_seconds=0.0,
        import_row_seconds=0.0,
        network_seconds=0.00005,
        seconds=math.inf,
    )
