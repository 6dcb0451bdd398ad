"""Close publishers when a child process of multiprocessing ends, which runs no exit handler of Python 3.11 to 3.13.

Such a child also ends by SIGTERM: `Process.terminate()` sends it, and so does a `Pool` at the end of its block. Other
processes keep their handling of signals: what a program does at SIGTERM is its own decision.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType


class _ChildEnd:
    """The end of this process, and what to call before it."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.calls: list[Callable[[], None]] = []
        self._over = False
        self._closing = threading.Lock()
        self._thread: threading.Thread | None = None

    def close_all(self) -> None:
        """Make the calls; whoever comes second waits until the first has made them."""
        with self._closing:
            for call in list(self.calls):
                call()

    def terminate(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal: make the calls in a thread, since the code that is interrupted may hold a lock, then end.

        The process still ends by the signal: with the exit code that its parent expects.
        """
        if self._over:
            signal.signal(number, signal.SIG_DFL)
            os.kill(self.pid, number)
        elif self._thread is None:
            self._thread = threading.Thread(target=self._close_and_end, args=(number,), daemon=True)
            self._thread.start()

    def _close_and_end(self, number: int) -> None:
        self.close_all()
        self._over = True
        os.kill(self.pid, number)  # only the main thread can let the signal have its effect


_end: _ChildEnd | None = None


def close_with_child(close: Callable[[], None]) -> Callable[[], None] | None:
    """Call `close` when this process ends, and return a function that takes this back.

    Does nothing and returns None if this process is not a child of multiprocessing.
    """
    global _end
    process = sys.modules.get("multiprocessing.process")
    if process is None or process.parent_process() is None:
        return None
    if _end is None or _end.pid != os.getpid():
        from multiprocessing.util import Finalize

        _end = _ChildEnd()
        Finalize(None, _end.close_all, exitpriority=0)
        is_main = threading.current_thread() is threading.main_thread()  # no other thread may set a handler
        if is_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, _end.terminate)
    calls = _end.calls
    calls.append(close)

    def take_back() -> None:
        with suppress(ValueError):  # it is over
            calls.remove(close)

    return take_back
