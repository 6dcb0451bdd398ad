"""What is counted of a request to Labelbox: the operation, how it ended, how long it took. No I/O."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from prelabel_worker.errors import LeaseLost
from prelabel_worker.labelbox.errors import OutcomeUnknown, RequestError, Throttled, Unavailable

_KNOWN = {400, 401, 403, 404, 413, 422}
ANSWERED = "200"
"""The status of a request that succeeded."""


class Operation(StrEnum):
    """The kinds of requests."""

    UPLOAD = "upload"
    LOOK_UP = "look-up"
    POLL = "poll"
    ONTOLOGY = "ontology"
    FILE = "file"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class SentRequest:
    """A request that has ended."""

    #: What it was for.
    operation: Operation
    #: How it ended, see `status_of`.
    status: str
    #: Seconds from its start to the end of its answer, without the time that the caller took to read a file.
    seconds: float


Observe = Callable[[SentRequest], None]
"""Is called after every request, in the thread that sent it."""


def ignore(request: SentRequest) -> None:
    """Count nothing."""


def status_of(error: BaseException | None) -> str:
    """Return how a request ended, one of some thirty words; without an error, `200`.

    `429` is a rate limit in any of its forms, `5xx` a failure of the service, `no-answer` a request without any answer,
    `abandoned` one that was not finished. Others are HTTP statuses, or the class of our error: `conflict`, `file-gone`.
    """
    if error is None:
        return ANSWERED
    if isinstance(error, Throttled):
        return "429"
    status = error.status if isinstance(error, RequestError) else 0
    if status >= 500:
        return "5xx"
    if status >= 400:
        return str(status) if status in _KNOWN else "4xx"
    if isinstance(error, Unavailable | OutcomeUnknown):
        return "no-answer"
    if isinstance(error, LeaseLost) or not isinstance(error, Exception):
        return "abandoned"
    return re.sub(r"(?<!^)(?=[A-Z])", "-", type(error).__name__).lower()
