"""Record what operators do: every bulk or destructive action, beside the project's rows."""

import getpass
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

import msgspec
import orjson

from prelabel.json_record import JsonRecord
from prelabel.unix_time import UnixTime
from prelabel.wire import keys
from prelabel.wire.client import Client, server_time
from prelabel_worker.quarantine.pipelines import ask

KEPT = 1000
"""Maximum number of actions of one project; older ones are forgotten."""


@dataclass(frozen=True, slots=True)
class Action(JsonRecord):
    """One action of an operator."""

    json_fields = ("project_id", "account", "at", "action", "who", "details")

    #: The project's id; empty for an action on an account.
    project_id: str
    #: When it was recorded, by Redis's clock.
    at: UnixTime
    #: What was done, such as `retry`.
    action: str
    #: The name of the user, or of the token with which the console was used.
    who: str
    #: Filters, counts and options; never the content of a message.
    details: dict[str, Any]

    @property
    def account(self) -> str:
        """The account's name; empty for an action on a project."""
        return "" if self.project_id else str(self.details.get("account", ""))


class _Entry(msgspec.Struct):
    """An action in Redis; `at` is in ms."""

    at: int
    action: str
    who: str
    details: dict[str, Any]


class Actions:
    """The recorded actions of the projects in one Redis."""

    def __init__(self, client: Client, key_prefix: str = keys.DEFAULT_PREFIX, who: str = "") -> None:
        """`who` acts; by default the user who runs this process."""
        self._client = client
        self._prefix = key_prefix
        self._who = who or user()

    def record(self, project_id: str, action: str, details: dict[str, Any]) -> None:
        """Record an action on a project."""
        self._record(keys.ProjectKeys(self._prefix, project_id).actions, action, details)

    def record_account(self, account: str, action: str, details: dict[str, Any]) -> None:
        """Record an action on an account, which several projects may share."""
        self._record(keys.actions(self._prefix), f"account-{action}", {"account": account} | details)

    def record_group(self, group: str, action: str, details: dict[str, Any]) -> None:
        """Record an action on an error group, which spans projects."""
        self._record(keys.actions(self._prefix), f"group-{action}", {"group": group} | details)

    def last_with_accounts(self, limit: int = 50, account: str | None = None) -> list[Action]:
        """Return the newest actions on accounts, newest first, or those of them on one account."""
        last = self._last(keys.actions(self._prefix), "", limit)
        return [action for action in last if account in (None, action.account)]

    def _record(self, key: str, action: str, details: dict[str, Any]) -> None:
        entry = {
            "at": int(server_time(self._client, key) * 1000),
            "action": action,
            "who": self._who,
            "details": details,
        }
        with self._client.pipeline(transaction=True) as pipeline:
            pipeline.lpush(key, orjson.dumps(entry))
            pipeline.ltrim(key, 0, KEPT - 1)
            pipeline.execute()

    def last(self, project_id: str, limit: int = 50) -> list[Action]:
        """Return the actions on a project, newest first."""
        key = keys.ProjectKeys(self._prefix, project_id).actions
        return self._last(key, project_id, limit)

    def last_of(self, project_ids: Sequence[str], limit: int = 50) -> list[Action]:
        """Return the newest actions on each of these projects; a project whose keys are unusable has none."""

        def commands(pipeline: Any, project_id: str) -> None:
            pipeline.lrange(keys.ProjectKeys(self._prefix, project_id).actions, 0, limit - 1)

        answers = ask(self._client, project_ids, commands)
        read = [(project_id, lines) for project_id, (lines,) in answers if _is_list(lines)]
        return [action for project_id, lines in read for action in _actions(project_id, lines)]

    def _last(self, key: str, project_id: str, limit: int) -> list[Action]:
        return list(_actions(project_id, self._client.lrange(key, 0, limit - 1)))


def _actions(project_id: str, lines: Iterable[bytes]) -> Iterator[Action]:
    """Yield the actions that these lines are; leave out lines that somebody else has written."""
    for line in lines:
        try:
            entry = msgspec.json.decode(line, type=_Entry)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        yield Action(project_id, UnixTime.of_ms(entry.at), entry.action, entry.who, entry.details)


def _is_list(answer: Any) -> TypeGuard[list[bytes]]:
    """Return whether Redis has answered; else it is an error about the key."""
    return isinstance(answer, list)


def user() -> str:
    """Return the name of the user who runs this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "unknown"  # a container's user without a name
