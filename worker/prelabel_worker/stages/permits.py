"""Permits for the requests of a chunk; without a permit the chunk is scheduled for the limiter's time."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prelabel_worker.accounts.rate_limiter import Permit, Purpose
from prelabel_worker.chunks.chunk import Chunk
from prelabel_worker.labelbox.errors import (
    KeyReplaced,
    OutcomeUnknown,
    RequestError,
    Throttled,
    Unauthorized,
    Unavailable,
)
from prelabel_worker.stages.context import Account, StageContext

LOOK_AGAIN_SECONDS = 60.0
"""A stopped chunk is looked at this often, however long the stop lasts: `account resume` may have missed it."""
_LONG_WAIT_SECONDS = 2.0


class ChunkPermits:
    """Permits for the requests of one held chunk."""

    def __init__(self, context: StageContext, account: Account, chunk: Chunk) -> None:
        self._context = context
        self._account = account
        self._chunk = chunk
        self._permit: Permit | None = None
        self._good_until = float("-inf")
        self._ticket = chunk.permit_ms  # its place in the line
        self.stopped_seconds = 0.0
        """For how long the last failed request stopped the account; the chunk is not at fault then."""

    def ask(self, purpose: Purpose = "upload") -> bool:
        """Get a permit for one request; return False when there is none now: the chunk was scheduled for later.

        Asking again before `request` costs nothing while the permit is valid. Raises LeaseLost.
        """
        now = time.monotonic()
        if now < self._good_until:
            return True
        permit = self._account.permits.reserve(purpose, self._chunk.project_id, ticket=self._ticket)
        self._ticket = 0
        if permit.wait > 0:
            self._park(permit)
            return False
        self._permit, self._good_until = permit, now + permit.good_for
        return True

    @contextmanager
    def request(self) -> Iterator[None]:
        """Send one request inside the block with the permit; the account learns whether it failed."""
        permit, permits = self._permit, self._account.permits
        assert permit is not None  # noqa: S101 - `ask` comes first
        self._permit, self._good_until = None, float("-inf")
        try:
            yield
        except RequestError as raised:
            error = judged(raised, self._account)
            self.stopped_seconds = min(permits.failed(permit, error, self._chunk.failures + 1), LOOK_AGAIN_SECONDS)
            if isinstance(error, Throttled | Unavailable | OutcomeUnknown):
                self._context.ledger.open_fewer(self._chunk.project_id)
            raise error from None
        permits.answered(permit)

    def _park(self, permit: Permit) -> None:
        chunk, ledger = self._chunk, self._context.ledger
        seconds, why = min(permit.wait, LOOK_AGAIN_SECONDS), waits_for(permit)
        if permit.reserved and permit.wait > _LONG_WAIT_SECONDS:  # more chunks are open than the budget carries
            ledger.open_fewer(chunk.project_id)
        ledger.give_back(chunk, seconds, why=why, failures=chunk.failures, permit_ms=permit.ticket)


def judged(error: RequestError, account: Account) -> RequestError:
    """Return the error of a request; KeyReplaced instead if a key was refused that the account no longer has."""
    if isinstance(error, Unauthorized) and account.has_new_key():
        return KeyReplaced(
            f"{error}, which was replaced meanwhile: the new key is used from now on", status=error.status
        )
    return error


def waits_for(permit: Permit) -> str:
    """Return why a chunk without a permit waits, for `project show`."""
    return "permit" if permit.reserved else f"account {permit.stopped_by}"
