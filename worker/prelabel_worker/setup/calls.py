"""Send a command's requests to Labelbox with permits of the account, and repeat them where that is safe."""

import threading
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from prelabel_worker.accounts.pacing import Pacer
from prelabel_worker.accounts.repeating import PATIENCE_SECONDS, Repeating
from prelabel_worker.labelbox.client import Labelbox
from prelabel_worker.labelbox.errors import UnexpectedShape

_Answer = TypeVar("_Answer")


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
        self._repeating = Repeating(pacer, stop=stop or threading.Event(), tell=tell, patience_seconds=patience_seconds)

    def ask(self, query: str, variables: dict[str, Any], kind: type[_Answer], *, batches: bool = False) -> _Answer:
        """Send a request that may be sent any number of times. Raises RequestError."""
        return self._repeating.send(lambda: self._labelbox.query(query, variables, kind, batches=batches))

    def create(self, query: str, variables: dict[str, Any], kind: type[_Answer], *, batches: bool = False) -> _Answer:
        """Send a request that makes something new each time; repeat it only while it certainly made nothing.

        Raises RequestError. If its `maybe_accepted` is set, the caller must look for what the request may have made.
        """
        return self._repeating.send(lambda: self._labelbox.query(query, variables, kind, creates=True, batches=batches))

    def upload(self, name: str, content: Callable[[], Iterable[bytes]], size: int, media_type: str) -> str:
        """Upload a file and return its address; `content` is called for each attempt. Raises RequestError, OSError."""
        return self._repeating.send(lambda: self._labelbox.upload_file(name, content(), size, media_type))

    def sleep(self, seconds: float) -> None:
        """Wait. Raises Stopped as soon as the user interrupts the command."""
        self._repeating.sleep(seconds)


def next_page(before: str | None, cursor: str | None) -> str | None:
    """Return where the next page begins; None after the last. Raises UnexpectedShape for the same page again."""
    if cursor and cursor == before:
        raise UnexpectedShape("the answer is not as expected: its next page is the same page")
    return cursor or None
