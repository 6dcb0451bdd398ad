"""The capacity simulation agrees with closed forms wherever there is one."""

import random
from collections.abc import Iterator

import msgspec
import pytest
import simpy

from benchmarks.capacity.costs import Costs, read
from benchmarks.capacity.scenario import Scenario
from benchmarks.capacity.simulation import simulate
from benchmarks.capacity.sizing import chunk_rows, drain_rate
from benchmarks.capacity.stations import Account, Host, Node, Steps, Task, Workers

FREE = {
    field.name: 0.0
    for field in msgspec.structs.fields(Costs)
    if field.type is float and field.name not in ("redis_chunk_calls", "redis_call_rows", "upload_row_bytes")
}


@pytest.fixture(scope="module")
def costs() -> Costs:
    """Costs with round numbers, so that closed forms are easy to compute; they are not the measured ones."""
    return msgspec.structs.replace(
        read(),
        **FREE
        | {
            "submit_row_us": 30.0,
            "settle_row_us": 10.0,
            "submit_chunk_ms": 5.0,
            "settle_chunk_ms": 5.0,
            "redis_row_us": 10.0,
            "redis_publish_row_us": 2.0,
            "sink_row_us": 2.0,
        },
        redis_chunk_calls=12.0,
        redis_call_rows=500.0,
        upload_row_bytes=0.0,
    )


class Occupy(Task):
    """A task that computes, and remembers how long it waited for a process."""

    def __init__(self, env: simpy.Environment, seconds: float, waits: list[float]) -> None:
        self._env, self._seconds, self._waits, self._begun = env, seconds, waits, env.now

    def steps(self, host: Host) -> Steps:
        self._waits.append(self._env.now - self._begun)
        yield from host.compute(self._seconds)


def poisson_gaps(rate: float, seed: int) -> Iterator[float]:
    arrivals = random.Random(seed)
    while True:
        yield arrivals.expovariate(rate)


@pytest.mark.parametrize("busy", [0.3, 0.6, 0.8])
def test_one_process_with_random_tasks_of_equal_length_is_an_m_d_1_queue(busy: float) -> None:
    """The mean wait is s × busy / 2(1 - busy), by Pollaczek and Khinchine."""
    env, service, waits = simpy.Environment(), 0.004, list[float]()
    workers = Workers(env, [Host(env, 1)], 1)

    def arrive() -> Steps:
        for gap in poisson_gaps(busy / service, seed=3):
            yield env.timeout(gap)
            env.process(workers.run(Occupy(env, service, waits)))

    env.process(arrive())
    env.run(until=20_000 * service)

    assert sum(waits) / len(waits) == pytest.approx(busy * service / (2 * (1 - busy)), rel=0.08)
    assert workers.busy_seconds / env.now == pytest.approx(busy, rel=0.02)


def test_processes_with_less_cores_than_processes_share_the_cores() -> None:
    env, waits = simpy.Environment(), list[float]()
    host = Host(env, 2)
    workers = Workers(env, [host], 8)
    done = env.all_of([env.process(workers.run(Occupy(env, 1.0, waits))) for _ in range(8)])

    env.run(until=done)

    assert env.now == pytest.approx(4.0)
    assert host.busy_seconds == pytest.approx(8.0)
    assert waits == [0.0] * 8


def test_a_redis_writes_to_the_disk_once_for_all_that_waited() -> None:
    env = simpy.Environment()
    node = Node(env, 0.010, Host(env, 1))
    answers = [node.call(0.001) for _ in range(5)]

    env.run(until=env.all_of(answers))

    assert env.now == pytest.approx(5 * 0.001 + 0.010)
    assert node.cpu_seconds == pytest.approx(0.005)


def test_an_account_never_gives_more_permits_in_a_minute_than_its_limit_and_gives_polls_theirs_first() -> None:
    env, sent, polled = simpy.Environment(), list[float](), list[float]()
    account = Account(env, requests_a_minute=120, burst=20)

    def upload() -> Steps:
        while True:
            yield from account.upload()
            sent.append(env.now)

    def poll() -> Steps:
        while True:
            yield env.timeout(10)
            asked = env.now
            yield from account.poll()
            polled.append(env.now - asked)

    env.process(upload())
    env.process(poll())
    env.run(until=600)

    assert max(sum(start <= at < start + 60 for at in sent) for start in sent) + 6 <= 120
    assert account.requests / 600 == pytest.approx(account.requests_a_second, rel=0.05)
    assert max(polled) < 0.7


def test_a_drained_backlog_never_beats_its_bound_and_comes_near_it_with_enough_processes(costs: Costs) -> None:
    scenario = Scenario(
        backlog_rows=200_000,
        projects=4,
        one_machine=True,
        cores=2,
        processes=8,
        requests_a_minute=100_000,
        request_burst=5000,
        poll_min_seconds=0.1,
        request_seconds=0.001,
        import_seconds=0,
        import_row_seconds=0,
        seconds=1000,
    )
    result = simulate(scenario, costs)
    bound = drain_rate(scenario, costs)

    assert 0.85 * bound < result.rows_a_second <= bound
    assert (result.settled, result.pending) == (200_000, 0)


def test_a_load_within_the_limits_is_settled_at_its_rate_and_every_resource_is_as_busy_as_its_work(
    costs: Costs,
) -> None:
    """The utilisation law: the share of busy time is the rate times the work of one row."""
    scenario = Scenario(
        rows_a_second=2000,
        projects=4,
        processes=8,
        cores=8,
        publisher_linger_seconds=1,
        seconds=200,
        warm_up_seconds=30,
    )
    result = simulate(scenario, costs)

    assert result.rows_a_second == pytest.approx(2000, rel=0.03)
    assert abs(result.growth) < 20
    assert result.chunk_rows == pytest.approx(chunk_rows(2000, scenario), rel=0.25)
    chunks = 2000 / result.chunk_rows
    cores = 2000 * (costs.submit_row_us + costs.settle_row_us) * 1e-6 + chunks * 0.010
    assert result.used["worker cores"] == pytest.approx(cores / 8, rel=0.05)
    assert result.used["Redis"] == pytest.approx(2000 * costs.redis_total_row_us * 1e-6, rel=0.05)


def test_rows_are_conserved_while_a_load_is_above_the_limits_and_the_backlog_grows_by_the_difference(
    costs: Costs,
) -> None:
    scenario = Scenario(
        rows_a_second=5000,
        projects=8,
        processes=1,
        cores=1,
        publisher_linger_seconds=1,
        seconds=200,
        warm_up_seconds=30,
    )
    result = simulate(scenario, costs)

    assert result.published == result.settled + result.pending
    assert result.bottleneck == "submit processes"
    assert result.used["submit processes"] == pytest.approx(1.0, abs=0.01)
    assert result.growth == pytest.approx(5000 - result.rows_a_second, rel=0.1)


def test_the_request_limit_bounds_the_uploads_of_many_small_projects(costs: Costs) -> None:
    scenario = Scenario(
        rows_a_second=120,
        projects=60,
        processes=10,
        cores=10,
        publisher_linger_seconds=1,
        requests_a_minute=100,
        open_chunks=2,
        warm_up_seconds=200,
    )
    result = simulate(scenario, costs)

    assert result.used["requests"] == pytest.approx(1.0, abs=0.03)
    assert result.chunk_rows > 5 * 120 / 60  # rows gather while their project waits for a permit
    assert result.growth < 0.05 * 120


def test_a_second_node_halves_the_load_of_the_first(costs: Costs) -> None:
    def busy(nodes: int) -> float:
        scenario = Scenario(
            rows_a_second=2000,
            projects=4,
            processes=8,
            cores=8,
            publisher_linger_seconds=1,
            nodes=nodes,
            seconds=30,
            warm_up_seconds=20,
        )
        return simulate(scenario, costs).used["Redis"]

    assert busy(2) == pytest.approx(busy(1) / 2, rel=0.1)


def test_the_same_seed_gives_the_same_result_and_another_seed_another_one(costs: Costs) -> None:
    def run(seed: int) -> object:
        return simulate(Scenario(rows_a_second=300, projects=3, seconds=30, warm_up_seconds=5, seed=seed), costs)

    assert run(1) == run(1)
    assert run(1) != run(2)
