"""Make imports in the user's scratch project: note each name before the upload, and delete them all at the end."""

import secrets
import time
from collections import defaultdict
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import orjson

from prelabel.errors import PrelabelError
from prelabel_worker.accounts.pacing import Pacer
from prelabel_worker.accounts.repeating import growing_waits
from prelabel_worker.labelbox.client import Labelbox
from prelabel_worker.labelbox.errors import FileGone, OutcomeUnknown, RequestError, Unavailable
from prelabel_worker.labelbox.types import Import, ImportName

PREFIX = "prelabel-doctor"
_FIRST_LOOK_SECONDS = 0.2
_LOOK_SECONDS = 5.0
_CLEAN_SECONDS = 30.0
_MAX_LINES = 100


class StillRunning(PrelabelError):
    """An import did not end in time."""


class Scratch:
    """Makes imports whose names begin `prelabel-doctor-<random>`; leaving the block deletes them all.

    An upload whose answer is lost may take effect for `server_limit_seconds`: its name is looked up for that long.
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
        """Return the names of imports that may still be there."""
        return list(self._names)

    def name(self, step: str) -> str:
        """Return the name of one step's import."""
        return f"{PREFIX}-{self._token}-{step}"

    def make(self, name: str, content: bytes, *, declared: int | None = None) -> Import:
        """Upload a file. Raises RequestError."""
        self.pacer.wait()
        self._names[name] = time.monotonic() + self._limit_seconds  # noted before the upload, which may be interrupted
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
        """Wait until an import no longer runs, and return it. Raises StillRunning at the deadline, RequestError."""
        deadline = time.monotonic() + self._wait_seconds
        waits = growing_waits(_FIRST_LOOK_SECONDS, _LOOK_SECONDS)
        while True:
            job = self.find(name)
            if job is not None and job.state != "RUNNING":
                return job
            wait = next(waits)
            if time.monotonic() + wait > deadline:
                state = "not found" if job is None else "still RUNNING"
                raise StillRunning(f"{state} after {self._wait_seconds:g} s")
            time.sleep(wait)

    def lines(self, url: str) -> list[dict[str, Any]]:
        """Return the first hundred objects in a status or error file. Raises RequestError or FileGone."""
        values: list[dict[str, Any]] = []
        if not url:
            raise FileGone("no file is named")
        for line in self.labelbox.lines(url):
            try:
                value = orjson.loads(line)
            except orjson.JSONDecodeError:
                value = None
            values.append(value if isinstance(value, dict) else {})
            if len(values) == _MAX_LINES:
                break
        return values

    def clean(self) -> list[str]:
        """Delete every import that was made and check that it is gone; return the names of those that may remain."""
        give_up = time.monotonic() + _CLEAN_SECONDS
        for name, may_appear_until in list(self._names.items()):
            if self._clean(name, may_appear_until, max(give_up, may_appear_until + _LOOK_SECONDS)):
                del self._names[name]
        return self.remaining

    def _clean(self, name: str, may_appear_until: float, give_up: float) -> bool:
        waits = growing_waits(_FIRST_LOOK_SECONDS, _LOOK_SECONDS)
        while True:
            try:
                if self._delete(name) and time.monotonic() >= may_appear_until:
                    return True
            except RequestError:
                pass  # tried again: an import that remains is worse than a command that takes longer
            if time.monotonic() > give_up:
                return False
            time.sleep(next(waits))

    def _delete(self, name: str) -> bool:
        """Delete the imports known by a name, then the one that the look-up finds; return whether it found none.

        Raises RequestError.
        """
        ids = self._ids[name]
        while ids:
            self._delete_one(ids[-1])
            ids.pop()
        self._wait_to_delete()
        job = self.labelbox.find_imports([ImportName(self.project_id, name)])[0]
        if job is not None:
            self._delete_one(job.id)
        return job is None

    def _wait_to_delete(self) -> None:
        """Wait for a permit; if Redis cannot count requests, the few that delete are sent anyway."""
        with suppress(Unavailable):
            self.pacer.wait()

    def _delete_one(self, import_id: str) -> None:
        self._wait_to_delete()
        self.deleted += self.labelbox.delete_import(import_id)
