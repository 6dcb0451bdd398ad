"""Requests of a command, each with a permit of the account, repeated where that is safe and may help."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from prelabel.errors import PrelabelError
from prelabel_worker.accounts.pacing import Pacer
from prelabel_worker.labelbox import retry_policy
from prelabel_worker.labelbox.errors import RequestError, UnexpectedShape
from prelabel_worker.labelbox.retry_policy import RetryAction

PATIENCE_SECONDS = 600.0
"""Seconds for which one request is repeated before the command ends."""
_BASE_SECONDS, _CAP_SECONDS = 0.5, 30.0
_TELL_SECONDS = 5.0
_GROWTH = 1.5
_Answer = TypeVar("_Answer")


class Stopped(PrelabelError):
    """The person has interrupted the command; nothing is in flight."""


class Repeating:
    """Sends requests. `stop` ends it between two requests; `tell` gets a line about a long wait."""

    def __init__(
        self,
        pacer: Pacer,
        *,
        stop: threading.Event,
        tell: Callable[[str], None] = lambda text: None,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._pacer = pacer
        self._stop = stop
        self._tell = tell
        self._patience = patience_seconds

    def send(self, request: Callable[[], _Answer]) -> _Answer:
        """Send a request until it is answered. Raises RequestError, Stopped."""
        deadline = time.monotonic() + self._patience
        failures = 0
        while True:
            self.sleep(0)
            try:
                self._pacer.wait()
                return request()
            except RequestError as error:
                failures += 1
                self._pacer.tell(error)
                seconds = _wait_after(error, failures)
                if seconds is None or time.monotonic() + seconds > deadline:
                    raise
                if seconds > _TELL_SECONDS:
                    self._tell(f"{error}; again in {seconds:.0f} s")
            self.sleep(seconds)

    def sleep(self, seconds: float) -> None:
        """Wait. Raises Stopped as soon as the person interrupts the command."""
        if self._stop.wait(seconds):
            raise Stopped("interrupted")


def _wait_after(error: RequestError, failures: int) -> float | None:
    """Return seconds until the request may be repeated; None when repeating is unsafe or does not help."""
    decision = retry_policy.decide(error, failures, base=_BASE_SECONDS, cap=_CAP_SECONDS)
    if error.maybe_accepted or decision.needs_person or decision.action is RetryAction.SPLIT:
        return None
    if isinstance(error, UnexpectedShape):  # a person waits, and the next answer would be the same
        return None
    return decision.seconds


def growing_waits(first: float, longest: float) -> Iterator[float]:
    """Yield the seconds between two looks at something that may end soon or late."""
    wait = first
    while True:
        yield wait
        wait = min(wait * _GROWTH, longest)
