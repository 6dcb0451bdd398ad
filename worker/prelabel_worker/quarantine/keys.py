"""Keys of a project that are not of their type, and their removal. None of them can hold a row.

Redis never lets a key change its type, so a key of another type was there before ours could be written.
"""

import redis

from prelabel.wire import keys
from prelabel.wire.client import Client, is_of_keys
from prelabel.wire.lanes import MAX_LANES
from prelabel_worker.quarantine.names import project_id
from prelabel_worker.quarantine.quarantine import Quarantine

TYPES: dict[str, tuple[str, ...]] = {
    "HLEN": (
        "meta", "overrides", "counts", "frames", "left", "inbox", "undoing", "undone", "annotation_counts:names",
        "held", "held:body", "held:rows", "dead:reasons", "dead:groups", "dead:sample", "dead:messages", "ontology",
    ),
    "ZCARD": ("seen", "chunks", "history", "timers", "retrying", "retrying:queued", "dead", "dead:queued"),
    "LLEN": ("actions",),
    "STRLEN": ("ontology:flight",),
}  # fmt: skip
"""The keys of a project with a fixed name, by a command that reads keys of their type only (prelabel/wire/keys.py)."""
_TOGETHER = 500


class KeyTypes:
    """The keys of the projects behind one Redis, that may be of a wrong type."""

    def __init__(self, client: Client, key_prefix: str = keys.DEFAULT_PREFIX) -> None:
        self._client = client
        self._prefix = key_prefix
        self._quarantine = Quarantine(client, key_prefix)

    def wrong(self, project: str) -> list[str]:
        """Return the project's keys that are of another type, without its root."""
        project_keys = keys.ProjectKeys(self._prefix, project)
        asked = [(command, name) for command, names in TYPES.items() for name in names]
        asked += [("LLEN", f"lane:{lane}") for lane in range(MAX_LANES)]
        wrong = self._of_other_types(project_keys, asked)
        if "chunks" not in wrong:
            chunk_ids = [
                name.decode("utf-8", "surrogateescape") for name in self._client.zrange(project_keys.chunks, 0, -1)
            ]
            wrong += self._of_other_types(project_keys, [("HLEN", f"chunk:{chunk_id}") for chunk_id in chunk_ids])
        return wrong

    def has_rows(self, project: str) -> bool:
        """Return whether anything was ever published for the project; unreadable counts say that it was."""
        try:
            return bool(self._client.hexists(keys.ProjectKeys(self._prefix, project).counts, "published"))
        except redis.ResponseError:
            return True

    def is_listed(self, project: str) -> bool:
        """Return whether the project is in the set of projects."""
        return self._client.zscore(keys.projects(self._prefix), project) is not None

    def remove(self, project: str, wrong: list[str]) -> bool:
        """Remove these keys and end the quarantine; return whether the project stays, since it has had rows.

        Its timers are made anew: each stage looks at it once.
        """
        project_keys = keys.ProjectKeys(self._prefix, project)
        for name in wrong:
            self._client.delete(project_keys.named(name).encode("utf-8", "surrogateescape"))
        self._quarantine.forget(project)
        if not self.has_rows(project):
            self._client.hdel(project_keys.meta, "lanes", "form")  # no frame has fixed them
            self._client.zrem(keys.projects(self._prefix), project)
            return False
        if "timers" in wrong:
            chunks = [b"chunk:" + chunk_id for chunk_id in self._client.zrange(project_keys.chunks, 0, -1)]
            self._client.zadd(project_keys.timers, dict.fromkeys([b"group", b"retry", b"expire", *chunks], 0))
        self._client.zadd(keys.projects(self._prefix), {project: 0})
        return True

    def forget_malformed(self, names: list[bytes]) -> int:
        """Remove such names from the set of projects; return how many were there. No other name is touched."""
        names = [name for name in names if project_id(name) is None]
        parts = [names[at : at + _TOGETHER] for at in range(0, len(names), _TOGETHER)]
        return sum(int(self._client.zrem(keys.projects(self._prefix), *part)) for part in parts)

    def _of_other_types(self, project_keys: keys.ProjectKeys, asked: list[tuple[str, str]]) -> list[str]:
        wrong = []
        for at in range(0, len(asked), _TOGETHER):
            part = asked[at : at + _TOGETHER]
            with self._client.pipeline(transaction=False) as pipeline:
                for command, name in part:
                    pipeline.execute_command(command, project_keys.named(name).encode("utf-8", "surrogateescape"))
                answers = pipeline.execute(raise_on_error=False)
            for (_, name), answer in zip(part, answers, strict=True):
                if isinstance(answer, Exception):
                    if not is_of_keys(answer):
                        raise answer
                    wrong.append(name)
        return wrong
