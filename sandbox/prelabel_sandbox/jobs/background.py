"""Background work of the sandbox: one thread per kind of work."""

import threading
from abc import ABC, abstractmethod


class Background(ABC):
    """A thread that works while there is something to do, and then waits until it is woken or a time has passed."""

    def __init__(self, name: str) -> None:
        self._woken = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=name)

    def start(self) -> None:
        """Start the thread; it resumes work that an earlier process accepted and did not finish."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the current slice; the next process resumes with the rest."""
        self._stopping = True
        self._woken.set()
        self._thread.join()

    def wake(self) -> None:
        """Tell the thread that there is new work, or that faults or settings have changed."""
        self._woken.set()

    @abstractmethod
    def _turn(self) -> float:
        """Do one piece of work, and return the seconds until there may be more; 0: call this again at once."""

    def _run(self) -> None:
        while not self._stopping:
            self._woken.clear()
            if (seconds := self._turn()) > 0:
                self._woken.wait(seconds)
