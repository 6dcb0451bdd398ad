"""Celery's worker: signals end it in no other way than a warm or a cold shutdown, and it chooses its pool."""

import signal
from typing import Any

import click
from celery.apps.worker import Worker as CeleryWorker
from click.core import ParameterSource

from prelabel_worker.runtime.thread_pool import THREADS, ThreadPool

_NEEDS_PREFORK = ("autoscale", "max_tasks_per_child", "max_memory_per_child", "time_limit", "soft_time_limit")
"""Celery's options that only processes can keep."""


class Worker(CeleryWorker):  # type: ignore[misc]
    """A worker that stops warmly when its terminal is closed. With one process, it runs tasks in threads of its own."""

    def on_after_init(self, **options: Any) -> None:
        """Choose the pool, unless the command line or one of its options did."""
        super().on_after_init(**options)
        if self.concurrency == 1 and not _chosen() and not any(map(options.get, _NEEDS_PREFORK)):
            self.pool_cls = ThreadPool
            self.prefetch_multiplier = THREADS  # Celery takes this many hints for each process

    def install_platform_tweaks(self, worker: Any) -> None:
        """Install the handlers of signals.

        SIGHUP does what SIGTERM does: Celery's own handler would start the worker's command line again as a script,
        which ends in an ImportError, and with a terminal there would be none. A SIGHUP that is ignored from the start,
        as by `nohup`, stays ignored. SIGUSR2 would end the worker like SIGKILL, so it is ignored too, unless Celery's
        debugger waits for it.
        """
        at_start = signal.getsignal(signal.SIGHUP)
        super().install_platform_tweaks(worker)
        ignored = at_start == signal.SIG_IGN
        signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.getsignal(signal.SIGTERM))
        if signal.getsignal(signal.SIGUSR2) == signal.SIG_DFL:
            signal.signal(signal.SIGUSR2, signal.SIG_IGN)


def _chosen() -> bool:
    """Return whether the command line names a pool, or another program than Celery's command makes the worker."""
    context = click.get_current_context(silent=True)
    return context is None or context.get_parameter_source("pool") is not ParameterSource.DEFAULT


def ignore_hangups(**_: Any) -> None:
    """Let a pool process ignore SIGHUP, which a closed terminal sends to it too: the main process stops it warmly."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
