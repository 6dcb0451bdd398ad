"""What operators decided about error groups: resolved, or ignored. Groups span projects, so the states do too.

A state is set only if nobody else has set another one since the caller read it: `StateChanged` has that one.
"""

import hashlib
from dataclasses import dataclass
from typing import Literal

import msgspec

from prelabel.errors import PrelabelError
from prelabel.unix_time import UnixTime
from prelabel.wire import keys
from prelabel.wire.client import Client, server_time
from prelabel_worker.scripts import Scripts

MOST = 10_000
"""Maximum number of groups that have a state; beyond it, the oldest states are forgotten."""
ABOUT_CHARACTERS = 300
_FORGOTTEN = 100

Decision = Literal["open", "resolved", "ignored"]
"""What an operator may decide; `open` forgets the decision."""
State = Literal["open", "resolved", "ignored", "regressed"]
"""`regressed`: a row died of this cause after the group was resolved."""


class _Stored(msgspec.Struct):
    """A state in Redis; `ms` is when it was set, by Redis's clock."""

    state: Literal["resolved", "ignored"]
    who: str
    ms: int
    #: What the group was about, to list it when its dead letters are gone.
    about: str = ""


@dataclass(frozen=True, slots=True)
class GroupState:
    """The decision of an operator about a group, or none."""

    #: What was decided.
    decision: Decision = "open"
    #: Who decided it; empty without a decision.
    who: str = ""
    #: When it was decided; None without a decision.
    at: UnixTime | None = None
    #: What the group was about.
    about: str = ""
    #: The state as Redis has it, by which a change of somebody else is detected.
    raw: bytes = b""

    @property
    def digest(self) -> str:
        """What a form sends back to say which state its page has shown."""
        return hashlib.sha256(self.raw).hexdigest()[:16]

    def now(self, last_at: UnixTime | None) -> State:
        """Return the state of a group whose last row died then; None if no row is dead."""
        if self.decision == "resolved" and self.at is not None and last_at is not None and last_at > self.at:
            return "regressed"
        return self.decision


class StateChanged(PrelabelError):
    """Somebody else has changed the group's state meanwhile.

    `present` is the state that it has now.
    """

    def __init__(self, present: GroupState) -> None:
        self.present = present
        super().__init__(f"{present.who or 'somebody'} has set the state of the group to {present.decision} meanwhile")


class GroupStates:
    """The states of the error groups of one installation."""

    def __init__(self, client: Client, key_prefix: str = keys.DEFAULT_PREFIX) -> None:
        self._client = client
        self._key = keys.error_groups(key_prefix)
        self._scripts = Scripts(client)

    def all(self) -> dict[str, GroupState]:
        """Return fingerprint → state of the groups about which somebody decided."""
        stored = self._client.hgetall(self._key)
        states = {name.decode(errors="replace"): _read(raw) for name, raw in stored.items()}
        return {name: state for name, state in states.items() if state.decision != "open"}

    def get(self, group: str) -> GroupState:
        """Return the state of a group."""
        raw = self._client.hget(self._key, group)
        return _read(raw) if raw else GroupState()

    def set(self, group: str, decision: Decision, who: str, read: GroupState, about: str = "") -> GroupState:
        """Set the state of a group that the caller has `read`, and return it. Raises StateChanged."""
        new = b""
        if decision != "open":
            now_ms = int(server_time(self._client, self._key) * 1000)
            new = msgspec.json.encode(_Stored(decision, who, now_ms, about[:ABOUT_CHARACTERS]))
        while True:
            done, present = self._scripts.run("set_group_state", self._key, group, read.raw, new, MOST)
            if done == 1:
                return _read(present) if present else GroupState()
            if done == 0:
                raise StateChanged(_read(present) if present else GroupState())
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        oldest = sorted(self._client.hgetall(self._key).items(), key=lambda item: _ms(item[1]))[:_FORGOTTEN]
        self._client.hdel(self._key, *(group for group, _ in oldest))


def _read(raw: bytes) -> GroupState:
    """Return a stored state; one that cannot be read counts as no decision, and may be replaced."""
    try:
        stored = _DECODE(raw)
    except ValueError:
        return GroupState(raw=raw)
    return GroupState(stored.state, stored.who, UnixTime.of_ms(stored.ms), stored.about, raw)


def _ms(raw: bytes) -> float:
    at = _read(raw).at
    return at or 0.0


_DECODE = msgspec.json.Decoder(_Stored).decode
