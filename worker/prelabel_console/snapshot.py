"""A value that a thread reads again and again, so that pages need not wait for it."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog

Value = TypeVar("Value")

_COST_FACTOR = 10
"""The thread rests at least this many times as long as it has read, so that it takes a tenth of a core at most."""
_UNWATCHED_SECONDS = 60.0
"""Nobody looks at a value that no page has asked for in this time: it is read seldom then."""
_FIRST_SECONDS = 20.0
_FRESH_SECONDS = 0.25
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reading(Generic[Value]):
    """A value, and when it was read."""

    #: What was read.
    value: Value
    #: When the reading began, by the clock of `time.monotonic`.
    at: float

    @property
    def age_seconds(self) -> float:
        """How old the value is."""
        return time.monotonic() - self.at


class Snapshot(Generic[Value]):
    """Keeps the latest value of `read`, which a thread of its own calls every `seconds` or less often.

    The thread starts when the value is first asked for, and ends with `stop`.
    """

    def __init__(self, name: str, read: Callable[[], Value], seconds: float) -> None:
        self._name = name
        self._read = read
        self._seconds = seconds
        self._changed = threading.Condition()
        self._reading: Reading[Value] | None = None
        self._error: Exception | None = None
        self._asked = 0.0
        self._thread: threading.Thread | None = None
        self._stopped = False
        self._wanted = False

    def latest(self) -> Reading[Value]:
        """Return the latest reading. Raises the error of the last one if it failed.

        Waits for the first one, and a moment for a new one if nobody has looked for a while.
        """
        with self._changed:
            idle = time.monotonic() - self._asked > _UNWATCHED_SECONDS
            self._asked = time.monotonic()
            self._start()
            before = self._reading
            if before is None and self._error is None:
                self._changed.wait_for(lambda: self._reading or self._error, _FIRST_SECONDS)
            elif idle:
                self._look_now()
                self._changed.wait_for(lambda: self._reading is not before, _FRESH_SECONDS)
            return self._answer()

    def peek(self) -> Reading[Value] | None:
        """Return the latest reading; None if there is none yet, or the last one failed. Does not wait."""
        with self._changed:
            self._asked = time.monotonic()
            self._start()
            return None if self._error else self._reading

    def renew(self, seconds: float = _FRESH_SECONDS) -> None:
        """Have the value read again soon, and wait up to `seconds` for it: an act has just changed it."""
        asked = time.monotonic()
        with self._changed:
            if self._thread is not None:
                self._look_now()
                self._changed.wait_for(lambda: self._reading is not None and self._reading.at >= asked, seconds)

    def stop(self) -> None:
        """End the thread; a reading that is in progress is not waited for."""
        with self._changed:
            self._stopped = True
            self._look_now()

    def _start(self) -> None:
        if self._thread is None and not self._stopped:
            self._thread = threading.Thread(target=self._run, name=f"snapshot-{self._name}", daemon=True)
            self._thread.start()

    def _answer(self) -> Reading[Value]:
        if self._error is not None:
            raise self._error
        if self._reading is None:
            raise TimeoutError(f"{self._name} was not read within {_FIRST_SECONDS:.0f} s")
        return self._reading

    def _look_now(self) -> None:
        self._wanted = True
        self._changed.notify_all()

    def _run(self) -> None:
        while not self._stopped:
            self._wanted = False  # a wish that comes during the reading is about a later one
            began = time.monotonic()
            reading, error = self._try(began)
            with self._changed:
                self._reading, self._error = reading or self._reading, error
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._wanted or self._stopped, self._rest(time.monotonic() - began))

    def _try(self, began: float) -> tuple[Reading[Value] | None, Exception | None]:
        """Return a new reading, or the error; a new kind of error is logged once."""
        try:
            return Reading(self._read(), began), None
        except Exception as error:
            if type(error) is not type(self._error):
                _log.warning("console.unread", what=self._name, error=type(error).__name__)
            return None, error

    def _rest(self, cost_seconds: float) -> float:
        watched = time.monotonic() - self._asked < _UNWATCHED_SECONDS
        seconds = self._seconds if watched else max(self._seconds, _UNWATCHED_SECONDS)
        return max(seconds, cost_seconds * _COST_FACTOR)
