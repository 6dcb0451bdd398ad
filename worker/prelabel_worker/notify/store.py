"""What was told, kept in Redis under a lease: one process at a time watches, and the next one continues its work."""

from dataclasses import dataclass

from prelabel.ids import uuid7
from prelabel.wire import keys
from prelabel.wire.client import Client
from prelabel_worker.notify import watch
from prelabel_worker.notify.watch import State
from prelabel_worker.scripts import Scripts


@dataclass(frozen=True, slots=True)
class Held:
    """The state, for the process that holds the lease."""

    #: Unix time by Redis's clock, in seconds.
    now: float
    state: State


class Store:
    """The stored state of notifications, as one process sees it."""

    def __init__(self, client: Client, key_prefix: str = keys.DEFAULT_PREFIX) -> None:
        self._client = client
        self._scripts = Scripts(client)
        self._key = keys.notifications(key_prefix)
        self._token = uuid7().hex()

    def take(self, lease_seconds: float) -> Held | None:
        """Take the lease or extend it, and return the state; None while another process holds the lease."""
        answer = self._scripts.run("notify_take", self._key, self._token, round(lease_seconds * 1000))
        return Held(int(answer[0]) / 1000, watch.restored(answer[1])) if answer else None

    def save(self, state: State, *, release: bool = False) -> bool:
        """Store the state, and end the lease if `release`; return False if another process has taken the lease."""
        return bool(self._scripts.run("notify_save", self._key, self._token, watch.kept(state), int(release)))

    def read(self) -> State:
        """Return the state without taking the lease."""
        return watch.restored(self._client.hget(self._key, "state") or b"")
