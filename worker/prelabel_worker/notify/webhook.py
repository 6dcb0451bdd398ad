"""Send a message to the receiver's address, which is a secret: no error and no log line has it.

The receiver is no part of Labelbox, and no key may ever be sent to it. So this module has a client of its own, with no
more than a body in common with `labelbox/transport.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from prelabel.errors import PrelabelError
from prelabel.printing import printable
from prelabel_worker.labelbox.endpoint import is_this_machine

_SECONDS = httpx.Timeout(10.0, connect=5.0)
_MAX_ANSWER_BYTES = 2000
_SHOWN = 200


class NotDelivered(PrelabelError):
    """No answer came: the receiver cannot be reached, or is too slow."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the receiver answered."""

    status: int
    #: The beginning of its answer, on one printable line.
    words: str
    #: For how long it asks to wait, in seconds; 0 if it does not.
    retry_after: float = 0.0

    @property
    def accepted(self) -> bool:
        """Whether it took the message. A redirect is no acceptance: it is not followed, since it may lead anywhere."""
        return 200 <= self.status < 300


class Webhook:
    """The receiver at one address."""

    def __init__(self, url: str) -> None:
        self._url = url
        host = urlsplit(url).hostname or ""
        self.host = host
        # A proxy of the environment cannot reach this machine.
        self._mounts = {"all://": None} if is_this_machine(host) else None

    def post(self, body: bytes) -> Receipt:
        """Send a message and return what the receiver answered, whatever its status. Raises NotDelivered."""
        headers = {"Content-Type": "application/json", "User-Agent": "prelabel", "Accept-Encoding": "identity"}
        try:
            with (
                httpx.Client(timeout=_SECONDS, follow_redirects=False, mounts=self._mounts) as client,
                client.stream("POST", self._url, content=body, headers=headers) as answer,
            ):
                return Receipt(answer.status_code, _beginning(answer), _retry_after(answer.headers))
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise NotDelivered(self._words(error)) from None

    def _words(self, error: Exception) -> str:
        """Return what went wrong, without the address beyond its host."""
        text = str(error)
        parts = urlsplit(self._url)
        for secret in (self._url, f"{parts.path}?{parts.query}", parts.path, parts.query):
            text = text.replace(secret, "***") if len(secret) > 1 else text
        return printable(f"{type(error).__name__}: {text}"[:_SHOWN])


def _beginning(answer: httpx.Response) -> str:
    try:
        text = next(answer.iter_raw(_MAX_ANSWER_BYTES), b"")
    except httpx.HTTPError:
        text = b""  # the status has come, and it decides
    return printable(text[:_SHOWN].decode("utf-8", "replace").strip())


def _retry_after(headers: Mapping[str, str]) -> float:
    seconds = headers.get("retry-after", "")
    return float(seconds) if seconds.isascii() and seconds.isdigit() and len(seconds) < 10 else 0.0
