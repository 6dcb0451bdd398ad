"""A chunk's turn to send requests: a permit for each, or back to its timer until the limiter's time."""

import time

from prelabel_worker.chunks import Chunk, State
from prelabel_worker.permits import USE_WITHIN_SECONDS
from prelabel_worker.stages import Account, Tools


class Turn:
    """Permits for the requests of one held chunk."""

    def __init__(self, tools: Tools, account: Account, chunk: Chunk, taken_at: float) -> None:
        self._tools = tools
        self._account = account
        self._chunk = chunk
        self._taken_at = taken_at
        self._good_until = float("-inf")
        if chunk.permit_ms:  # reserved when it was parked
            self._good_until = taken_at + (chunk.permit_ms - chunk.taken_ms) / 1000 + USE_WITHIN_SECONDS

    def ask(self) -> bool:
        """Have a permit for one request; False: there is none now and the chunk was parked until there is.

        Asking again before `spend` costs nothing while the permit is good. Raises LeaseLost.
        """
        now = time.monotonic()
        if now < self._good_until:
            return True
        permit = self._account.permits.reserve()
        if permit.wait <= 0:
            self._good_until = now + USE_WITHIN_SECONDS
            return True
        at = self._chunk.taken_ms + int((now - self._taken_at + permit.wait) * 1000)
        self._park(permit.wait, at if permit.reserved else 0)
        return False

    def spend(self) -> None:
        """The permit was used."""
        self._good_until = float("-inf")

    def _park(self, seconds: float, permit_ms: int) -> None:
        chunk, ledger = self._chunk, self._tools.ledger
        if chunk.state is State.UNCERTAIN:
            ledger.uncertain(chunk, seconds, why="permit", failures=chunk.failures, sent_now=False, permit_ms=permit_ms)
        else:
            ledger.wait(chunk, seconds, why="permit", failures=chunk.failures, permit_ms=permit_ms)
