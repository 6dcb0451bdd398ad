"""Send frames to Redis in one round trip: each is counted once, and the answer means that they are durable."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import redis

from prelabel.errors import InboxFull, PrelabelError
from prelabel.printing import counted
from prelabel.wire import durability, keys
from prelabel.wire.client import Client, has_slots, node_of
from prelabel.wire.durability import Durability

MAX_INBOX_ROWS = 2_000_000
WATERMARK = 0.85
"""Share of Redis's memory limit above which publishing stops, so that workers have room to settle the rows there."""
_CHECK_MEMORY_SECONDS = 1.0


class LanesDiffer(PrelabelError):
    """The project has another number of lanes than these frames were cut for; nothing was accepted."""

    def __init__(self, lanes: int) -> None:
        super().__init__(f"the project has {lanes} lanes")
        self.lanes = lanes


@dataclass
class Inbox:
    """The inboxes of all projects in one Redis. Thread-safe, as its client is."""

    client: Client
    prefix: str = keys.DEFAULT_PREFIX
    #: Maximum rows that may wait in the inbox of one project.
    max_rows: int = MAX_INBOX_ROWS
    durability: Durability = "fsync"

    def __post_init__(self) -> None:
        script = resources.files(__package__).joinpath("publish.lua").read_text("utf-8")
        self._script = self.client.register_script(script)
        self._memories: dict[Client, _Memory] = {}

    def put(self, project_id: str, frames: Sequence[bytes]) -> int:
        """Send frames of one project and return how many of their rows were new.

        Raises InboxFull or LanesDiffer; then nothing was accepted. After NotDurable or a redis error, it is unknown
        whether the frames were accepted: send the same frames again.
        """
        root = keys.project_root(self.prefix, project_id)
        node = node_of(self.client, root)
        memory = self._memories.setdefault(node, _Memory())
        if memory.is_short and memory.is_old:
            memory.remember(node.info("memory"))
        if memory.is_short:
            raise InboxFull("Redis is near its memory limit; nothing was accepted")
        try:
            return _new_rows(self._send(project_id, root, frames, memory))
        except redis.exceptions.NoScriptError:
            self.client.script_load(self._script.script)
            return _new_rows(self._send(project_id, root, frames, memory))

    def _send(self, project_id: str, root: str, frames: Sequence[bytes], memory: "_Memory") -> list[Any]:
        """Send frames, ask for the server's memory when it is time, and return the script's answer."""
        check_memory = memory.is_old
        with self.client.pipeline(transaction=False) as pipeline:
            # The set of projects may be on another node, so one transaction cannot write both. It is written before the
            # frames, and nothing is removed from it: after a crash in between, workers look at a project in vain, but
            # they never overlook one.
            projects_client = self.client if has_slots(self.client) else pipeline
            projects_client.zadd(keys.projects(self.prefix), {project_id: 0}, lt=True)
            pipeline.evalsha(self._script.sha, 1, root, self.max_rows, *frames)
            if check_memory:
                pipeline.info("memory")
            answers = durability.execute(pipeline, self.durability, raise_on_error=False)
        if check_memory and isinstance(answers[-1], dict):
            memory.remember(answers.pop())
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return list(answers[-1])


class _Memory:
    """Remembers whether a server is short of memory; it is asked at most once a second."""

    def __init__(self) -> None:
        self.is_short = False
        self._checked_at = float("-inf")

    @property
    def is_old(self) -> bool:
        return time.monotonic() - self._checked_at > _CHECK_MEMORY_SECONDS

    def remember(self, info: dict[str, Any]) -> None:
        limit = int(info.get("maxmemory", 0))
        self.is_short = limit > 0 and int(info["used_memory"]) > limit * WATERMARK
        self._checked_at = time.monotonic()


def _new_rows(answer: list[Any]) -> int:
    """Return how many rows were new, by the script's answer. Raises the error that stands for a refusal."""
    status, number = answer[0], int(answer[1])
    if status == b"ok":
        return number
    if status == b"lanes":
        raise LanesDiffer(number)
    if status == b"full":
        raise InboxFull(f"the project's inbox is full with {counted(number, 'row')}; nothing was accepted")
    if status == b"limit":
        raise PrelabelError(f"frame {number} of the send exceeds a limit of frames; nothing was accepted")
    raise PrelabelError(f"the inbox cannot read frame version {number}; nothing was accepted")
