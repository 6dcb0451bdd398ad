"""What can go wrong with a request to Labelbox: the class is the decision, see `retry_policy.py`.

PrelabelError
├─ RequestError               what became of one request
│  ├─ Throttled               429 in any wrapping: everyone on that account waits
│  ├─ Unavailable             nothing was accepted: try again
│  ├─ OutcomeUnknown          an upload that may have been accepted: look it up by name
│  ├─ Conflict                the name exists: our earlier attempt got through
│  ├─ Garbled                 an answer that is none: a proxy in between, or a defect of theirs
│  │  └─ UnexpectedShape      an answer one of whose fields is not what is declared
│  ├─ Blocked                 the edge lets nothing of ours through
│  ├─ TooLarge                the file must be smaller
│  ├─ Refused                 the file as a whole was refused: some row of it is at fault
│  ├─ Unauthorized            the key is refused: everything of the account would be
│  ├─ AccountLimit            the account is over a limit that needs a human
│  ├─ KeyMissing              this worker has no key for the project's account
│  ├─ Forbidden               no right to this project
│  ├─ ProjectGone             Labelbox does not know the project
│  └─ QueryRefused            our request no longer fits their schema
└─ FileGone                   a status or error file is no longer there
   └─ FileRefused             its address or its size is none that is ever read
"""

from prelabel.errors import PrelabelError


class RequestError(PrelabelError):
    """A request to Labelbox failed.

    Attributes: `retry_after`, seconds that Labelbox asked for; `maybe_accepted`, whether something may come of it;
    `said`, Labelbox's own words, which may quote what was sent: for the person who sent it, never for a log.
    """

    maybe_accepted = False

    def __init__(self, message: str, *, retry_after: float | None = None, said: str = "") -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.said = said


class Throttled(RequestError):
    """Labelbox said to slow down."""


class Unavailable(RequestError):
    """Labelbox could not be reached or did not answer; nothing was accepted."""


class OutcomeUnknown(RequestError):
    """The upload was sent and its fate is not known."""

    maybe_accepted = True


class Conflict(RequestError):
    """An import of this name exists already."""

    maybe_accepted = True


class Garbled(RequestError):
    """The answer is not one of GraphQL: not JSON, or without data and errors."""

    def __init__(self, message: str, *, maybe_accepted: bool = False) -> None:
        super().__init__(message)
        self.maybe_accepted = maybe_accepted


class UnexpectedShape(Garbled):
    """A field of the answer is not of its declared type: it concerns what was asked for, not the account."""


class Blocked(RequestError):
    """The network's edge refused the request before it reached Labelbox."""


class TooLarge(RequestError):
    """The file is larger than Labelbox takes."""


class Refused(RequestError):
    """Labelbox refused the whole file."""


class Unauthorized(RequestError):
    """Labelbox refused the API key."""


class AccountLimit(RequestError):
    """The account is over a limit."""


class KeyMissing(RequestError):
    """The worker's settings have no key for the account; nothing was sent."""


class Forbidden(RequestError):
    """The key has no right to this project."""


class ProjectGone(RequestError):
    """Labelbox does not know this project."""


class QueryRefused(RequestError):
    """Labelbox refused the query itself: this release and its schema no longer fit."""


class FileGone(PrelabelError):
    """A file that Labelbox named is not there any more."""


class FileRefused(FileGone):
    """A file that is not read for safety's sake, however often it is asked for."""
