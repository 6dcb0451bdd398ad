"""Ctrl-C, SIGTERM and SIGHUP, for commands whose work can be resumed."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

INTERRUPTED = 130


def stop_signals() -> tuple[signal.Signals, ...]:
    """Return the signals that ask a command to stop: Ctrl-C, SIGTERM, and SIGHUP when its terminal is closed.

    A SIGHUP that is ignored, as by `nohup`, stays so.
    """
    hangup = () if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN else (signal.SIGHUP,)
    return (signal.SIGINT, signal.SIGTERM, *hangup)


@contextmanager
def interrupts(stop: threading.Event) -> Iterator[None]:
    """Set `stop` at the first signal that asks to stop, so that the work in hand is finished and recorded.

    A second signal ends the command at once.
    """

    def request_stop(*_: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    previous = {number: signal.signal(number, request_stop) for number in stop_signals()}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def ends_as_an_exception() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into SystemExit, so that the command removes its unfinished files before it ends."""

    def end(number: int, _: object) -> None:
        sys.exit(128 + number)

    # Ctrl-C is an exception already.
    previous = {number: signal.signal(number, end) for number in stop_signals() if number != signal.SIGINT}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
