"""Celery's worker: signals end it in no other way than a warm or a cold shutdown, and it chooses its pool.

What it says at its start and its end are events of the log, and so is what Celery's own worker would print.
"""

import signal
import warnings
from importlib.metadata import version
from typing import Any

import celery
import click
import structlog
from celery.apps import worker as celery_worker
from celery.exceptions import CPendingDeprecationWarning
from celery.signals import worker_shutting_down
from click.core import ParameterSource

from prelabel_worker import logs
from prelabel_worker.runtime import memory, roles
from prelabel_worker.runtime.celery_logs import translated
from prelabel_worker.runtime.thread_pool import THREADS, ThreadPool
from prelabel_worker.settings import Settings
from prelabel_worker.tracing import export

_log = structlog.get_logger(__name__)

_NEEDS_PREFORK = ("autoscale", "max_tasks_per_child", "max_memory_per_child", "time_limit", "soft_time_limit")
"""Celery's options that only processes can keep."""


class Worker(celery_worker.Worker):  # type: ignore[misc]
    """A worker that stops warmly when its terminal is closed. With one process, it runs tasks in threads of its own."""

    def on_before_init(self, **options: Any) -> None:
        """Set up memory and log, before any other thread starts and Celery has anything to say."""
        memory.bound()
        logs.set_up(self._settings, translated)
        logs.capture()
        # Celery warns at each lost connection that a setting of ours, which we chose, has another default in future.
        warnings.simplefilter("ignore", CPendingDeprecationWarning)
        celery_worker.safe_say = _say
        worker_shutting_down.connect(_stopping, weak=False)
        super().on_before_init(**options)

    def on_after_init(self, **options: Any) -> None:
        """Choose the pool, unless the command line or one of its options did."""
        super().on_after_init(**options)
        if self.concurrency == 1 and not _chosen() and not any(map(options.get, _NEEDS_PREFORK)):
            self.pool_cls = ThreadPool
            self.prefetch_multiplier = THREADS  # Celery takes this many hints for each process

    def on_start(self) -> None:
        """Log what this worker is, then start as Celery does."""
        settings = self._settings
        _log.info(
            "worker.started",
            worker=self.hostname,
            version=version("prelabel"),
            celery=celery.__version__,
            role=roles.role_of(self.app.amqp.queues.consume_from),
            concurrency=self.concurrency,
            pool=self.pool_cls.__module__.rpartition(".")[2],
            redis=str(settings.state),
            broker=str(settings.broker),
            key_prefix=settings.key_prefix,
            endpoint=settings.labelbox_endpoint.partition("?")[0],
            accounts=sorted(settings.accounts),
            requests_per_minute=settings.requests_per_minute,
            request_burst=settings.request_burst,
            chunk_rows=settings.chunk_rows,
            traces=export.state(),
        )
        if export.state() == "missing":
            _log.warning("traces.missing", remedy="pip install 'prelabel[otel]'")
        super().on_start()
        memory.share()

    def emit_banner(self) -> None:
        """Print no banner: the event `worker.started` says more."""

    @property
    def _settings(self) -> Settings:
        settings: Settings = self.app.prelabel_runtime.settings
        return settings

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


def _say(text: str, *_: Any) -> None:
    """Log what a signal handler of Celery would print; that the worker stops, `_stopping` says with more details."""
    text = text.strip()
    if "\n" in text:
        logs.log_from_signal("worker.stacks", stack=text)
    elif not text.endswith("shutdown (MainProcess)"):
        logs.log_from_signal("worker.hint", detail=text)


def _stopping(sig: str, how: str, **_: Any) -> None:
    """Log a signal that stops the worker; Celery calls this in the signal's handler."""
    logs.log_from_signal("worker.stopping", signal=sig, how=how.lower())


def ignore_hangups(**_: Any) -> None:
    """Let a pool process ignore SIGHUP, which a closed terminal sends to it too: the main process stops it warmly."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
