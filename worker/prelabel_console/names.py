"""The names of projects at Labelbox, which Redis remembers for all consoles for a day.

A thread asks for names that pages have shown without one: some projects in a request, under the account's budget as
any other. Where there is no key, or Labelbox does not answer, pages show ids alone.
"""

import threading
import time
from collections.abc import Sequence
from contextlib import closing

import msgspec
import redis
import structlog

from prelabel.errors import PrelabelError
from prelabel.wire import keys
from prelabel.wire.client import Client
from prelabel_worker.accounts.connection import open_labelbox, permits_of
from prelabel_worker.accounts.pacing import Pacer
from prelabel_worker.labelbox.client import Labelbox
from prelabel_worker.labelbox.errors import Forbidden, ProjectGone, QueryRefused, RequestError
from prelabel_worker.queries.status import Inspector
from prelabel_worker.settings import Settings

REMEMBERED_SECONDS = 86_400.0
"""Seconds after which Labelbox is asked again for a name."""
TOGETHER = 20
"""Maximum projects in one request."""
_READ_SECONDS = 60.0
_REST_SECONDS = 2.0
_FAILED_SECONDS = 300.0
_ANSWER_SECONDS = 10.0
_WANTED = 2000
_log = structlog.get_logger(__name__)


class StoredName(msgspec.Struct, frozen=True):
    """A name as Redis remembers it."""

    #: The project's name; empty if Labelbox does not know the project.
    name: str
    #: When Labelbox was asked, as Unix time in seconds.
    at: float


class ProjectNames:
    """The names of projects. Thread-safe. The thread starts with the first name that is missing."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self._client = client
        self._settings = settings
        self._key = keys.project_names(settings.key_prefix)
        self._lock = threading.Lock()
        self._stored: dict[str, StoredName] = {}
        self._read_at: float | None = None
        self._wanted: dict[str, None] = {}
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def of(self, project_id: str) -> str:
        """Return the name of a project; empty while it is not known. Has it asked for soon if it is not fresh."""
        self._read()
        stored = self._stored.get(project_id)
        if stored is None or time.time() - stored.at > REMEMBERED_SECONDS:
            self._want(project_id)
        return stored.name if stored else ""

    def known(self, project_id: str) -> str:
        """Return the name of a project; empty if it is not known. Asks nobody."""
        self._read()
        stored = self._stored.get(project_id)
        return stored.name if stored else ""

    def stop(self) -> None:
        """End the thread that asks Labelbox."""
        self._stopping.set()

    def _read(self) -> None:
        """Read what Redis remembers, if the last time was a while ago."""
        with self._lock:
            if self._read_at is not None and time.monotonic() < self._read_at + _READ_SECONDS:
                return
            try:
                stored = self._client.hgetall(self._key)
            except redis.RedisError:
                return  # ids alone, then
            self._read_at = time.monotonic()
            self._stored = {name.decode("utf-8", "replace"): _stored(value) for name, value in stored.items()}

    def _want(self, project_id: str) -> None:
        if not self._settings.accounts:
            return
        with self._lock:
            if len(self._wanted) < _WANTED:
                self._wanted[project_id] = None
            if self._thread is None and not self._stopping.is_set():
                self._thread = threading.Thread(target=self._run, name="project-names", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        """Ask for the names that are wanted, until `stop`."""
        rest = 0.0
        while not self._stopping.wait(rest):
            rest = _REST_SECONDS
            wanted = self._take()
            try:
                for account, project_ids in self._by_account(wanted).items():
                    self._ask(account, project_ids)
            except (PrelabelError, redis.RedisError, TimeoutError) as error:
                rest = _FAILED_SECONDS
                _log.info("console.names_unknown", error=type(error).__name__)

    def _take(self) -> list[str]:
        with self._lock:
            taken = list(self._wanted)[:TOGETHER]
            for project_id in taken:
                del self._wanted[project_id]
            return taken

    def _by_account(self, project_ids: Sequence[str]) -> dict[str, list[str]]:
        """Return account → the projects that it can be asked about; without those whose account has no key here."""
        inspector = Inspector(self._client, self._settings.key_prefix)
        by_account: dict[str, list[str]] = {}
        for project_id in project_ids:
            account = inspector.overrides(project_id).get("account") or self._settings.account
            if account in self._settings.accounts:
                by_account.setdefault(account, []).append(project_id)
        return by_account

    def _ask(self, account: str, project_ids: Sequence[str]) -> None:
        """Ask Labelbox for these names and remember them. Raises RequestError, ConfigurationError."""
        pacer = Pacer(permits_of(self._client, self._settings, account))
        with closing(open_labelbox(self._settings, account, _ANSWER_SECONDS)) as labelbox:
            names = _names(labelbox, pacer, project_ids)
        asked = {
            project_id: StoredName(name or "", time.time()) for project_id, name in zip(project_ids, names, strict=True)
        }
        self._client.hset(self._key, mapping={name: msgspec.json.encode(stored) for name, stored in asked.items()})
        with self._lock:
            self._stored = {**self._stored, **asked}


def _names(labelbox: Labelbox, pacer: Pacer, project_ids: Sequence[str]) -> list[str | None]:
    """Return the names; if a project is at fault, the others' are asked for apart from it. Raises RequestError."""
    pacer.wait()
    try:
        return labelbox.project_names(project_ids)
    except (Forbidden, ProjectGone, QueryRefused):
        if len(project_ids) == 1:
            return [None]
    except RequestError as error:
        pacer.tell(error)
        raise
    middle = len(project_ids) // 2
    return [name for part in (project_ids[:middle], project_ids[middle:]) for name in _names(labelbox, pacer, part)]


def _stored(value: bytes) -> StoredName:
    try:
        return msgspec.json.decode(value, type=StoredName)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return StoredName("", 0.0)
