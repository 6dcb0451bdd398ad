"""What an operator sees of an account and does to it: its rate, what stops it, pause and resume. In effect at once."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import redis

from prelabel.wire import keys
from prelabel.wire.client import Client, is_of_keys
from prelabel_worker.presence import announced
from prelabel_worker.quarantine.names import project_ids
from prelabel_worker.scripts import FOR_EVER_MS, Scripts
from prelabel_worker.settings import Settings


@dataclass(frozen=True, slots=True)
class Stop:
    """What keeps requests: `throttled` all, `paused` uploads, `refused` uploads with the key of that fingerprint."""

    kind: str
    why: str
    seconds: float
    fingerprint: str = ""

    @property
    def until(self) -> float:
        """Unix time."""
        return time.time() + self.seconds

    def as_json(self) -> dict[str, Any]:
        """For `account list --json`."""
        return {"kind": self.kind, "why": self.why, "until": self.until, "fingerprint": self.fingerprint or None}


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """One account. Rates are requests a minute: the `limit` the workers keep (0 while none has sent), and `rate` now.

    `used` is about the last minute's. `breaker` is `closed`, `open`, or `probing` while one request tries the service.
    """

    name: str
    limit: int = 0
    rate: int = 0
    used: int = 0
    breaker: str = "closed"
    breaker_seconds: float = 0.0
    failures: int = 0
    stops: tuple[Stop, ...] = ()
    projects: tuple[str, ...] = ()
    has_key: bool = False
    workers: tuple[str, ...] = ()

    @property
    def in_order(self) -> bool:
        """Whether nothing keeps its requests."""
        return not self.stops and self.breaker == "closed"

    def as_json(self) -> dict[str, Any]:
        """For `account list --json` and `status --json`."""
        return {
            "account": self.name,
            "limit": self.limit,
            "rate": self.rate,
            "used": self.used,
            "stops": [stop.as_json() for stop in self.stops],
            "breaker": self.breaker,
            "breakerSeconds": self.breaker_seconds,
            "failures": self.failures,
            "projects": list(self.projects),
            "hasKey": self.has_key,
            "workers": list(self.workers),
        }


class Accounts:
    """The accounts behind one Redis, as these settings name them."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self._client = client
        self._settings = settings
        self._scripts = Scripts(client)

    def all(self) -> list[AccountStatus]:
        """Those of the settings, of the workers and of the projects, by name."""
        announced, of_projects = self._announced(), self._of_projects()
        names = {self._settings.account, *self._settings.account_keys, *announced, *of_projects}
        return [self._status(name, of_projects.get(name, ()), announced.get(name, ())) for name in sorted(names)]

    def stops(self, name: str) -> list[Stop]:
        """What keeps requests of this account now."""
        return list(self._status(name).stops)

    def pause(self, name: str, why: str, seconds: float | None = None) -> None:
        """Stop the account's uploads, until `resume` or for so long; running imports go on being polled and settled."""
        ms = FOR_EVER_MS if seconds is None else int(seconds * 1000)
        self._scripts.run("stop_account", self._key(name), "paused", ms, why, "", 0)

    def resume(self, name: str) -> bool:
        """End whatever stops the account, and have what waits looked at now; whether anything stopped it."""
        stopped = bool(self._scripts.run("resume_account", self._key(name)))
        prefix = self._settings.key_prefix
        for project_id in self._projects():
            try:
                woken = self._scripts.run("wake", keys.project_root(prefix, project_id))
            except redis.ResponseError as error:
                if not is_of_keys(error):
                    raise
                continue  # `prelabel doctor` names it
            if woken:
                self._client.zadd(keys.projects(prefix), {project_id: 0}, xx=True, lt=True)
        return stopped

    def _status(self, name: str, projects: Iterable[str] = (), workers: Iterable[str] = ()) -> AccountStatus:
        limit, share, used, failures, openings, ms, probing, *stops = self._scripts.run("see_account", self._key(name))
        return AccountStatus(
            name=name,
            limit=limit,
            rate=round(limit * float(share)),
            used=used,
            breaker="closed" if not openings else "probing" if probing else "open",
            breaker_seconds=int(ms) / 1000,
            failures=failures,
            stops=tuple(
                Stop(kind.decode(), why.decode(), int(left) / 1000, print_.decode())
                for kind, left, why, print_ in zip(*(stops[at::4] for at in range(4)), strict=True)
            ),
            projects=tuple(sorted(projects)),
            has_key=name in self._settings.accounts,
            workers=tuple(sorted(workers)),
        )

    def _announced(self) -> dict[str, list[str]]:
        """Account → the workers that say they have a key for it."""
        found: dict[str, list[str]] = {}
        for worker, presence in announced(self._client, self._settings.key_prefix).items():
            for name in presence.accounts:
                found.setdefault(name, []).append(worker)
        return found

    def _of_projects(self) -> dict[str, list[str]]:
        """Account → the projects whose uploads it pays for."""
        found: dict[str, list[str]] = {}
        for project_id in self._projects():
            project_keys = keys.ProjectKeys(self._settings.key_prefix, project_id)
            try:
                name = self._client.hget(project_keys.overrides, "account")
            except redis.ResponseError as error:
                if not is_of_keys(error):
                    raise
                name = None
            account = name.decode("utf-8", "backslashreplace") if name else self._settings.account
            found.setdefault(account, []).append(project_id)
        return found

    def _projects(self) -> list[str]:
        names = self._client.zrange(keys.projects(self._settings.key_prefix), 0, -1)
        return project_ids(names)

    def _key(self, name: str) -> str:
        return keys.account(self._settings.key_prefix, name)
