"""Which changes count as progress, and when a host's workers are healthy."""

from dataclasses import replace

import msgspec

from prelabel_worker.cli.health.healthy import problems
from prelabel_worker.presence import Presence, WorkerStatus, status_of
from prelabel_worker.runtime.liveness import Liveness
from prelabel_worker.runtime.ticker import room_for_hints

WELL = WorkerStatus("worker@h", "h", 1, "0.1.0", 2, seen_seconds_ago=1.0)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def told(*looks: tuple[float, list[str], int, int]) -> dict[str, float | None]:
    """A liveness after these looks: seconds since the one before, tasks in hand, begun so far, hints that wait."""
    clock = Clock()
    liveness = Liveness(clock)
    for seconds, in_hand, begun, waiting in looks:
        clock.now += seconds
        liveness.look(in_hand, begun, waiting)
    return {"busy": liveness.busy_seconds(), "stalled": liveness.stalled_seconds()}


def test_a_full_queue_leaves_room_for_one_hint_while_it_moves_and_for_none_while_it_stands() -> None:
    assert room_for_hints(2, 3, moves=False) == 5
    assert room_for_hints(2, 100, moves=True) == 1
    assert room_for_hints(2, 100, moves=False) == 0


def test_an_idle_worker_does_not_stall() -> None:
    assert told((0, [], 0, 0), (1000, [], 0, 0)) == {"busy": None, "stalled": 0.0}


def test_a_task_that_does_not_end_stalls_its_worker() -> None:
    assert told((0, ["a"], 1, 0), (60, ["a"], 1, 3)) == {"busy": 60.0, "stalled": 60.0}


def test_another_task_that_begins_is_progress_though_the_oldest_continues() -> None:
    assert told((0, ["a"], 1, 0), (60, ["a", "b"], 2, 0)) == {"busy": 60.0, "stalled": 0.0}


def test_a_task_that_began_and_ended_between_two_looks_is_progress() -> None:
    assert told((0, ["a"], 1, 0), (60, ["a"], 2, 0))["stalled"] == 0.0


def test_hints_that_wait_while_nothing_is_taken_stall_a_worker_without_tasks() -> None:
    assert told((0, [], 0, 0), (30, [], 0, 2), (30, [], 0, 2)) == {"busy": None, "stalled": 60.0}


def test_a_tick_that_cannot_look_stalls() -> None:
    clock = Clock()
    liveness = Liveness(clock)
    clock.now += 60
    assert liveness.stalled_seconds() == 60.0


def test_a_host_without_a_worker_is_not_healthy() -> None:
    assert problems([], 300) == ["no worker of this host ticks into Redis"]


def test_a_worker_that_ticks_and_gets_on_is_healthy() -> None:
    assert problems([WELL, replace(WELL, busy_seconds=900.0, stalled_seconds=3.0)], 300) == []


def test_a_worker_that_does_not_tick_is_named() -> None:
    assert problems([WELL, replace(WELL, name="b@h", seen_seconds_ago=20.0)], 300) == ["b@h has not ticked for 20 s"]


def test_a_stalled_worker_is_named_with_the_age_of_its_task() -> None:
    (found,) = problems([replace(WELL, busy_seconds=400.0, stalled_seconds=390.0)], 300)
    assert found == "worker@h has begun and ended nothing for 391 s; its oldest task is 401 s old"


def test_a_worker_that_takes_nothing_is_named() -> None:
    (found,) = problems([replace(WELL, stalled_seconds=390.0)], 300)
    assert found == "worker@h has taken no work for 391 s, though hints wait or cannot be counted"


def test_the_presence_of_another_version_is_read() -> None:
    announced = b'{"host": "h", "pid": 1, "version": "9", "concurrency": 1, "at": 0.0, "newer": true}'
    worker = status_of("worker@h", msgspec.json.decode(announced, type=Presence), 1.0, shares_name=False)
    assert (worker.name, worker.stalled_seconds) == ("worker@h", 0.0)
