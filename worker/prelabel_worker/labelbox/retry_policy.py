"""Decide what to do after each kind of failure. No other module has such a table.

The numbers are those of docs/reference/labelbox-api.md#4-3. The decisions are the values of `RetryAction`.

Requests. "Create" is the upload of an import; every other request is a query.

| # | symptom | class of error | decision |
|---|---|---|---|
| 1 | no connection | Unavailable | try later |
| 2, 3 | a create without an answer | OutcomeUnknown | look the import up; if it is not there, upload again |
| 4, 5 | a query without an answer, or with 5xx | Unavailable | try later |
| 6 | a create with 5xx | OutcomeUnknown | as 2; after `FEW` uploads split the chunk |
| 7 | 5xx with `Retry-After` | as 5 and 6 | pause the account for the time asked for |
| 8, 9, 10 | 429 or "You have exceeded" in any form | Throttled | as 7; a minute if no time was given |
| 11 | the key is refused | Unauthorized | pause the account |
| 12 | no right to the project | Forbidden | pause the project |
| 13 | 403 of the network's edge | Blocked | the first time, try later; then pause the account |
| 14 | 413 | TooLarge | split the chunk; hold a single row |
| 15 | account limit | AccountLimit | pause the account |
| 15 | the plan's allowance of the month (assumed words) | AllowanceSpent | pause the account until the next month |
| 16 | `RESOURCE_NOT_FOUND` on a create | ProjectGone | pause the project |
| 17 | `RESOURCE_NOT_FOUND` on a look-up | no error | the import does not exist |
| 18 | `RESOURCE_CONFLICT` on a create | Conflict | look the import up |
| 19 | the file is refused | Refused | split the chunk; hold a single row |
| 20 | `GRAPHQL_*` | QueryRefused | pause the account |
| 21 | the answer is not GraphQL | Garbled | as 5 or 2; after `FEW` attempts pause the account |
| - | a field has an undeclared type | UnexpectedShape | as 5 or 2; after `STUCK_AFTER` times the chunk is stuck |
| 22 | internal error | as 5 and 6 | as 5 and 6 |
| - | no key in the worker's settings | KeyMissing | pause the project |

Imports and their files.

| # | symptom | decision |
|---|---|---|
| 23 | FAILED | split the chunk; hold a single row with the text of the error file |
| 24 | RUNNING beyond the deadline, or not found any more | hold its rows (`import_is_overdue`, `import_is_lost`) |
| 25 | the status of a line is a failure | hold its row (`reason_of_row`) |
| 26 | `DataRowNotFound` | retry the row after growing waits, up to its project's horizon (`passes_with_time`) |
| 27 | lines are missing | send their rows again once, then hold them (`is_sent_again`) |
| 28, 29 | a file is gone, or cannot be read | try later, with a fresh address; then as 27 (`verdicts_are_lost`) |
| 30 | an unknown state | look later, until the deadline |

A pause whose cause only a person can remove lasts `PAUSE_SECONDS`. Then one request tests whether the cause is gone,
so nobody has to end the pause by hand.
"""

import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal

from prelabel.errors import Reason
from prelabel_worker.labelbox import errors

PAUSE_SECONDS = 60.0
"""Length of a pause whose cause only a person can remove; after it, requests are tried again."""
FEW = 3
"""Number of attempts after which a transient failure counts as permanent.

Small, since after each unanswered upload a chunk waits for the server's limit.
"""
STUCK_AFTER = 5
"""Number of consecutive defects after which a chunk is stuck, so that a person has to look at it."""
AGAIN_MS = 1000
"""Delay in ms before a row is sent again because the status file did not mention it."""
_THROTTLE_SECONDS = 60.0  # the pause after a 429 without `Retry-After`
_FILE_SECONDS = 24 * 3600.0  # how long Labelbox keeps status and error files
_FRESH_ADDRESSES = 5
_STUCK_SECONDS = 600.0


class RetryAction(StrEnum):
    """What to do after a failure."""

    LATER = "later"
    PAUSE = "pause"
    LOOK_UP = "look_up"
    SPLIT = "split"


Scope = Literal["row", "chunk", "project", "account"]


@dataclass(frozen=True, slots=True)
class RetryDecision:
    """What to do, for which scope, and after how many seconds to try again.

    `passing`: Labelbox is only busy, or a key was replaced. The failure does not count as an attempt of the chunk and
    needs no person.
    """

    action: RetryAction
    scope: Scope
    seconds: float = 0.0
    passing: bool = False

    @property
    def needs_person(self) -> bool:
        """Whether uploads pause for a reason that only a person can remove."""
        return self.action is RetryAction.PAUSE and not self.passing


def decide(error: errors.RequestError, failures: int, *, base: float, cap: float) -> RetryDecision:
    """Return what to do after a request has failed for the `failures`-th time in a row.

    `base` and `cap` are the parameters of `backoff`, in seconds.
    """
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
        case errors.UnexpectedShape():  # never pauses the account, since only this request is affected
            return RetryDecision(RetryAction.LOOK_UP if error.maybe_accepted else RetryAction.LATER, "chunk", wait)
        case errors.Garbled() if failures <= FEW:
            return RetryDecision(RetryAction.LOOK_UP if error.maybe_accepted else RetryAction.LATER, "chunk", wait)
        case errors.OutcomeUnknown() | errors.Conflict():
            return RetryDecision(RetryAction.LOOK_UP, "chunk", wait)
        case errors.TooLarge() | errors.Refused():
            return RetryDecision(RetryAction.SPLIT, "chunk")
        case errors.AllowanceSpent():
            return RetryDecision(RetryAction.PAUSE, "account", _until_next_month(time.time()))
        case errors.Unauthorized() | errors.AccountLimit() | errors.QueryRefused():
            return RetryDecision(RetryAction.PAUSE, "account", PAUSE_SECONDS)
        case errors.Blocked() | errors.Garbled():
            return RetryDecision(RetryAction.PAUSE, "account", PAUSE_SECONDS)
        case errors.KeyMissing() | errors.Forbidden() | errors.ProjectGone():
            return RetryDecision(RetryAction.PAUSE, "project", PAUSE_SECONDS)
        case _:
            return RetryDecision(RetryAction.LATER, "chunk", wait, passing=isinstance(error, errors.KeyReplaced))


def _until_next_month(now: float) -> float:
    """Return the seconds from a Unix time to the first of the next month in UTC (assumed to be when plans renew)."""
    today = datetime.fromtimestamp(now, UTC)
    first = datetime(today.year + today.month // 12, today.month % 12 + 1, 1, tzinfo=UTC)
    return first.timestamp() - now


def suspects_file(error: errors.RequestError) -> bool:
    """Return whether the file itself may be the reason why an upload got no clear answer.

    It may be too large, take too long, or crash Labelbox. After `FEW` such uploads the chunk is split.
    """
    return isinstance(error, errors.OutcomeUnknown | errors.Conflict) and error.retry_after is None


def backoff(failures: int, base: float, cap: float) -> float:
    """Return a random number of seconds from 0 to a maximum that starts at `base` and doubles up to `cap`."""
    return random.uniform(0, min(cap, base * 2.0 ** min(max(failures, 1) - 1, 30)))


def defect_wait(defects: int, base: float, cap: float) -> float:
    """Return the seconds to wait before looking again at a chunk with this many consecutive defects.

    Up to `STUCK_AFTER` defects, the same as after any failure. From then on the wait doubles beyond `cap`, up to ten
    minutes: only another release of this program, or another answer of Labelbox, can help.
    """
    if defects < STUCK_AFTER:
        return backoff(defects, base, cap)
    longest = max(cap, min(_STUCK_SECONDS, cap * 2.0 ** min(defects - STUCK_AFTER + 1, 30)))
    return random.uniform(longest / 2, longest)


def bisection_is_spent(refusals: int, rows: int) -> bool:
    """Return whether a bisection of `rows` rows has failed too often to be the fault of single rows.

    `refusals` counts the files refused since the last import that succeeded. A bisection that looks for a few bad rows
    needs fewer than 4·log2(rows).
    """
    return refusals > 4 * max(1, (rows - 1).bit_length())


def import_is_lost(misses: int, age_seconds: float, server_limit_seconds: float) -> bool:
    """Return whether an import that was not found `misses` times in a row does not exist any more.

    One miss proves nothing, since a look-up may be answered from a replica that lags. Never true before the server's
    limit, while Labelbox may still be working on the upload.
    """
    return misses >= FEW and age_seconds > server_limit_seconds


def import_is_overdue(age_seconds: float, deadline_seconds: float, *, answered: bool) -> bool:
    """Return whether to stop waiting for an import.

    `answered`: Labelbox has just told the import's state. If it did not answer, the import may have finished, so the
    deadline is extended by the time for which Labelbox keeps the files.
    """
    return age_seconds > deadline_seconds + (0.0 if answered else _FILE_SECONDS)


def verdicts_are_lost(failures: int, age_seconds: float, *, gone: bool) -> bool:
    """Return whether to give up reading a status file that could not be read `failures` times in a row.

    `gone`: there is no file at its address. Labelbox keeps files for a day. If the import is older, one fresh address
    is requested, in case the file still exists.
    """
    old = age_seconds > _FILE_SECONDS
    if gone:
        return failures > (1 if old else _FRESH_ADDRESSES)
    return old and failures > _FRESH_ADDRESSES


_REASONS = {"DataRowNotFound": Reason.DATA_ROW_NOT_FOUND}
_RETRYING = frozenset({Reason.DATA_ROW_NOT_FOUND})
"""Reasons for which Labelbox may accept the same row later. It answers `DataRowNotFound` also for a data row that
exists outside the project. We assume that it does so for a data row that is still being processed, too."""


def reason_of_row(error_names: list[str]) -> Reason:
    """Return the reason code for the error names in a row's status lines; no names mean that it has no verdict."""
    if not error_names:
        return Reason.NO_VERDICT
    return next((_REASONS[name] for name in error_names if name in _REASONS), Reason.REFUSED)


def is_sent_again(reason: Reason, before: str) -> bool:
    """Return whether to send a row once more rather than make it a dead letter.

    `before` is the reason for which the row was held last, or '' if it never was.
    """
    return reason is Reason.NO_VERDICT and before != Reason.NO_VERDICT


def passes_with_time(reason: Reason) -> bool:
    """Return whether Labelbox may accept a row held for this reason later, unchanged."""
    return reason in _RETRYING
