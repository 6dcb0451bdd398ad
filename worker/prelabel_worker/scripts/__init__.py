"""The Lua scripts: one for each change of state, in a folder for each subject. Each client loads a script once.

The comment at the top of a file is the script's contract. A script gets one key: the root of a project (to which it
appends the names of the project's other keys, all in one slot), the set of projects, or an account. `lib.lua` is placed
in front of every script; `_LIBRARIES` says which scripts need other libraries.
"""

from collections.abc import Sequence
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, NamedTuple

import redis

from prelabel.wire.client import Client, has_slots
from prelabel.wire.durability import Durability, execute

_LIBRARIES = {
    "commit_rows": ("flow_lib", "held_lib", "history_lib", "imported_lib", "frames_lib"),
    "group": ("lane_lib", "held_chunk_lib"),
    "purge_cut": ("lane_lib",),
    "take": ("held_chunk_lib",),
    **dict.fromkeys(
        ("permit", "stop_account", "request_failed", "request_answered", "resume_account", "see_account"),
        ("account_lib",),
    ),
    **dict.fromkeys(("move", "open_fewer"), ("open_lib",)),
    **dict.fromkeys(
        ("discard", "expire", "give_up", "edit", "retry", "try_once_more", "purge_held"), ("flow_lib", "held_lib")
    ),
    **dict.fromkeys(("undo", "count_requests"), ("flow_lib",)),
    **dict.fromkeys(("was_imported", "undo_forget"), ("imported_lib",)),
}


Argument = str | int | float | bytes


class Call(NamedTuple):
    """A script to run, with its key and its arguments."""

    name: str
    key: str
    args: Sequence[Argument]


class Scripts:
    """Runs scripts by name. Thread-safe, since the client is."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._scripts: dict[str, Any] = {}

    def run(self, name: str, key: str, *args: Argument) -> Any:
        """Run a script in one round trip and return its answer.

        If Redis has forgotten the script, it is loaded again.
        """
        script = self._script(name)
        try:
            return self._client.execute_command(*_evalsha(script, key, args))
        except redis.exceptions.NoScriptError:
            self._client.script_load(script.script)
            return self._client.execute_command(*_evalsha(script, key, args))

    def run_all(self, calls: Sequence[Call]) -> list[Any]:
        """Run scripts in this order and return their answers; an answer may be the redis error of its script.

        They travel in one round trip. In a cluster each has its own, as its key may be on a node of its own, and an
        answer may also be the error of a node that is down.
        """
        if has_slots(self._client):
            return [self._answer(call) for call in calls]
        with self._client.pipeline(transaction=False) as pipeline:
            for call in calls:
                pipeline.execute_command(*_evalsha(self._script(call.name), call.key, call.args))
            answers: list[Any] = pipeline.execute(raise_on_error=False)
        # Redis has forgotten these scripts, or never had them: `run` loads them.
        unknown = (at for at, answer in enumerate(answers) if isinstance(answer, redis.exceptions.NoScriptError))
        for at in unknown:
            answers[at] = self._answer(calls[at])
        return answers

    def _answer(self, call: Call) -> Any:
        try:
            return self.run(call.name, call.key, *call.args)
        except redis.RedisError as error:
            return error

    def _script(self, name: str) -> Any:
        script = self._scripts.get(name)
        if script is None:
            script = self._scripts[name] = self._client.register_script(source(name))
        return script

    def run_durably(self, durability: Durability, name: str, key: str, *args: Argument) -> Any:
        """Run a script and return its answer once its writes are durable. Raises NotDurable."""
        script = self._script(name)
        try:
            return self._durably(durability, script, key, args)
        except redis.exceptions.NoScriptError:
            self._client.script_load(script.script)
            return self._durably(durability, script, key, args)

    def _durably(self, durability: Durability, script: Any, key: str, args: Sequence[Argument]) -> Any:
        with self._client.pipeline(transaction=False) as pipeline:
            pipeline.execute_command(*_evalsha(script, key, args))
            return execute(pipeline, durability)[0]


def _evalsha(script: Any, key: str, args: Sequence[Argument]) -> tuple[Argument, ...]:
    """Return the command that runs a script: redis-py's own methods for it take longer than the rest of the call."""
    return ("EVALSHA", script.sha, 1, key, *args)


def source(name: str) -> str:
    """Return the text of this script as Redis gets it: with its libraries in front."""
    files = _files()
    return "\n".join(files[part].read_text("utf-8") for part in ("lib", *_LIBRARIES.get(name, ()), name))


def names() -> list[str]:
    """Return the names of all scripts, without the libraries."""
    return sorted(name for name in _files() if not name.endswith("lib"))


@cache
def _files() -> dict[str, Traversable]:
    """Return all Lua files by name: a name occurs in one folder only."""
    folders = (folder for folder in resources.files(__name__).iterdir() if folder.is_dir())
    return {
        file.name.removesuffix(".lua"): file
        for folder in folders
        for file in folder.iterdir()
        if file.name.endswith(".lua")
    }
