"""The request budget of an account, shared by all workers: its rate, its stops and its breaker.

The scripts decide about them by Redis's clock (scripts/lib/account_lib.lua has the bounds).
"""

import random
from dataclasses import dataclass
from typing import Literal

from prelabel.lazy import logger
from prelabel.wire import keys
from prelabel.wire.client import Client
from prelabel_worker.accounts.pauses import Pauses, StopKind
from prelabel_worker.labelbox import retry_policy
from prelabel_worker.labelbox.errors import (
    AccountLimit,
    OutcomeUnknown,
    RequestError,
    Throttled,
    Unauthorized,
    Unavailable,
)
from prelabel_worker.labelbox.retry_policy import RetryAction
from prelabel_worker.scripts import Scripts

USE_WITHIN_SECONDS = 1.0
"""Time within which a permit must be used; a later request needs a new one. The rate allows for this delay."""
POLLED_TOGETHER = 25
"""Maximum number of imports that one request asks for, with one permit."""
_LEAST_JITTER = 0.75  # smallest share of the usual time for which the breaker opens

_log = logger(__name__)

Purpose = Literal["upload", "follow", "ask"]
"""A pause stops `upload` and `ask` (a person's question), not `follow`: polls, and look-ups of lost imports."""


@dataclass(frozen=True, slots=True)
class Permit:
    """The answer to a reservation: when a request may be sent."""

    purpose: Purpose
    #: The project that the request is for; empty for none.
    project_id: str
    #: Seconds after which to ask again; 0 when the request may be sent.
    wait: float
    #: The place in the line, to pass when asking again. A person's question waits and is sent without asking again.
    ticket: int = 0
    #: Seconds within which the request must be sent.
    good_for: float = 0.0
    #: What stops the account: `throttled`, `paused`, `refused` or `breaker`; empty if nothing does.
    stopped_by: str = ""
    #: Whether requests failed before this one or the breaker is open, so that its result must be reported.
    trouble: bool = False
    #: Whether the breaker tries the service with this request.
    probe: bool = False

    @property
    def reserved(self) -> bool:
        """Return whether nothing but the rate delays the request."""
        return not self.stopped_by


class Permits:
    """The permits of one account.

    Workers (`upload` and `follow`) set the account's limit; `ask` uses theirs, or its own while no worker has set any.
    """

    def __init__(
        self, client: Client, key_prefix: str, account: str, per_minute: int, burst: int, fingerprint: str = ""
    ) -> None:
        self._scripts = Scripts(client)
        self._pauses = Pauses(client, key_prefix)
        self._account = account
        self._key = keys.account(key_prefix, account)
        self._burst = burst
        self._per_minute = per_minute
        self._fingerprint = fingerprint

    def reserve(self, purpose: Purpose = "ask", project_id: str = "", *, ticket: int = 0, imports: int = 0) -> Permit:
        """Return a permit for one request, or the time to ask again; a poll names its number of `imports`."""
        limits = (self._per_minute, self._burst, int(USE_WITHIN_SECONDS * 1000))
        request = (purpose, self._fingerprint, project_id, ticket, imports, POLLED_TOGETHER)
        answer = self._scripts.run("permit", self._key, *limits, *request)
        if answer[0] == b"go":
            good_for, trouble, probe = int(answer[1]) / 1000, bool(answer[2]), bool(answer[3])
            return Permit(purpose, project_id, 0.0, good_for=good_for, trouble=trouble, probe=probe)
        wait = int(answer[1]) / 1000
        if answer[0] == b"wait":
            return Permit(purpose, project_id, wait, ticket=int(answer[2]))
        return Permit(purpose, project_id, wait, stopped_by=answer[2].decode())

    def answered(self, permit: Permit) -> None:
        """Report that the request of this permit was answered, whatever the answer is."""
        if permit.trouble and self._scripts.run("request_answered", self._key, int(permit.probe)):
            _log.info("breaker.closed", account=self._account)

    def failed(self, permit: Permit, error: RequestError, failures: int = 1) -> float:
        """Report that the request of this permit failed; `failures` counts those in a row for its sender.

        Returns for how many seconds this stops requests of the same purpose.
        """
        service_failed = isinstance(error, Unavailable | OutcomeUnknown)
        stopped = self._count_failure(permit, error) if service_failed else 0.0
        if not service_failed:
            self.answered(permit)
        decision = retry_policy.decide(error, failures, base=0, cap=0)
        if decision.passing and decision.scope == "account":
            self._stop("throttled", decision.seconds, str(error), lower_rate=isinstance(error, Throttled))
            return max(stopped, decision.seconds)
        if decision.action is RetryAction.PAUSE and decision.scope == "account":
            self._stop("refused" if isinstance(error, Unauthorized) else "paused", decision.seconds, str(error), error)
            return decision.seconds if permit.purpose == "upload" else 0.0
        return stopped

    def _count_failure(self, permit: Permit, error: RequestError) -> float:
        """Count a failure of the service itself; return the seconds for which the breaker is open now."""
        jitter = f"{random.uniform(_LEAST_JITTER, 1):.3f}"
        opened, ms, openings = self._scripts.run("request_failed", self._key, int(permit.probe), jitter)
        seconds = int(ms) / 1000
        if opened:
            _log.warning(
                "breaker.opened", account=self._account, seconds=seconds, openings=int(openings), detail=str(error)
            )
        return seconds

    def _stop(
        self, kind: StopKind, seconds: float, why: str, error: RequestError | None = None, *, lower_rate: bool = False
    ) -> None:
        refused_key = self._fingerprint if kind == "refused" else ""
        # Only a person can act on a limit of the account, and needs Labelbox's words for that. No log gets them.
        shown = f"{why}: {error.said}" if isinstance(error, AccountLimit) and error.said else why
        if self._pauses.stop_account(
            self._account, shown, seconds, kind=kind, refused_key=refused_key, lower_rate=lower_rate
        ):
            _log.warning("account.stopped", account=self._account, stop=kind, seconds=round(seconds, 1), detail=why)
