"""What the sandbox does beside answering: a thread of its own for each kind of work."""

import threading
from abc import ABC, abstractmethod


class Background(ABC):
    """A thread that does what is to be done, and then waits until it is woken or a time has passed."""

    def __init__(self, name: str) -> None:
        self._woken = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=name)

    def start(self) -> None:
        """Begin, with what an earlier process had accepted and not finished."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the slice at hand; the next process goes on with the rest."""
        self._stopping = True
        self._woken.set()
        self._thread.join()

    def wake(self) -> None:
        """There is something new to do, or faults or settings are others."""
        self._woken.set()

    @abstractmethod
    def _turn(self) -> float:
        """Do one thing; the seconds until there may be another, 0 when there is."""

    def _run(self) -> None:
        while not self._stopping:
            self._woken.clear()
            if (seconds := self._turn()) > 0:
                self._woken.wait(seconds)
