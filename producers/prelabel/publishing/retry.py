"""What failed, and when to try again. No threads and no Redis here; callers pass the time."""

from dataclasses import dataclass, field

_WAIT_SECONDS = (0.1, 0.2, 0.5, 1.0)
_MOST_CHARACTERS = 500


@dataclass
class Retry:
    """When to try again: after a wait that grows with the number of failures in a row."""

    failures_in_a_row: int = 0
    failures: int = 0
    not_before: float = 0.0

    def failed(self, now: float) -> None:
        """Record a failure; the wait is longer than after the failure before."""
        self.not_before = now + _WAIT_SECONDS[min(self.failures_in_a_row, len(_WAIT_SECONDS) - 1)]
        self.failures_in_a_row += 1
        self.failures += 1

    def succeeded(self) -> None:
        """Record a success; the next failure counts as the first in a row."""
        self.failures_in_a_row = 0
        self.not_before = 0.0

    def at_once(self) -> None:
        """Try again without a wait, this one time."""
        self.not_before = 0.0


@dataclass(frozen=True, slots=True)
class Failure:
    """Why Redis did not accept a send."""

    #: Whether it concerns every project. A cause in one project's keys, limits or files concerns that project alone.
    is_away: bool
    #: Whether Redis answered that the project's inbox is full, which shows that Redis works.
    inbox_is_full: bool
    #: Whether Redis may accept a smaller send.
    too_much: bool
    #: The error text of the server or the system, on one line.
    words: str
    #: What to change in the URL; None if waiting may help.
    remedy: str | None


@dataclass
class RedisHealth:
    """Whether Redis accepts sends, and why not; shared by all projects of a publisher."""

    is_away: bool = False
    last_error: str | None = None
    remedy: str | None = None
    #: How often Redis refused a send for a reason that waiting cannot fix.
    refusals: int = 0
    retry: Retry = field(default_factory=Retry)

    @property
    def cause(self) -> str:
        """Return the last error and, if it is known, what to change; empty while nothing is wrong."""
        return "; ".join(part for part in (self.last_error, self.remedy) if part)

    def answered(self) -> None:
        """Record that Redis accepted a send."""
        self.is_away = False
        self.retry.succeeded()
        self.last_error = self.remedy = None

    def failed(self, failure: Failure, now: float) -> None:
        """Record that Redis did not accept a send."""
        if failure.is_away:
            self.is_away = True
            self.retry.failed(now)
        elif failure.inbox_is_full:
            self.is_away = False
            self.retry.succeeded()
        self.last_error, self.remedy = failure.words, failure.remedy
        self.refusals += failure.remedy is not None

    def add(self, error: Exception) -> None:
        """Append an error of the disk to the last error of Redis."""
        self.last_error = f"{self.last_error or ''}; {error}".lstrip("; ")[-_MOST_CHARACTERS:]
