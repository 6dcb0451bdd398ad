"""Bulk actions that a console carries out: their progress in Redis, so that every console shows them.

An action that has shown no sign of life for a while is interrupted: the console that ran it has ended.
"""

from dataclasses import dataclass
from typing import Literal

import msgspec

from prelabel.errors import PrelabelError
from prelabel.ids import uuid7
from prelabel.json_record import JsonRecord
from prelabel.unix_time import UnixTime
from prelabel.wire import keys
from prelabel.wire.client import Client, server_time
from prelabel_worker.dead_letters.store import BulkResult
from prelabel_worker.scripts import Scripts

SILENT_SECONDS = 20.0
"""Seconds without a sign of life after which an action counts as interrupted."""
KEPT = 200
"""Maximum number of actions that are remembered."""
AT_ONCE = 20
"""Maximum number of actions in progress, in all consoles together."""
_ABORT = "abort:"

Verb = Literal["retry", "discard"]
Ended = Literal["done", "aborted", "failed"]
State = Literal["running", Ended]
Progress = Literal[State, "interrupted"]


class _Stored(msgspec.Struct, rename="camel"):
    """An action in Redis; times in ms, by Redis's clock."""

    id: str
    name: str
    verb: Verb
    who: str
    scope: str
    matching: int
    state: State = "running"
    matched: int = 0
    done: int = 0
    skipped: int = 0
    rows: int = 0
    projects: int = 0
    projects_done: int = 0
    problem: str = ""
    started_ms: int = 0
    updated_ms: int = 0


@dataclass(frozen=True, slots=True)
class BulkAction(JsonRecord):
    """A bulk action, and how far it is."""

    #: Its id; ids sort by time.
    id: str
    #: What it does, for people, such as `retry group 0a1b2c with Persn → Person`.
    name: str
    #: What it does with the dead letters.
    verb: Verb
    #: Who began it.
    who: str
    #: What it acts on: two actions in progress never have the same scope.
    scope: str
    #: How many dead letters matched when it began.
    matching: int
    #: How it stands.
    state: Progress
    #: What it has done so far.
    result: BulkResult
    #: How many projects it acts on.
    projects: int
    #: How many projects it is through with.
    projects_done: int
    #: Why it failed; empty if it did not.
    problem: str
    #: When it began.
    started_at: UnixTime
    #: When it last showed a sign of life.
    updated_at: UnixTime
    #: Who asked to abort it; empty if nobody did.
    aborted_by: str = ""

    @property
    def share(self) -> float:
        """How much of it is done, from 0 to 1."""
        if self.state == "done":
            return 1.0
        return min(1.0, self.result.matched / self.matching) if self.matching else 0.0


class AlreadyRunning(PrelabelError):
    """An action on the same dead letters is in progress: `action`."""

    def __init__(self, action: BulkAction) -> None:
        self.action = action
        super().__init__(f"{action.who} is already running “{action.name}”")


class TooMany(PrelabelError):
    """Too many bulk actions are in progress."""


class BulkLog:
    """The bulk actions of one installation."""

    def __init__(self, client: Client, key_prefix: str = keys.DEFAULT_PREFIX) -> None:
        self._client = client
        self._key = keys.bulk_actions(key_prefix)
        self._scripts = Scripts(client)

    def begin(self, *, name: str, verb: Verb, who: str, scope: str, matching: int, projects: int) -> BulkAction:
        """Record an action that begins. Raises AlreadyRunning and TooMany."""
        stored = _Stored(uuid7().hex(), name, verb, who, scope, matching, projects=projects)
        limits = (int(SILENT_SECONDS * 1000), KEPT, AT_ONCE)
        begun, raw = self._scripts.run("begin_bulk", self._key, stored.id, msgspec.json.encode(stored), *limits)
        if begun == -1:
            raise TooMany(f"{AT_ONCE} bulk actions are in progress: wait for one of them, or abort one")
        action = _action(raw, None, 0)
        if begun == 0:
            raise AlreadyRunning(action)
        return action

    def update(self, action: BulkAction, result: BulkResult, projects_done: int) -> str:
        """Record how far an action is; return who asked to abort it, or an empty text."""
        self._put(action, result, projects_done, "running")
        asked = self._client.hget(self._key, _ABORT + action.id)
        return asked.decode(errors="replace") if asked else ""

    def end(self, action: BulkAction, result: BulkResult, projects_done: int, state: Ended, problem: str = "") -> None:
        """Record that an action has ended, and why if it failed."""
        self._put(action, result, projects_done, state, problem[:300])

    def _put(
        self,
        action: BulkAction,
        result: BulkResult,
        projects_done: int,
        state: State,
        problem: str = "",
    ) -> None:
        stored = _Stored(
            id=action.id,
            name=action.name,
            verb=action.verb,
            who=action.who,
            scope=action.scope,
            matching=action.matching,
            state=state,
            matched=result.matched,
            done=result.done,
            skipped=result.skipped,
            rows=result.rows,
            projects=action.projects,
            projects_done=projects_done,
            problem=problem,
            started_ms=action.started_at.ms,
            updated_ms=self._now_ms(),
        )
        self._client.hset(self._key, action.id, msgspec.json.encode(stored))

    def abort(self, action_id: str, who: str) -> None:
        """Ask an action to end after its present slice."""
        if self.get(action_id) is not None:
            self._client.hset(self._key, _ABORT + action_id, who)

    def get(self, action_id: str) -> BulkAction | None:
        """Return an action by its id; None if none is known."""
        raw, asked = self._client.hmget(self._key, [action_id, _ABORT + action_id])
        return _action(raw, asked, self._now_ms()) if raw and not action_id.startswith(_ABORT) else None

    def all(self) -> list[BulkAction]:
        """Return the actions that are remembered, newest first."""
        entries = {name.decode(): raw for name, raw in self._client.hgetall(self._key).items()}
        now_ms = self._now_ms()
        actions = [
            _action(raw, entries.get(_ABORT + name), now_ms)
            for name, raw in entries.items()
            if not name.startswith(_ABORT)
        ]
        return sorted(actions, key=lambda action: (action.started_at, action.id), reverse=True)

    def running(self, scope: str) -> BulkAction | None:
        """Return the action in progress with this scope; None if there is none."""
        return next((action for action in self.all() if action.state == "running" and action.scope == scope), None)

    def _now_ms(self) -> int:
        return int(server_time(self._client, self._key) * 1000)


_DECODE = msgspec.json.Decoder(_Stored).decode


def _action(raw: bytes, asked_by: bytes | None, now_ms: int) -> BulkAction:
    stored = _DECODE(raw)
    silent = stored.state == "running" and now_ms - stored.updated_ms > SILENT_SECONDS * 1000
    return BulkAction(
        id=stored.id,
        name=stored.name,
        verb=stored.verb,
        who=stored.who,
        scope=stored.scope,
        matching=stored.matching,
        state="interrupted" if silent else stored.state,
        result=BulkResult(stored.matched, stored.done, stored.skipped, stored.rows),
        projects=stored.projects,
        projects_done=stored.projects_done,
        problem=stored.problem,
        started_at=UnixTime.of_ms(stored.started_ms),
        updated_at=UnixTime.of_ms(stored.updated_ms),
        aborted_by=(asked_by or b"").decode(errors="replace"),
    )
