"""The names of projects at Labelbox, which Redis remembers for all consoles."""

import threading
import time

import msgspec
import redis

from prelabel.wire import keys
from prelabel.wire.client import Client
from prelabel_worker.settings import Settings

_AGAIN_SECONDS = 60.0


class StoredName(msgspec.Struct, frozen=True):
    """A name as Redis remembers it."""

    #: The project's name; empty if Labelbox does not know the project.
    name: str
    #: When Labelbox was asked, as Unix time in seconds.
    at: float


class ProjectNames:
    """The names of projects. Thread-safe."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self._client = client
        self._key = keys.project_names(settings.key_prefix)
        self._lock = threading.Lock()
        self._names: dict[str, str] = {}
        self._read_at = 0.0

    def of(self, project_id: str) -> str:
        """Return the name of a project; empty while it is not known."""
        self._read()
        return self._names.get(project_id, "")

    def stop(self) -> None:
        """End the thread that asks Labelbox."""

    def _read(self) -> None:
        """Read what Redis remembers, if the last time was a while ago."""
        with self._lock:
            if time.monotonic() < self._read_at + _AGAIN_SECONDS and self._read_at:
                return
            try:
                stored = self._client.hgetall(self._key)
            except redis.RedisError:
                return  # ids alone, then
            self._read_at = time.monotonic()
        self._names = {name.decode("utf-8", "replace"): _stored(value).name for name, value in stored.items()}


def _stored(value: bytes) -> StoredName:
    try:
        return msgspec.json.decode(value, type=StoredName)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return StoredName("", 0.0)
