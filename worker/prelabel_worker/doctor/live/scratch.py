"""Imports in the user's scratch project: each is known by its name before it is sent, and deleted at the end."""

import secrets
import time
from collections import defaultdict
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import orjson

from prelabel.errors import PrelabelError
from prelabel_worker.accounts.pacing import Pacer
from prelabel_worker.labelbox.client import Labelbox
from prelabel_worker.labelbox.errors import FileGone, OutcomeUnknown, RequestError, Unavailable
from prelabel_worker.labelbox.types import Import, ImportName

PREFIX = "prelabel-doctor"
_FIRST_LOOK_SECONDS = 0.2
_LOOK_SECONDS = 5.0
_CLEAN_SECONDS = 30.0
_MOST_LINES = 100


class StillRunning(PrelabelError):
    """An import did not end in time."""


class Scratch:
    """Makes imports whose names begin `prelabel-doctor-<random>`; leaving the block deletes them all.

    An upload whose answer is lost may take effect for `server_limit_seconds`: so long its name is looked for.
    """

    def __init__(
        self,
        labelbox: Labelbox,
        pacer: Pacer,
        project_id: str,
        *,
        wait_seconds: float,
        server_limit_seconds: float,
    ) -> None:
        self.labelbox = labelbox
        self.pacer = pacer
        self.project_id = project_id
        self._wait_seconds = wait_seconds
        self._limit_seconds = server_limit_seconds
        self._token = secrets.token_hex(6)
        self._names: dict[str, float] = {}  # until when an import of this name may still appear
        self._ids: defaultdict[str, list[str]] = defaultdict(list)
        self.deleted = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clean()

    @property
    def remaining(self) -> list[str]:
        """The names of imports that are not known to be gone."""
        return list(self._names)

    def name(self, step: str) -> str:
        """An import's name for one step."""
        return f"{PREFIX}-{self._token}-{step}"

    def make(self, name: str, content: bytes, *, declared: int | None = None) -> Import:
        """Upload a file. Raises RequestError."""
        self.pacer.wait()
        self._names[name] = time.monotonic() + self._limit_seconds  # before it is sent: it may be interrupted
        try:
            created = self.labelbox.create_import(self.project_id, name, [content], lambda: True, declared=declared)
        except OutcomeUnknown:
            self._names[name] = time.monotonic() + self._limit_seconds
            raise
        except RequestError:
            self._names[name] = 0.0  # refused: nothing will appear; an earlier import of the name may be there
            raise
        self._names[name] = 0.0
        self._ids[name].append(created.id)
        return created

    def find(self, name: str) -> Import | None:
        """Look an import up. Raises RequestError."""
        self.pacer.wait()
        return self.labelbox.find_imports([ImportName(self.project_id, name)])[0]

    def ended(self, name: str) -> Import:
        """The import when it no longer runs. Raises StillRunning at the deadline, RequestError."""
        deadline = time.monotonic() + self._wait_seconds
        wait = _FIRST_LOOK_SECONDS
        while True:
            found = self.find(name)
            if found is not None and found.state != "RUNNING":
                return found
            if time.monotonic() + wait > deadline:
                state = "not found" if found is None else "still RUNNING"
                raise StillRunning(f"{state} after {self._wait_seconds:g} s")
            time.sleep(wait)
            wait = min(wait * 1.5, _LOOK_SECONDS)

    def lines(self, url: str) -> list[dict[str, Any]]:
        """The objects in a status or error file, the first hundred. Raises RequestError or FileGone."""
        found: list[dict[str, Any]] = []
        if not url:
            raise FileGone("no file is named")
        for line in self.labelbox.lines(url):
            try:
                value = orjson.loads(line)
            except orjson.JSONDecodeError:
                value = None
            found.append(value if isinstance(value, dict) else {})
            if len(found) == _MOST_LINES:
                break
        return found

    def clean(self) -> list[str]:
        """Delete every import that was made, and look whether it is gone; the names of those that may be left."""
        give_up = time.monotonic() + _CLEAN_SECONDS
        for name, may_appear_until in list(self._names.items()):
            if self._clean(name, may_appear_until, max(give_up, may_appear_until + _LOOK_SECONDS)):
                del self._names[name]
        return self.remaining

    def _clean(self, name: str, may_appear_until: float, give_up: float) -> bool:
        wait = _FIRST_LOOK_SECONDS
        while True:
            try:
                if self._delete(name) and time.monotonic() >= may_appear_until:
                    return True
            except RequestError:
                pass  # tried again: what is left behind is worse than a late answer
            if time.monotonic() > give_up:
                return False
            time.sleep(wait)
            wait = min(wait * 1.5, _LOOK_SECONDS)

    def _delete(self, name: str) -> bool:
        """Delete what is known of a name, then what the look-up finds; True when that is nothing.

        Raises RequestError.
        """
        ids = self._ids[name]
        while ids:
            self._delete_one(ids[-1])
            ids.pop()
        self._wait_to_delete()
        found = self.labelbox.find_imports([ImportName(self.project_id, name)])[0]
        if found is not None:
            self._delete_one(found.id)
        return found is None

    def _wait_to_delete(self) -> None:
        """Without a Redis that counts requests the few of deleting go all the same."""
        with suppress(Unavailable):
            self.pacer.wait()

    def _delete_one(self, import_id: str) -> None:
        self._wait_to_delete()
        self.deleted += self.labelbox.delete_import(import_id)
