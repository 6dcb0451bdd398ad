"""What failed and when to try it again. Pure: it knows neither threads nor Redis, and is told the time."""

from dataclasses import dataclass, field

_WAIT_SECONDS = (0.1, 0.2, 0.5, 1.0)
_MOST_CHARACTERS = 500


@dataclass
class Retry:
    """Tries again after a wait that grows with the failures in a row."""

    failures_in_a_row: int = 0
    failures: int = 0
    not_before: float = 0.0

    def failed(self, now: float) -> None:
        """Wait longer than after the failure before."""
        self.not_before = now + _WAIT_SECONDS[min(self.failures_in_a_row, len(_WAIT_SECONDS) - 1)]
        self.failures_in_a_row += 1
        self.failures += 1

    def succeeded(self) -> None:
        """Do not wait; the next failure counts as the first."""
        self.failures_in_a_row = 0
        self.not_before = 0.0

    def at_once(self) -> None:
        """Do not wait this time."""
        self.not_before = 0.0


@dataclass(frozen=True, slots=True)
class Failure:
    """Why Redis did not take a send, as far as it decides what is sent next and when."""

    #: It concerns every project. What one project's keys, limits or files cause concerns that project alone.
    is_away: bool
    #: Redis answered that the project's inbox is full, so it can be used.
    inbox_is_full: bool
    #: A smaller send may be taken.
    too_much: bool
    #: What the server or the system said, on one line.
    words: str
    #: What to change in the URL; None where waiting may help.
    remedy: str | None


@dataclass
class RedisHealth:
    """Whether Redis takes anything, and why not: shared by all projects of a publisher."""

    is_away: bool = False
    last_error: str | None = None
    remedy: str | None = None
    #: How often Redis refused a send for a reason that waiting does not help against.
    refusals: int = 0
    retry: Retry = field(default_factory=Retry)

    @property
    def cause(self) -> str:
        """What to tell the user, with what to change where that is known; empty while nothing is wrong."""
        return "; ".join(part for part in (self.last_error, self.remedy) if part)

    def answered(self) -> None:
        """Redis took a send."""
        self.is_away = False
        self.retry.succeeded()
        self.last_error = self.remedy = None

    def failed(self, failure: Failure, now: float) -> None:
        """Redis did not take a send."""
        if failure.is_away:
            self.is_away = True
            self.retry.failed(now)
        elif failure.inbox_is_full:
            self.is_away = False
            self.retry.succeeded()
        self.last_error, self.remedy = failure.words, failure.remedy
        self.refusals += failure.remedy is not None

    def add(self, error: Exception) -> None:
        """Report an error of the disk behind the one of Redis."""
        self.last_error = f"{self.last_error or ''}; {error}".lstrip("; ")[-_MOST_CHARACTERS:]
