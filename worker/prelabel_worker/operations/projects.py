"""Resume, flush, refresh and override projects. Changes take effect within seconds and need no restart."""

from collections.abc import Mapping

from prelabel.wire import keys
from prelabel.wire.client import Client
from prelabel_worker.scripts import Scripts


class Projects:
    """Changes the projects in one Redis."""

    def __init__(self, client: Client, key_prefix: str = keys.DEFAULT_PREFIX) -> None:
        self._client = client
        self._prefix = key_prefix
        self._scripts = Scripts(client)

    def resume(self, project_id: str) -> bool:
        """End the project's pause, whoever began it; return whether it was paused."""
        paused = bool(self._scripts.run("resume", self._root(project_id)))
        self._look_at(project_id)
        return paused

    def flush(self, project_id: str) -> int:
        """Import the waiting rows without their linger time; return how many there are."""
        rows = int(self._scripts.run("flush", self._root(project_id)))
        self._look_at(project_id)
        return rows

    def retry_stuck(self, project_id: str) -> int:
        """Try the project's stuck chunks again now; return how many there are."""
        chunks = int(self._scripts.run("retry_stuck", self._root(project_id)))
        self._look_at(project_id)
        return chunks

    def refresh_ontology(self, project_id: str) -> float | None:
        """Have the ontology fetched again before the next rows are checked.

        Returns the age of the cached one in seconds, or None if none is cached.
        """
        age_ms = int(self._scripts.run("refresh_ontology", self._root(project_id)))
        return None if age_ms < 0 else age_ms / 1000

    def override(self, project_id: str, fields: Mapping[str, str]) -> None:
        """Set overrides by their names in Redis (see overrides.py); an empty value removes the override."""
        pairs = [part for pair in fields.items() for part in pair]
        self._scripts.run("override", self._root(project_id), *pairs)
        if "priority" in fields:
            key = keys.priorities(self._prefix)
            if fields["priority"]:
                self._client.hset(key, project_id, fields["priority"])
            else:
                self._client.hdel(key, project_id)
        self._look_at(project_id)

    def _root(self, project_id: str) -> str:
        return keys.project_root(self._prefix, project_id)

    def _look_at(self, project_id: str) -> None:
        """Make the tick look at the project now; a mistyped id is not added to the set of projects."""
        self._client.zadd(keys.projects(self._prefix), {project_id: 0}, xx=True, lt=True)
