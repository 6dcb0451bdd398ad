"""The pool of a worker with one process: what runs at the same time, and what a warm stop waits for."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from prelabel_worker.runtime.thread_pool import THREADS, ThreadPool

SECONDS = 30.0


@pytest.fixture
def pool() -> Iterator[ThreadPool]:
    pool = ThreadPool(1)
    pool.start()
    yield pool
    pool.stop()


def give(pool: ThreadPool, target: Callable[..., Any], *args: Any, callback: Callable[..., Any] | None = None) -> None:
    pool.apply_async(target, args, callback=callback or (lambda _: None))


def test_one_task_runs_while_another_waits(pool: ThreadPool) -> None:
    together = threading.Barrier(THREADS + 1)
    for _ in range(THREADS):
        give(pool, together.wait, SECONDS)

    together.wait(SECONDS)  # raises BrokenBarrierError unless all of them run


def test_celery_learns_what_a_task_returned_and_when_it_began(pool: ThreadPool) -> None:
    answers: list[Any] = []
    ended = threading.Event()
    pool.apply_async(
        lambda number: number + 1,
        (1,),
        callback=lambda answer: (answers.append(answer), ended.set()),
        accept_callback=lambda pid, begun: answers.append("begun"),
    )
    assert ended.wait(SECONDS)
    assert answers == ["begun", 2]


def test_a_warm_stop_waits_for_the_tasks_in_hand() -> None:
    pool, go, answers = ThreadPool(1), threading.Event(), list[str]()
    pool.start()
    for name in "abc":
        give(pool, lambda name: (go.wait(SECONDS), name)[1], name, callback=answers.append)
    stopping = threading.Thread(target=pool.stop)
    stopping.start()
    assert stopping.is_alive()

    go.set()
    stopping.join(SECONDS)

    assert sorted(answers) == ["a", "b", "c"]


def test_an_error_behind_a_task_costs_no_thread(pool: ThreadPool) -> None:
    def broken(_: Any) -> None:
        raise ValueError("the record of a task")

    for _ in range(2 * THREADS):
        give(pool, str, callback=broken)

    test_one_task_runs_while_another_waits(pool)


def test_its_threads_keep_no_process_from_ending(pool: ThreadPool) -> None:
    give(pool, str)
    assert all(thread.daemon for thread in threading.enumerate() if thread.name.startswith("task-"))
