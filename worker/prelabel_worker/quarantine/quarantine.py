"""Projects whose keys cannot be used: remembered with the reason until no such error occurs any more.

A quarantined project costs the others nothing: the tick looks at it once a minute. It ends by itself minutes after
the last error, or with `prelabel project forget`.
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import orjson
import redis
import structlog
import zstandard

from prelabel.json_record import JsonRecord
from prelabel.wire import keys
from prelabel.wire.client import Client, is_of_keys, words_of
from prelabel_worker.errors import ProjectUnreadable
from prelabel_worker.quarantine.names import project_id, shortened

LOOK_AGAIN_SECONDS = 60.0
"""A project whose timers cannot be read is looked at this often."""
MAX_PROJECTS = 1000
"""Projects that are remembered; any more are put off as well, and not shown by name."""
ENDS_AFTER_SECONDS = 5 * LOOK_AGAIN_SECONDS
"""After this long without an error, a project is released."""
_GARBAGE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, MemoryError, struct.error)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Quarantined(JsonRecord):
    """A project whose keys cannot be used, as of the last error."""

    json_fields = ("project_id", "stage", "detail")

    #: The project's id.
    project_id: str
    #: Where the error occurred: `tick`, a stage, or `read` by a command.
    stage: str
    #: What Redis answered, or which kind of error the value led to; never the value.
    detail: str
    #: Unix time of the last error, in ms; 0 when a command has just met it.
    at_ms: int = 0


def problem_of(error: Exception, *, values: bool = True) -> str | None:
    """Return what is wrong with a project's keys; None when the error says nothing about them.

    With `values`, an error of Python while a value was read counts too: only where nothing but reading can fail.
    """
    if isinstance(error, ProjectUnreadable):
        return error.problem
    if isinstance(error, redis.RedisError):
        return words_of(error) if is_of_keys(error) else None
    if values and isinstance(error, (*_GARBAGE, zstandard.ZstdError)):
        # Its text may quote the value, which is a payload.
        return f"a value of the project cannot be read ({type(error).__name__})"
    return None


@contextmanager
def readable(project_id: str) -> Iterator[None]:
    """Read or work on the keys of one project. Raises ProjectUnreadable for what is wrong with them alone.

    Anything else that can fail is raised as it is: it says nothing about the project.
    """
    try:
        yield
    except Exception as error:
        problem = problem_of(error)
        if problem is None:
            raise
        raise ProjectUnreadable(project_id, problem) from None


class Quarantine:
    """The quarantined projects behind one Redis."""

    def __init__(self, client: Client, key_prefix: str = keys.DEFAULT_PREFIX) -> None:
        self._client = client
        self._key = keys.quarantine(key_prefix)

    def remember(self, project: str, stage: str, detail: str) -> None:
        """Record that the project's keys cannot be used; report it the first time."""
        if project_id(project.encode()) is None:
            return
        seconds, micros = self._client.time()
        entry = {"ms": seconds * 1000 + micros // 1000, "stage": stage, "detail": detail}
        known = self._client.hexists(self._key, project)
        if not known and self._client.hlen(self._key) >= MAX_PROJECTS:
            return
        if self._client.hset(self._key, project, orjson.dumps(entry)):
            _log.error("project.quarantined", project=project, stage=stage, detail=detail)

    def all(self) -> list[Quarantined]:
        """Return the quarantined projects, by name."""
        entries = self._client.hgetall(self._key).items()
        return sorted((_read(name, value) for name, value in entries), key=lambda entry: entry.project_id)

    def forget(self, project: str) -> bool:
        """End the quarantine of a project; return whether it was in it."""
        return bool(self._client.hdel(self._key, project))

    def sweep(self) -> None:
        """End the quarantine of projects without an error for a while."""
        entries = self.all()
        if not entries:
            return
        oldest = int(self._client.time()[0] * 1000 - ENDS_AFTER_SECONDS * 1000)
        for entry in entries:
            if entry.at_ms < oldest and self.forget(entry.project_id):
                _log.info("project.released", project=entry.project_id)


def _read(name: bytes, value: bytes) -> Quarantined:
    """Read an entry; one of another release may have other fields."""
    try:
        entry = orjson.loads(value)
        return Quarantined(shortened(name), str(entry.get("stage", "")), str(entry.get("detail", "")), int(entry["ms"]))
    except _GARBAGE:
        return Quarantined(shortened(name), "", "unknown reason")
