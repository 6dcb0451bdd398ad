"""Find and remove keys of a project that have a wrong type. Such a key cannot contain a row.

A write of ours never changes the type of a key, so a key of another type existed before we could write ours.
"""

import redis

from prelabel.wire import keys
from prelabel.wire.client import Client, is_of_keys
from prelabel.wire.lanes import MAX_LANES
from prelabel_worker.quarantine.names import project_id
from prelabel_worker.quarantine.quarantine import Quarantine

TYPES: dict[str, tuple[str, ...]] = {
    "HLEN": (
        "meta", "overrides", "counts", "frames", "left", "inbox", "undoing", "undone", "held",
        "held:body", "held:rows", "dead:reasons", "dead:groups", "dead:sample", "dead:messages", "ontology",
        "flow:total", "flow:first",
    ),
    "ZCARD": ("seen", "chunks", "history", "timers", "retrying", "retrying:queued", "dead", "dead:queued"),
    "LLEN": ("actions",),
    "STRLEN": ("ontology:flight",),
}  # fmt: skip
"""A command that fails on any other type → the keys of a project that have the type (prelabel/wire/keys.py).

Lanes and chunks have numbers or ids in their keys and are added by `KeyTypes.wrong`. Numbers of a minute or a quarter
of an hour are left out: those keys expire, and no row needs them.
"""
_TOGETHER = 500  # keys in one pipeline


class KeyTypes:
    """Checks the types of the keys of all projects in one Redis."""

    def __init__(self, client: Client, key_prefix: str = keys.DEFAULT_PREFIX) -> None:
        self._client = client
        self._prefix = key_prefix
        self._quarantine = Quarantine(client, key_prefix)

    def wrong(self, project: str) -> list[str]:
        """Return the names of the project's keys that have a wrong type, without its root."""
        project_keys = keys.ProjectKeys(self._prefix, project)
        commands = [(command, name) for command, names in TYPES.items() for name in names]
        commands += [("LLEN", f"lane:{lane}") for lane in range(MAX_LANES)]
        wrong = self._of_other_types(project_keys, commands)
        if "chunks" not in wrong:
            chunk_ids = [
                name.decode("utf-8", "surrogateescape") for name in self._client.zrange(project_keys.chunks, 0, -1)
            ]
            wrong += self._of_other_types(project_keys, [("HLEN", f"chunk:{chunk_id}") for chunk_id in chunk_ids])
        return wrong

    def has_rows(self, project: str) -> bool:
        """Return whether a row was ever published for the project; True also if its counts cannot be read."""
        try:
            return bool(self._client.hexists(keys.ProjectKeys(self._prefix, project).counts, "published"))
        except redis.ResponseError:
            return True

    def is_listed(self, project: str) -> bool:
        """Return whether the project is in the set of projects."""
        return self._client.zscore(keys.projects(self._prefix), project) is not None

    def remove(self, project: str, wrong: list[str]) -> bool:
        """Remove these keys and end the quarantine. Returns False if the project had no rows and was removed as well.

        If its timers are removed, they are set again, so that each stage looks at the project once.
        """
        project_keys = keys.ProjectKeys(self._prefix, project)
        for name in wrong:
            self._client.delete(project_keys.named(name).encode("utf-8", "surrogateescape"))
        self._quarantine.forget(project)
        if not self.has_rows(project):
            # The first frame of a project sets them for ever. There was none, so the next publisher may set them.
            self._client.hdel(project_keys.meta, "lanes")
            self._client.zrem(keys.projects(self._prefix), project)
            return False
        if "timers" in wrong:
            chunks = [b"chunk:" + chunk_id for chunk_id in self._client.zrange(project_keys.chunks, 0, -1)]
            self._client.zadd(project_keys.timers, dict.fromkeys([b"group", b"retry", b"expire", *chunks], 0))
        self._client.zadd(keys.projects(self._prefix), {project: 0})
        return True

    def forget_malformed(self, names: list[bytes]) -> int:
        """Remove those of the names that no project can have from the set of projects; return how many were there."""
        names = [name for name in names if project_id(name) is None]
        parts = [names[at : at + _TOGETHER] for at in range(0, len(names), _TOGETHER)]
        return sum(int(self._client.zrem(keys.projects(self._prefix), *part)) for part in parts)

    def _of_other_types(self, project_keys: keys.ProjectKeys, commands: list[tuple[str, str]]) -> list[str]:
        """Return the names of keys on which their command fails because of the type."""
        wrong = []
        for at in range(0, len(commands), _TOGETHER):
            part = commands[at : at + _TOGETHER]
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
