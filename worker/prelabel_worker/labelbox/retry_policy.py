"""What happened → what to do. The only such table; numbers and codes are those of docs/reference/labelbox-api.md#4-3.

Requests. "Create" is the upload of an import; everything else is a query.

| # | symptom | class of error | outcome |
|---|---|---|---|
| 1 | no connection | Unavailable | later (R) |
| 2, 3 | a create without an answer | OutcomeUnknown | look up, then again (C, R) |
| 4, 5 | a query without an answer, or with 5xx | Unavailable | later (R) |
| 6 | a create with 5xx | OutcomeUnknown | look up, then again; after `FEW` uploads split (C, R, S) |
| 7 | 5xx with `Retry-After` | as 5 and 6 | the account pauses for so long (D) |
| 8, 9, 10 | 429 or "You have exceeded" in any wrapping | Throttled | the account pauses for so long, or a minute (D) |
| 11 | key refused | Unauthorized | the account pauses (A) |
| 12 | no right | Forbidden | the project pauses (A) |
| 13 | 403 of the edge | Blocked | later, once and slowly, then the account pauses (A) |
| 14 | 413 | TooLarge | split; a row alone is held (S) |
| 15 | account limit | AccountLimit | the account pauses (A) |
| 16 | `RESOURCE_NOT_FOUND` on a create | ProjectGone | the project pauses (A) |
| 17 | `RESOURCE_NOT_FOUND` on a look-up | none | an answer: there is no such import |
| 18 | `RESOURCE_CONFLICT` on a create | Conflict | look up (C) |
| 19 | the file refused | Refused | split; a row alone is held (Q) |
| 20 | `GRAPHQL_*` | QueryRefused | the account pauses (A) |
| 21 | an answer that is none | Garbled | as 5 or 2, after `FEW` attempts the account pauses (R, A) |
| - | a field of an answer is not what is declared | UnexpectedShape | as 5 or 2, however often; then stuck (R) |
| 22 | internal error | as 5 and 6 | later; a create as 6 (R or C, Q) |
| - | no key in the worker's settings | KeyMissing | the project pauses (A) |

Imports and their files.

| # | symptom | outcome |
|---|---|---|
| 23 | FAILED | split; a row alone is held with what the error file says (S, Q) |
| 24 | RUNNING beyond the deadline, or not found any more | its rows are held (`import_is_overdue`, `import_is_lost`) |
| 25 | a line's failure | its row is held (`reason_of_row`) |
| 26 | `DataRowNotFound` | its row is retried after growing waits up to its project's horizon (`passes_with_time`) |
| 27 | lines are missing | their rows are sent again once, then held (`is_sent_again`) |
| 28, 29 | a file is gone, or cannot be read | later, with a fresh address; then as 27 (`verdicts_are_lost`) |
| 30 | an unknown state | later, until the deadline |

A pause for a reason that needs a person is tried again each minute, so that fixing it is enough.
"""

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from prelabel.errors import Reason
from prelabel_worker.labelbox import errors

PAUSE_SECONDS = 60.0
"""A pause for a reason that needs a person is tried again this often, so that fixing it is enough."""
FEW = 3
"""Attempts after which a passing failure is taken as permanent. Each unanswered upload costs a server's limit."""
STUCK_AFTER = 5
"""Defects of a chunk in a row after which it is stuck: a person needs to look."""
AGAIN_MS = 1000
"""When a row is sent again of which the status file said nothing."""
_THROTTLE_SECONDS = 60.0
_FILE_SECONDS = 24 * 3600.0  # how long Labelbox keeps status and error files
_FRESH_ADDRESSES = 5
_STUCK_SECONDS = 600.0


class RetryAction(StrEnum):
    """What is done about something that happened."""

    LATER = "later"
    PAUSE = "pause"
    LOOK_UP = "look_up"
    SPLIT = "split"
    HOLD = "hold"


Scope = Literal["row", "chunk", "project", "account"]


@dataclass(frozen=True, slots=True)
class RetryDecision:
    """An outcome, whom it concerns, and after how many seconds it is looked at again.

    `passing`: Labelbox is merely busy. It costs the chunk no attempt, and nobody needs to look.
    """

    action: RetryAction
    scope: Scope
    seconds: float = 0.0
    passing: bool = False

    @property
    def needs_person(self) -> bool:
        """Whether uploads pause for a reason that does not pass by itself."""
        return self.action is RetryAction.PAUSE and not self.passing


def decide(error: errors.RequestError, failures: int, *, base: float, cap: float) -> RetryDecision:
    """What to do after a request failed for the `failures`-th time in a row."""
    wait = backoff(failures, base, cap)
    match error:
        case errors.Throttled():
            seconds = _THROTTLE_SECONDS * random.uniform(0.9, 1.1)
            wait = seconds if error.retry_after is None else error.retry_after
            return RetryDecision(RetryAction.PAUSE, "account", wait, passing=True)
        case errors.Unavailable() | errors.OutcomeUnknown() if error.retry_after is not None:
            return RetryDecision(RetryAction.PAUSE, "account", error.retry_after, passing=True)
        case errors.Blocked() if failures <= 1:
            return RetryDecision(RetryAction.LATER, "chunk", cap)
        case errors.UnexpectedShape():  # what it was about is at fault, not the account
            return RetryDecision(RetryAction.LOOK_UP if error.maybe_accepted else RetryAction.LATER, "chunk", wait)
        case errors.Garbled() if failures <= FEW:
            return RetryDecision(RetryAction.LOOK_UP if error.maybe_accepted else RetryAction.LATER, "chunk", wait)
        case errors.OutcomeUnknown() | errors.Conflict():
            return RetryDecision(RetryAction.LOOK_UP, "chunk", wait)
        case errors.TooLarge() | errors.Refused():
            return RetryDecision(RetryAction.SPLIT, "chunk")
        case errors.Unauthorized() | errors.AccountLimit() | errors.QueryRefused():
            return RetryDecision(RetryAction.PAUSE, "account", PAUSE_SECONDS)
        case errors.Blocked() | errors.Garbled():
            return RetryDecision(RetryAction.PAUSE, "account", PAUSE_SECONDS)
        case errors.KeyMissing() | errors.Forbidden() | errors.ProjectGone():
            return RetryDecision(RetryAction.PAUSE, "project", PAUSE_SECONDS)
        case _:
            return RetryDecision(RetryAction.LATER, "chunk", wait)


def suspects_file(error: errors.RequestError) -> bool:
    """Whether an upload that stays without a clear answer may be its file's fault: too big, too slow, or poison."""
    return isinstance(error, errors.OutcomeUnknown | errors.Conflict) and error.retry_after is None


def backoff(failures: int, base: float, cap: float) -> float:
    """Exponential with full jitter: random, below `base` doubled with each failure, at most `cap`."""
    return random.uniform(0, min(cap, base * 2.0 ** min(max(failures, 1) - 1, 30)))


def defect_wait(defects: int, base: float, cap: float) -> float:
    """Return the seconds after which a chunk is looked at again that met this many defects in a row.

    As after any failure; from `STUCK_AFTER` on it doubles beyond `cap`, up to ten minutes, since only another release
    or another answer helps.
    """
    if defects < STUCK_AFTER:
        return backoff(defects, base, cap)
    longest = max(cap, min(_STUCK_SECONDS, cap * 2.0 ** min(defects - STUCK_AFTER + 1, 30)))
    return random.uniform(longest / 2, longest)


def bisection_is_spent(refusals: int, rows: int) -> bool:
    """Whether a bisection has asked 4·log2(rows) times without one success: the fault is not a row's."""
    return refusals > 4 * max(1, (rows - 1).bit_length())


def import_is_lost(misses: int, age_seconds: float, server_limit_seconds: float) -> bool:
    """Whether an import that was not found so often in a row is no more.

    Several times, since one look-up may ask a copy that lags behind; and never before the server's limit.
    """
    return misses >= FEW and age_seconds > server_limit_seconds


def import_is_overdue(age_seconds: float, deadline_seconds: float, *, asked: bool) -> bool:
    """Return whether to stop waiting for an import.

    Without an answer (`asked` is False) it may have ended well while Labelbox was away: its verdicts are waited for as
    long as they can exist.
    """
    return age_seconds > deadline_seconds + (0.0 if asked else _FILE_SECONDS)


def verdicts_are_lost(failures: int, age_seconds: float, *, gone: bool) -> bool:
    """Whether a file that could not be read so often will not be any more; `gone`: the address leads nowhere.

    Labelbox keeps files for a day: an older import is asked for one fresh address, in case it has one.
    """
    old = age_seconds > _FILE_SECONDS
    if gone:
        return failures > (1 if old else _FRESH_ADDRESSES)
    return old and failures > _FRESH_ADDRESSES


_REASONS = {"DataRowNotFound": Reason.DATA_ROW_NOT_FOUND}
_RETRYING = frozenset({Reason.DATA_ROW_NOT_FOUND})
"""What may pass with time. Labelbox says `DataRowNotFound` also of a data row that exists outside the project;
that it says so of one that is still being processed is an assumption."""


def reason_of_row(error_names: list[str]) -> Reason:
    """The reason code for what Labelbox said about a row's annotations; nothing: no verdict."""
    if not error_names:
        return Reason.NO_VERDICT
    return next((_REASONS[name] for name in error_names if name in _REASONS), Reason.REFUSED)


def is_sent_again(reason: Reason, before: str) -> bool:
    """Return whether to send a row once more; `before` is the reason for which it was last held."""
    return reason is Reason.NO_VERDICT and before != Reason.NO_VERDICT


def passes_with_time(reason: Reason) -> bool:
    """Return whether Labelbox may accept a row held for this reason later, unchanged."""
    return reason in _RETRYING
