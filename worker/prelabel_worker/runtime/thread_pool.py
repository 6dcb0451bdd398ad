"""A pool that runs tasks in threads of the worker's own process, so that one can compute while another waits.

A stage waits for Redis's disk, an upload or a status file, all without the interpreter's lock. Other threads use
that time, and there is no parent process that only waits for its child. One process uses one core at most: a worker
that is asked for more processes has Celery's prefork pool.

Celery's own `threads` pool would keep a worker from ending: the interpreter joins its threads, also after a cold
shutdown. Threads of this pool are daemons. What they had in hand is recovered as after a crash.
"""

import threading
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Any

import structlog
from celery.concurrency.base import BasePool, apply_target
from celery.worker import state

THREADS = 2
"""Threads of a process. While one waits, the other has the core. A third one uses what they leave idle for waits of its
own, for the interpreter's lock: `benchmarks/busy.py` imports no more rows with it, and needs 5 MB more."""
_LOOK_SECONDS = 0.1
_log = structlog.get_logger(__name__)


class ThreadPool(BasePool):  # type: ignore[misc]
    """Runs the tasks of one process in `THREADS` threads."""

    signal_safe = False  # a warm shutdown waits for tasks, which a signal handler must not
    body_can_be_buffer = True

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []

    def on_start(self) -> None:
        """Start the threads."""
        for number in range(THREADS):
            thread = threading.Thread(target=self._run, name=f"task-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def on_apply(
        self,
        target: Callable[..., Any],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
        callback: Callable[..., Any] | None = None,
        accept_callback: Callable[..., Any] | None = None,
        **_: Any,
    ) -> None:
        """Have a thread run a task."""
        self._tasks.put(partial(apply_target, target, args, kwargs, callback, accept_callback))

    def on_stop(self) -> None:
        """Wait until the tasks that were given to the pool have ended, unless the shutdown is or becomes a cold one."""
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            while thread.is_alive() and not state.should_terminate:
                thread.join(_LOOK_SECONDS)

    def terminate_job(self, pid: int, signal: int | None = None) -> None:
        """Leave the task alone: the process ends with it soon. Celery calls this at a cold shutdown."""

    def _run(self) -> None:
        while (task := self._tasks.get()) is not None:
            try:
                task()
            except Exception:
                # Errors of stages end in the task itself. This one is of Celery's record of it; the thread is needed.
                _log.exception("task.broken")
