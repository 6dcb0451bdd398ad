"""A chunk's turn to send requests: a permit for each, or back to its timer until the limiter's time."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prelabel_worker.accounts.rate_limiter import Permit, Purpose
from prelabel_worker.chunks.chunk import Chunk
from prelabel_worker.labelbox.errors import OutcomeUnknown, RequestError, Throttled, Unavailable
from prelabel_worker.stages.context import Account, StageContext

LOOK_AGAIN_SECONDS = 60.0
"""A stop is looked at this often however long it lasts: should `account resume` miss a chunk, this finds it."""
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
        """For how long the account was stopped by the request that failed last; it is no fault of the chunk's."""

    def ask(self, purpose: Purpose = "upload") -> bool:
        """Have a permit for one request; False: there is none now and the chunk was parked until there is.

        Asking again before `request` costs nothing while the permit is good. Raises LeaseLost.
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
        """Around the one request that the permit is for: the account is told what became of it."""
        permit, permits = self._permit, self._account.permits
        assert permit is not None  # noqa: S101 - `ask` comes first
        self._permit, self._good_until = None, float("-inf")
        try:
            yield
        except RequestError as error:
            self.stopped_seconds = min(permits.failed(permit, error, self._chunk.failures + 1), LOOK_AGAIN_SECONDS)
            if isinstance(error, Throttled | Unavailable | OutcomeUnknown):
                self._context.ledger.open_fewer(self._chunk.project_id)
            raise
        permits.answered(permit)

    def _park(self, permit: Permit) -> None:
        chunk, ledger = self._chunk, self._context.ledger
        seconds, why = min(permit.wait, LOOK_AGAIN_SECONDS), waits_for(permit)
        if permit.reserved and permit.wait > _LONG_WAIT_SECONDS:  # more chunks are open than the budget carries
            ledger.open_fewer(chunk.project_id)
        ledger.give_back(chunk, seconds, why=why, failures=chunk.failures, permit_ms=permit.ticket)


def waits_for(permit: Permit) -> str:
    """Why a chunk waits that has no permit now, for `project show`."""
    return "permit" if permit.reserved else f"account {permit.stopped_by}"
