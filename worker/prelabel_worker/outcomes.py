"""What happened → what to do. The only such table; its letters are those of the wire reference, section 4.3.

| class of error | outcome | scope | letter |
|---|---|---|---|
| Throttled | pause with a time | account | D |
| Unavailable | later | chunk | R |
| OutcomeUnknown, Conflict | look up | chunk | C |
| TooLarge, Refused | split | chunk | S, Q |
| Unauthorized, AccountLimit, QueryRefused | pause | account | A |
| KeyMissing, Forbidden, ProjectGone | pause | project | A |
"""

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from prelabel.errors import Reason
from prelabel_worker import errors

PAUSE_SECONDS = 60.0
"""A pause for a reason that needs a person is tried again this often, so that mending it is enough."""
_THROTTLE_SECONDS = 60.0


class Outcome(StrEnum):
    """What is done about something that happened."""

    LATER = "later"
    PAUSE = "pause"
    LOOK_UP = "look_up"
    SPLIT = "split"
    HOLD = "hold"


Scope = Literal["row", "chunk", "project", "account"]


@dataclass(frozen=True, slots=True)
class Decision:
    """An outcome, whom it concerns, and after how many seconds it is looked at again."""

    outcome: Outcome
    scope: Scope
    seconds: float = 0.0


def decide(error: errors.RequestError, failures: int, *, base: float, cap: float) -> Decision:
    """What to do after a request failed for the `failures`-th time in a row."""
    wait = backoff(failures, base, cap) if error.retry_after is None else error.retry_after
    match error:
        case errors.Throttled():
            seconds = _THROTTLE_SECONDS * random.uniform(0.9, 1.1)
            return Decision(Outcome.PAUSE, "account", seconds if error.retry_after is None else error.retry_after)
        case errors.OutcomeUnknown() | errors.Conflict():
            return Decision(Outcome.LOOK_UP, "chunk", wait)
        case errors.TooLarge() | errors.Refused():
            return Decision(Outcome.SPLIT, "chunk")
        case errors.Unauthorized() | errors.AccountLimit() | errors.QueryRefused():
            return Decision(Outcome.PAUSE, "account", PAUSE_SECONDS)
        case errors.KeyMissing() | errors.Forbidden() | errors.ProjectGone():
            return Decision(Outcome.PAUSE, "project", PAUSE_SECONDS)
        case _:
            return Decision(Outcome.LATER, "chunk", wait)


def backoff(failures: int, base: float, cap: float) -> float:
    """Exponential with full jitter: somewhere below `base` doubled with each failure, and never above `cap`."""
    return random.uniform(0, min(cap, base * 2.0 ** min(max(failures, 1) - 1, 30)))


def bisection_is_spent(refusals: int, rows: int) -> bool:
    """Whether a bisection has asked 4·log2(rows) times without one success: the fault is not a row's."""
    return refusals > 4 * max(1, (rows - 1).bit_length())


_REASONS = {"DataRowNotFound": Reason.DATA_ROW_NOT_FOUND}
_HEALING = frozenset({Reason.DATA_ROW_NOT_FOUND})
"""What time can heal. Labelbox says `DataRowNotFound` also of a data row that exists and is not in the project yet;
that it says so of one that is still being processed is an assumption."""


def reason_of_row(error_names: list[str]) -> Reason:
    """The reason code for what Labelbox said about a row's annotations."""
    return next((_REASONS[name] for name in error_names if name in _REASONS), Reason.REFUSED)


def heals(reason: Reason) -> bool:
    """Whether a row that is held for this may be taken later as it is."""
    return reason in _HEALING
