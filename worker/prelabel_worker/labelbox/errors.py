"""What can go wrong with a request to Labelbox. `retry_policy.py` decides by the class of the error what to do.

PrelabelError
├─ RequestError               a request failed
│  ├─ Throttled               a rate limit, in any of its forms: all requests of the account wait
│  ├─ Unavailable             nothing was accepted: try again
│  ├─ OutcomeUnknown          an upload that may have been accepted: look it up by name
│  ├─ Conflict                the name exists: an earlier attempt of ours succeeded
│  ├─ Garbled                 an answer that is not GraphQL: from a proxy, or a defect of Labelbox
│  │  └─ UnexpectedShape      a field of the answer does not have its declared type
│  ├─ Blocked                 the network's edge refuses our requests
│  ├─ TooLarge                the file must be smaller
│  ├─ Refused                 the whole file was refused: at least one of its rows is at fault
│  ├─ Unauthorized            the key is refused, so all requests of the account would fail
│  ├─ KeyReplaced             the key was refused, and the worker has a newer one by now
│  ├─ AccountLimit            the account is over a limit that only a person can change
│  │  └─ AllowanceSpent       the plan's allowance of this month is used up: it ends with the month
│  ├─ KeyMissing              this worker has no key for the project's account
│  ├─ Forbidden               the key has no right to this project
│  ├─ ProjectGone             Labelbox does not know the project
│  └─ QueryRefused            the request does not fit Labelbox's schema any more
└─ FileGone                   a status or error file is no longer there
   └─ FileRefused             a file that is never read, because of its address or its size
"""

from prelabel.errors import PrelabelError


class RequestError(PrelabelError):
    """A request to Labelbox failed.

    Attributes: `retry_after`, the seconds that Labelbox asked us to wait, or None; `maybe_accepted`, whether Labelbox
    may have accepted the request all the same; `status`, the HTTP status that the error is about, or 0; `said`,
    Labelbox's own message. That message may quote the request: show it to the person who made the request, never write
    it to a log.
    """

    maybe_accepted = False

    def __init__(self, message: str, *, retry_after: float | None = None, said: str = "", status: int = 0) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.status = status
        self.said = said


class Throttled(RequestError):
    """Labelbox asked us to slow down."""


class Unavailable(RequestError):
    """Labelbox could not be reached or did not answer; nothing was accepted."""


class OutcomeUnknown(RequestError):
    """The request was sent, and nobody knows whether Labelbox accepted it."""

    maybe_accepted = True


class Conflict(RequestError):
    """An import of this name exists already."""

    maybe_accepted = True


class Garbled(RequestError):
    """The answer is not a GraphQL answer: it is not JSON, or has neither data nor errors."""

    def __init__(self, message: str, *, maybe_accepted: bool = False) -> None:
        super().__init__(message)
        self.maybe_accepted = maybe_accepted


class UnexpectedShape(Garbled):
    """A field of the answer does not have its declared type. Only this request is affected, not the account."""


class Blocked(RequestError):
    """The network's edge refused the request before it reached Labelbox."""


class TooLarge(RequestError):
    """The file is larger than Labelbox accepts."""


class Refused(RequestError):
    """Labelbox refused the whole file."""


class Unauthorized(RequestError):
    """Labelbox refused the API key."""


class KeyReplaced(RequestError):
    """Labelbox refused an API key that was replaced while it was used; the next request has the new one."""


class AccountLimit(RequestError):
    """The account is over a limit."""


class AllowanceSpent(AccountLimit):
    """The plan's allowance of this month is used up; recognised by Labelbox's words, which are assumed."""


class KeyMissing(RequestError):
    """The worker's settings have no key for the account; nothing was sent."""


class Forbidden(RequestError):
    """The key has no right to this project."""


class ProjectGone(RequestError):
    """Labelbox does not know this project."""


class QueryRefused(RequestError):
    """Labelbox refused the query itself: it does not fit Labelbox's schema any more."""


class FileGone(PrelabelError):
    """A file that Labelbox named is not there any more."""


class FileRefused(FileGone):
    """A file that is never read, for safety: its address or its size is not acceptable."""
