"""What an operator does to a project: resume, flush, override. Takes effect within seconds, no restart."""

from collections.abc import Mapping

from prelabel.wire import keys
from prelabel.wire.client import Client
from prelabel_worker.scripts import Scripts


class Projects:
    """Changes the projects behind one Redis."""

    def __init__(self, client: Client, key_prefix: str = keys.DEFAULT_PREFIX) -> None:
        self._client = client
        self._prefix = key_prefix
        self._scripts = Scripts(client)

    def resume(self, project_id: str) -> bool:
        """End a pause, whoever began it; return whether there was one."""
        paused = bool(self._scripts.run("resume", self._root(project_id)))
        self._look_at(project_id)
        return paused

    def flush(self, project_id: str) -> int:
        """Import the waiting rows without their linger time; return how many they are."""
        rows = int(self._scripts.run("flush", self._root(project_id)))
        self._look_at(project_id)
        return rows

    def retry_stuck(self, project_id: str) -> int:
        """Try the project's stuck chunks again now; return how many there are."""
        chunks = int(self._scripts.run("retry_stuck", self._root(project_id)))
        self._look_at(project_id)
        return chunks

    def override(self, project_id: str, fields: Mapping[str, str]) -> None:
        """Set overrides by their names in Redis; an empty value takes one away (see overrides.py)."""
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
        """Have the tick look at the project now. A mistyped name makes no project."""
        self._client.zadd(keys.projects(self._prefix), {project_id: 0}, xx=True, lt=True)
