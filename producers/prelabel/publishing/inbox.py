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
MOST_PROJECTS = 500
"""Maximum projects of one round trip."""
WATERMARK = 0.85
"""Share of Redis's memory limit above which publishing stops, so that workers have room to settle the rows there."""
_CHECK_MEMORY_SECONDS = 1.0


class LanesDiffer(PrelabelError):
    """The project has another number of lanes than these frames were cut for; nothing was accepted."""

    def __init__(self, lanes: int) -> None:
        super().__init__(f"the project has {lanes} lanes")
        self.lanes = lanes


@dataclass(frozen=True, slots=True)
class ProjectFrames:
    """The frames of one project in a send."""

    project_id: str
    frames: Sequence[bytes]


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
        (outcome,) = self.put_all([ProjectFrames(project_id, frames)])
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    @property
    def most_projects(self) -> int:
        """Maximum projects of one round trip: one in a cluster, where each may be on a node of its own."""
        return 1 if has_slots(self.client) else MOST_PROJECTS

    def put_all(self, sends: Sequence[ProjectFrames]) -> list[int | Exception]:
        """Send frames of up to `most_projects` projects; return what `put` returns or raises for each of them.

        Raises NotDurable or a redis error if that concerns all of them.
        """
        node = node_of(self.client, self._root(sends[0]))
        memory = self._memories.setdefault(node, _Memory())
        if memory.is_short and memory.is_old:
            memory.remember(node.info("memory"))
        if memory.is_short:
            return [InboxFull("Redis is near its memory limit; nothing was accepted") for _ in sends]
        answers = self._send(sends, memory)
        if any(isinstance(answer, redis.exceptions.NoScriptError) for answer in answers):
            self.client.script_load(self._script.script)
            answers = self._send(sends, memory)
        return [_new_rows(answer) for answer in answers]

    def _send(self, sends: Sequence[ProjectFrames], memory: "_Memory") -> list[Any]:
        """Send frames, ask for the server's memory when it is time, and return the script's answers."""
        check_memory = memory.is_old
        with self.client.pipeline(transaction=False) as pipeline:
            # The set of projects may be on another node, so one transaction cannot write both. It is written before the
            # frames, and nothing is removed from it: after a crash in between, workers look at a project in vain, but
            # they never overlook one.
            projects_client = self.client if has_slots(self.client) else pipeline
            projects_client.zadd(keys.projects(self.prefix), {send.project_id: 0 for send in sends}, lt=True)
            for send in sends:
                root = self._root(send)
                pipeline.evalsha(self._script.sha, 1, root, self.max_rows, *send.frames)
            if check_memory:
                pipeline.info("memory")
            answers = durability.execute(pipeline, self.durability, raise_on_error=False)
        if check_memory and isinstance(answers[-1], dict):
            memory.remember(answers[-1])
        at = 1 if projects_client is pipeline else 0
        if at and isinstance(answers[0], Exception):  # workers would not look at these projects
            raise answers[0]
        return answers[at : at + len(sends)]

    def _root(self, send: ProjectFrames) -> str:
        return keys.project_root(self.prefix, send.project_id)


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


def _new_rows(answer: Any) -> int | Exception:
    """Return how many rows were new, by the script's answer, or the error that stands for a refusal."""
    if isinstance(answer, Exception):
        return answer
    status, number = answer[0], int(answer[1])
    if status == b"ok":
        return number
    if status == b"lanes":
        return LanesDiffer(number)
    if status == b"full":
        return InboxFull(f"the project's inbox is full with {counted(number, 'row')}; nothing was accepted")
    if status == b"limit":
        return PrelabelError(f"frame {number} of the send exceeds a limit of frames; nothing was accepted")
    return PrelabelError(f"the inbox cannot read frame version {number}; nothing was accepted")
