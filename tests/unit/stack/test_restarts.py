"""When a part of the stack that has ended is started again."""

from hypothesis import given
from hypothesis import strategies as st

from prelabel_worker.stack.restarts import LASTING_SECONDS, WAITS_SECONDS, Restarts


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def die(restarts: Restarts, clock: Clock, part: str, after_seconds: float) -> float | None:
    restarts.started(part)
    clock.now += after_seconds
    return restarts.died(part)


def test_waits_grow_and_then_it_gives_up() -> None:
    clock = Clock()
    restarts = Restarts(clock)
    waits = [die(restarts, clock, "redis", 1) for _ in range(len(WAITS_SECONDS) + 1)]
    assert waits == [*WAITS_SECONDS, None]
    assert sorted(WAITS_SECONDS) == list(WAITS_SECONDS)
    assert restarts.deaths("redis") == len(WAITS_SECONDS) + 1


def test_a_part_that_has_run_for_long_counts_anew() -> None:
    clock = Clock()
    restarts = Restarts(clock)
    for _ in range(len(WAITS_SECONDS)):
        die(restarts, clock, "worker1", 1)
    assert die(restarts, clock, "worker1", LASTING_SECONDS) == WAITS_SECONDS[0]


@given(st.lists(st.floats(0, LASTING_SECONDS - 1), min_size=1, max_size=len(WAITS_SECONDS)))
def test_deaths_of_one_part_do_not_count_for_another(lasted: list[float]) -> None:
    clock = Clock()
    restarts = Restarts(clock)
    for seconds in lasted:
        die(restarts, clock, "worker1", seconds)
    assert die(restarts, clock, "worker2", 1) == WAITS_SECONDS[0]
