"""Send a command's requests to Labelbox with permits of the account, and repeat them where that is safe."""

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from prelabel.errors import PrelabelError
from prelabel_worker.accounts.pacing import Pacer
from prelabel_worker.labelbox import retry_policy
from prelabel_worker.labelbox.client import Labelbox
from prelabel_worker.labelbox.errors import RequestError, UnexpectedShape
from prelabel_worker.labelbox.retry_policy import RetryAction

PATIENCE_SECONDS = 600.0
"""Seconds for which a command tries one request before it ends."""
_BASE_SECONDS, _CAP_SECONDS = 0.5, 30.0
_TELL_SECONDS = 5.0
_Answer = TypeVar("_Answer")


class Stopped(PrelabelError):
    """The user has interrupted the command; no request is in flight."""


class Calls:
    """Sends the requests of one account. `stop` ends it between two requests; `tell` is called before long waits."""

    def __init__(
        self,
        labelbox: Labelbox,
        pacer: Pacer,
        *,
        stop: threading.Event | None = None,
        tell: Callable[[str], None] = lambda text: None,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._labelbox = labelbox
        self._pacer = pacer
        self._stop = stop or threading.Event()
        self._tell = tell
        self._patience = patience_seconds

    def ask(self, query: str, variables: dict[str, Any], kind: type[_Answer], *, batches: bool = False) -> _Answer:
        """Send a request that may be sent any number of times. Raises RequestError."""
        return self._repeated(lambda: self._labelbox.query(query, variables, kind, batches=batches))

    def create(self, query: str, variables: dict[str, Any], kind: type[_Answer], *, batches: bool = False) -> _Answer:
        """Send a request that makes something new each time; repeat it only while it certainly made nothing.

        Raises RequestError. If its `maybe_accepted` is set, the caller must look for what the request may have made.
        """
        return self._repeated(lambda: self._labelbox.query(query, variables, kind, creates=True, batches=batches))

    def upload(self, name: str, content: Callable[[], Iterable[bytes]], size: int, media_type: str) -> str:
        """Upload a file and return its address; `content` is called for each attempt. Raises RequestError, OSError."""
        return self._repeated(lambda: self._labelbox.upload_file(name, content(), size, media_type))

    def sleep(self, seconds: float) -> None:
        """Wait. Raises Stopped as soon as the user interrupts the command."""
        if self._stop.wait(seconds):
            raise Stopped("interrupted")

    def _repeated(self, request: Callable[[], _Answer]) -> _Answer:
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


def _wait_after(error: RequestError, failures: int) -> float | None:
    """Return seconds until the request may be repeated; None when repeating is unsafe or does not help."""
    decision = retry_policy.decide(error, failures, base=_BASE_SECONDS, cap=_CAP_SECONDS)
    if error.maybe_accepted or decision.needs_person or decision.action is RetryAction.SPLIT:
        return None
    if isinstance(error, UnexpectedShape):  # the next answer would be the same, and a person waits
        return None
    return decision.seconds


def next_page(before: str | None, cursor: str | None) -> str | None:
    """Return where the next page begins; None after the last. Raises UnexpectedShape for the same page again."""
    if cursor and cursor == before:
        raise UnexpectedShape("the answer is not as expected: its next page is the same page")
    return cursor or None
