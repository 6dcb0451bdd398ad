"""The accounts as operators see and resume them: rate, stops, who has a key. Changes take effect at once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import redis

from prelabel.json_record import JsonRecord
from prelabel.unix_time import UnixTime
from prelabel.wire import keys
from prelabel.wire.client import Client, is_of_keys
from prelabel_worker.accounts.pauses import end_of
from prelabel_worker.presence import living
from prelabel_worker.quarantine.names import project_ids
from prelabel_worker.quarantine.pipelines import ask
from prelabel_worker.scripts import Scripts
from prelabel_worker.settings import Settings


@dataclass(frozen=True, slots=True)
class Stop(JsonRecord):
    """What stops requests of an account.

    `throttled` stops all of them. `paused` and `refused` stop uploads and commands, not polls and look-ups of imports;
    `refused` only stops those with the key of `fingerprint`.
    """

    json_fields = ("kind", "why", "until", "fingerprint")

    kind: str
    why: str
    #: Seconds until the stop ends by itself; about a hundred years if somebody must resume the account.
    seconds: float
    #: The fingerprint of the refused key; None for other stops.
    fingerprint: str | None = None

    @property
    def until(self) -> UnixTime | None:
        """When the stop ends by itself; None if somebody must resume the account."""
        return end_of(self.seconds)


@dataclass(frozen=True, slots=True)
class AccountStatus(JsonRecord):
    """One account: its request budget, what stops it, and who uses it."""

    json_names: ClassVar = {"name": "account"}

    #: The account's name.
    name: str
    #: Maximum requests a minute by the workers' settings; 0 until a worker has asked for a permit.
    limit: int = 0
    #: Maximum requests a minute now; below `limit` after Labelbox asked to slow down.
    rate: int = 0
    #: Requests sent in about the last minute.
    used: int = 0
    #: What stops requests, if anything does.
    stops: tuple[Stop, ...] = ()
    #: `closed`, `open`, or `probing` while one request tries the service.
    breaker: str = "closed"
    #: Seconds for which the breaker stays open.
    breaker_seconds: float = 0.0
    #: Failures of the service in a row.
    failures: int = 0
    #: The projects whose uploads it pays for, by id.
    projects: tuple[str, ...] = ()
    #: Whether the settings of this process have its key.
    has_key: bool = False
    #: The living workers that have its key, by name.
    workers: tuple[str, ...] = ()
    #: Fingerprint of a key → the living workers that use it, by name.
    keys: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def in_order(self) -> bool:
        """Return whether nothing stops its requests."""
        return not self.stops and self.breaker == "closed"


class Accounts:
    """The accounts that are named by the settings, or by workers and projects in one Redis."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self._client = client
        self._settings = settings
        self._scripts = Scripts(client)

    def all(self) -> list[AccountStatus]:
        """Return the accounts of the settings, the workers and the projects, by name."""
        return self.of(self._of_projects())

    def of(self, of_projects: Mapping[str, Sequence[str]]) -> list[AccountStatus]:
        """Return the same as `all`, for a caller that knows the projects of each account."""
        of_workers = self._of_workers()
        names = {self._settings.account, *self._settings.accounts, *of_workers, *of_projects}
        return [self._status(name, of_projects.get(name, ()), of_workers.get(name)) for name in sorted(names)]

    def stops(self, name: str) -> list[Stop]:
        """Return what stops requests of this account now."""
        return list(self._status(name).stops)

    def resume(self, name: str) -> bool:
        """End all stops of the account and make waiting chunks due; return whether anything stopped it."""
        stopped = bool(self._scripts.run("resume_account", self._key(name)))
        prefix = self._settings.key_prefix
        for project_id in self._projects():
            try:
                woken = self._scripts.run("wake", keys.project_root(prefix, project_id))
            except redis.ResponseError as error:
                if not is_of_keys(error):
                    raise
                continue  # an unreadable project, which `prelabel doctor` reports
            if woken:
                self._client.zadd(keys.projects(prefix), {project_id: 0}, xx=True, lt=True)
        return stopped

    def _status(
        self, name: str, projects: Iterable[str] = (), workers: Mapping[str, str] | None = None
    ) -> AccountStatus:
        """Read an account; `workers` are those that have its key, with the key's fingerprint ('' if it is unknown)."""
        users: dict[str, list[str]] = {}
        for worker, key in sorted((workers or {}).items()):
            users.setdefault(key, []).append(worker)
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
                Stop(kind.decode(), why.decode(), int(ms_left) / 1000, fingerprint.decode() or None)
                for kind, ms_left, why, fingerprint in zip(*(stops[at::4] for at in range(4)), strict=True)
            ),
            projects=tuple(sorted(projects)),
            has_key=name in self._settings.accounts,
            workers=tuple(sorted(workers or ())),
            keys={key: users[key] for key in sorted(users) if key},
        )

    def _of_workers(self) -> dict[str, dict[str, str]]:
        """Return account → the living workers that announce a key for it, with its fingerprint."""
        by_account: dict[str, dict[str, str]] = {}
        for worker in living(self._client, self._settings.key_prefix):
            for name in worker.accounts:
                by_account.setdefault(name, {})[worker.label] = worker.fingerprints.get(name, "")
        return by_account

    def _of_projects(self) -> dict[str, list[str]]:
        """Return account → the projects whose uploads it pays for."""

        def commands(pipeline: Any, project_id: str) -> None:
            pipeline.hget(keys.ProjectKeys(self._settings.key_prefix, project_id).overrides, "account")

        by_account: dict[str, list[str]] = {}
        for project_id, (name,) in ask(self._client, self._projects(), commands):
            if isinstance(name, redis.RedisError) and not is_of_keys(name):
                raise name
            named = isinstance(name, bytes) and name
            account = name.decode("utf-8", "backslashreplace") if named else self._settings.account
            by_account.setdefault(account, []).append(project_id)
        return by_account

    def _projects(self) -> list[str]:
        names = self._client.zrange(keys.projects(self._settings.key_prefix), 0, -1)
        return project_ids(names)

    def _key(self, name: str) -> str:
        return keys.account(self._settings.key_prefix, name)
