"""Celery's worker with signals that end it in no other way than a warm or a cold shutdown."""

import signal
from typing import Any

from celery.apps.worker import Worker as CeleryWorker


class Worker(CeleryWorker):  # type: ignore[misc]
    """A worker that stops warmly when its terminal is closed."""

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


def ignore_hangups(**_: Any) -> None:
    """Let a pool process ignore SIGHUP, which a closed terminal sends to it too: the main process stops it warmly."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
