"""The one place that pauses a project's uploads or stops an account's requests: for stages, the limiter and commands.

A pause outlives the process that made it. Only uploads pause; imports that run are still polled and settled.
"""

import time
from typing import Literal

from prelabel.unix_time import UnixTime
from prelabel.wire import keys
from prelabel.wire.client import Client
from prelabel_worker.scripts import Scripts

StopKind = Literal["throttled", "paused", "refused"]
"""`throttled` stops all requests of an account, `paused` its uploads, `refused` its uploads with one API key."""
PauseCause = Literal["operator", "unknown-project", "forbidden", "no-key", "refused-files"]
"""What pauses a project: a person; Labelbox, which does not know the project, gives the key no right to it, or refuses
every file; or workers without a key for its account."""
_UNTIL_RESUMED_MS = 100 * 366 * 86_400_000


class Pauses:
    """Pauses projects and stops accounts in one Redis. A later pause never shortens an earlier one."""

    def __init__(self, client: Client, key_prefix: str = keys.DEFAULT_PREFIX) -> None:
        self._scripts = Scripts(client)
        self._prefix = key_prefix

    def pause_project(
        self, project_id: str, why: str, seconds: float | None = None, *, cause: PauseCause = "operator"
    ) -> None:
        """Pause the project's uploads for this many seconds; without `seconds`, until somebody resumes it."""
        self._scripts.run("pause", keys.project_root(self._prefix, project_id), _milliseconds(seconds), why, cause)

    def stop_account(
        self,
        account: str,
        why: str,
        seconds: float | None = None,
        *,
        kind: StopKind = "paused",
        refused_key: str = "",
        lower_rate: bool = False,
    ) -> bool:
        """Stop the account's requests; return whether nothing stopped them in this way before.

        `refused_key` is the fingerprint of the API key that a `refused` account was used with; `lower_rate` makes all
        workers send less often afterwards.
        """
        key, stop_ms = keys.account(self._prefix, account), _milliseconds(seconds)
        return bool(self._scripts.run("stop_account", key, kind, stop_ms, why, refused_key, int(lower_rate)))


def end_of(seconds: float) -> UnixTime | None:
    """Return when a pause of this many seconds from now ends; None if it lasts until somebody ends it."""
    return UnixTime(time.time() + seconds) if has_end(seconds) else None


def has_end(seconds: float) -> bool:
    """Return whether a pause that lasts for this many seconds from now ends before somebody resumes it."""
    return seconds * 1000 < _UNTIL_RESUMED_MS / 2


def _milliseconds(seconds: float | None) -> int:
    return _UNTIL_RESUMED_MS if seconds is None else int(min(seconds * 1000, _UNTIL_RESUMED_MS))
