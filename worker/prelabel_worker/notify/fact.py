"""What notifications are about: the kinds of trouble, and one trouble that holds now. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

_SHOWN = 120
_MARKUP = str.maketrans({"<": "\u2039", ">": "\u203a", "`": "'"})

Value = str | int | float
"""What a field of a fact can hold."""


class Kind(StrEnum):
    """The kinds of trouble, most urgent first; the values are words for programs."""

    NO_WORKER = "no-worker"
    ACCOUNT_STOPPED = "account-stopped"
    LABELBOX_AWAY = "labelbox-away"
    PROJECT_QUARANTINED = "project-quarantined"
    PROJECT_PAUSED = "project-paused"
    ROWS_LATE = "rows-late"
    ERROR_GROUP = "error-group"
    WORKER_LOST = "worker-lost"
    MORE = "more"


@dataclass(frozen=True, slots=True)
class Trait:
    """How long a kind of trouble must hold and must be gone before it is told, and what its end is called."""

    #: The end in words, with `{subject}`; None if the end is not told.
    ended: str | None
    #: Seconds for which it must hold before it is told.
    appears_seconds: float = 0.0
    #: Seconds for which it must be gone before it is over, so that one that comes and goes is told once.
    clears_seconds: float = 0.0


TRAITS: Mapping[Kind, Trait] = {
    # After an outage of Redis, all announcements are old until workers have reached it again.
    Kind.NO_WORKER: Trait("workers with the role {subject} tick again", appears_seconds=2),
    # A throttle ends within seconds and begins again while its cause lasts; so does an open breaker, with each probe.
    Kind.ACCOUNT_STOPPED: Trait("nothing stops account {subject} any more", clears_seconds=20),
    Kind.LABELBOX_AWAY: Trait("Labelbox answers account {subject} again", clears_seconds=20),
    Kind.PROJECT_QUARANTINED: Trait("project {subject} is out of quarantine"),
    Kind.PROJECT_PAUSED: Trait("project {subject} is not paused any more", clears_seconds=5),
    Kind.ROWS_LATE: Trait("rows of project {subject} are imported in time again", appears_seconds=5, clears_seconds=30),
    # A retried row leaves its group until its next try has ended.
    Kind.ERROR_GROUP: Trait(
        "error group {subject} is settled: its rows left it, or somebody resolved or ignored it", clears_seconds=20
    ),
    # It ends when its name is forgotten, a minute after it died: that is no good news.
    Kind.WORKER_LOST: Trait(None, appears_seconds=3),
    Kind.MORE: Trait("every trouble is told by itself again", clears_seconds=60),
}


@dataclass(frozen=True, slots=True)
class Fact:
    """A trouble that holds now. It never has the content of a message or a key of an account."""

    kind: Kind
    #: What it is about: the name of a project, an account, a worker, a role or an error group.
    subject: str
    #: A sentence for people, without a full stop. Names of others in it are `quoted`.
    text: str
    #: The same for programs.
    fields: Mapping[str, Value] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What makes it the same trouble at two times."""
        return f"{self.kind.value}:{self.subject}"


def quoted(name: str) -> str:
    """Return a name of others as chat programs show it: as code, without markup, mentions or links of its own."""
    cut = name if len(name) <= _SHOWN else f"{name[:_SHOWN]}…"
    plain = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in cut)
    return f"`{plain.translate(_MARKUP)}`"
