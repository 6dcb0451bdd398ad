"""What operators did: every bulk or destructive action is recorded beside the project's rows."""

import getpass
import time
from dataclasses import dataclass
from typing import Any

import orjson

from prelabel.wire import keys
from prelabel.wire.client import Client

KEPT = 1000
"""Actions of one project; older ones are forgotten."""


@dataclass(frozen=True, slots=True)
class Action:
    """One action. `at_ms` is this machine's clock; `details` never hold a message."""

    project_id: str
    at_ms: int
    action: str
    who: str
    details: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """For `dead log --json`."""
        return {
            "projectId": self.project_id,
            "at": self.at_ms,
            "action": self.action,
            "who": self.who,
            "details": self.details,
        }


class Actions:
    """The recorded actions of the projects behind one Redis."""

    def __init__(self, client: Client, key_prefix: str = keys.DEFAULT_PREFIX) -> None:
        self._client = client
        self._prefix = key_prefix

    def record(self, project_id: str, action: str, details: dict[str, Any]) -> None:
        """Note what the user of this process did."""
        self._record(keys.ProjectKeys(self._prefix, project_id).actions, action, details)

    def record_account(self, account: str, action: str, details: dict[str, Any]) -> None:
        """The same with an account, which is no project's alone."""
        self._record(keys.actions(self._prefix), f"account-{action}", {"account": account} | details)

    def last_with_accounts(self, limit: int = 50) -> list[Action]:
        """The newest actions first; they name no project."""
        return self._last(keys.actions(self._prefix), "", limit)

    def _record(self, key: str, action: str, details: dict[str, Any]) -> None:
        entry = {"at": int(time.time() * 1000), "action": action, "who": user(), "details": details}
        with self._client.pipeline(transaction=True) as pipeline:
            pipeline.lpush(key, orjson.dumps(entry))
            pipeline.ltrim(key, 0, KEPT - 1)
            pipeline.execute()

    def last(self, project_id: str, limit: int = 50) -> list[Action]:
        """The newest actions first."""
        key = keys.ProjectKeys(self._prefix, project_id).actions
        return self._last(key, project_id, limit)

    def _last(self, key: str, project_id: str, limit: int) -> list[Action]:
        entries = [orjson.loads(line) for line in self._client.lrange(key, 0, limit - 1)]
        return [Action(project_id, each["at"], each["action"], each["who"], each["details"]) for each in entries]


def user() -> str:
    """Who runs this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "unknown"  # a container's user without a name
