"""The request budget of an account, shared by all workers, and its pause. It does not know what a request is."""

from dataclasses import dataclass

from prelabel import keys
from prelabel.client import Client
from prelabel_worker.scripts import Scripts

USE_WITHIN_SECONDS = 1.0
"""A permit that was not used this long after its time is taken anew; the rate is reckoned with it."""


@dataclass(frozen=True, slots=True)
class Permit:
    """When a request may go: `wait` seconds from now. `reserved` is False while the account is paused."""

    wait: float
    reserved: bool


class Permits:
    """The permits of one account."""

    def __init__(self, client: Client, key_prefix: str, account: str, per_minute: int, burst: int) -> None:
        self._scripts = Scripts(client)
        self._key = keys.account(key_prefix, account)
        self._interval_ms = (60 + USE_WITHIN_SECONDS) * 1000 / (per_minute - burst)
        self._burst = burst

    def reserve(self) -> Permit:
        """Reserve the time of one request."""
        wait, reserved = self._scripts.run("permit", self._key, f"{self._interval_ms:.3f}", self._burst)
        return Permit(int(wait) / 1000, bool(reserved))

    def pause(self, seconds: float, why: str) -> None:
        """Nobody on this account sends for so long."""
        self._scripts.run("pause_account", self._key, int(seconds * 1000), why)
