"""The quarantine: projects whose keys cannot be used, each with the reason.

The tick looks at a quarantined project only once a minute, so that it costs other projects nothing. The quarantine of a
project ends by itself some minutes after the last error, or with `prelabel project forget`.
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import orjson
import redis
import zstandard

from prelabel.json_record import JsonRecord
from prelabel.lazy import logger
from prelabel.wire import keys
from prelabel.wire.client import Client, is_of_keys, words_of
from prelabel_worker.errors import ProjectUnreadable
from prelabel_worker.quarantine.names import project_id, shortened

LOOK_AGAIN_SECONDS = 60.0
"""Seconds between two looks at a project whose timers cannot be read."""
MAX_PROJECTS = 1000
"""Maximum projects in quarantine that are remembered; further ones are postponed too, but not shown by name."""
ENDS_AFTER_SECONDS = 5 * LOOK_AGAIN_SECONDS
"""Seconds without an error after which a project is released."""
_GARBAGE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, MemoryError, struct.error)
_log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Quarantined(JsonRecord):
    """A project in quarantine, with its last error."""

    json_fields = ("project_id", "stage", "detail")

    #: The project's id.
    project_id: str
    #: Where the error occurred: `tick`, a stage, or `read` by a command.
    stage: str
    #: The error of Redis, or the type of the Python error that the value caused; never the value itself.
    detail: str
    #: Unix time of the last error, in ms; 0 if it occurred in the command that shows it.
    at_ms: int = 0


def problem_of(error: Exception, *, values: bool = True) -> str | None:
    """Return the problem of a project's keys that the error shows; None if the error has another cause.

    With `values`, errors of Python count too, since a value that cannot be read causes them. Use it only around code in
    which nothing else can raise them.
    """
    if isinstance(error, ProjectUnreadable):
        return error.problem
    if isinstance(error, redis.RedisError):
        return words_of(error) if is_of_keys(error) else None
    if values and isinstance(error, (*_GARBAGE, zstandard.ZstdError)):
        # Only the type: the text may quote the value, which may be a producer's data.
        return f"a value of the project cannot be read ({type(error).__name__})"
    return None


@contextmanager
def readable(project_id: str) -> Iterator[None]:
    """Turn errors that show a problem of one project's keys into ProjectUnreadable. Other errors pass unchanged."""
    try:
        yield
    except Exception as error:
        problem = problem_of(error)
        if problem is None:
            raise
        raise ProjectUnreadable(project_id, problem) from None


class Quarantine:
    """The quarantined projects of one Redis."""

    def __init__(self, client: Client, key_prefix: str = keys.DEFAULT_PREFIX) -> None:
        self._client = client
        self._key = keys.quarantine(key_prefix)

    def remember(self, project: str, stage: str, detail: str) -> None:
        """Record that the project's keys cannot be used; log it the first time."""
        if project_id(project.encode()) is None:
            return
        seconds, micros = self._client.time()
        entry = {"ms": seconds * 1000 + micros // 1000, "stage": stage, "detail": detail}
        remembered = self._client.hexists(self._key, project)
        if not remembered and self._client.hlen(self._key) >= MAX_PROJECTS:
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
        """End the quarantine of projects that had no error for `ENDS_AFTER_SECONDS`."""
        entries = self.all()
        if not entries:
            return
        oldest = int(self._client.time()[0] * 1000 - ENDS_AFTER_SECONDS * 1000)
        for entry in entries:
            if entry.at_ms < oldest and self.forget(entry.project_id):
                _log.info("project.released", project=entry.project_id)


def _read(name: bytes, value: bytes) -> Quarantined:
    """Read an entry. Another release may have written it with other fields."""
    try:
        entry = orjson.loads(value)
        return Quarantined(shortened(name), str(entry.get("stage", "")), str(entry.get("detail", "")), int(entry["ms"]))
    except _GARBAGE:
        return Quarantined(shortened(name), "", "unknown reason")
