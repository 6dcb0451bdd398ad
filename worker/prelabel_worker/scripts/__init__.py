"""The Lua scripts: one for each change of state, in a folder for each subject. Each client loads a script once.

The comment at the top of a file is the script's contract. A script gets one key: the root of a project (to which it
appends the names of the project's other keys, all in one slot), the set of projects, or an account. `lib.lua` is placed
in front of every script; `_LIBRARIES` says which scripts need other libraries.
"""

from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from prelabel.wire.client import Client
from prelabel.wire.durability import Durability, execute

_LIBRARIES = {
    "commit_rows": ("held_lib", "history_lib", "imported_lib", "frames_lib"),
    **dict.fromkeys(("group", "purge_cut"), ("lane_lib",)),
    **dict.fromkeys(
        ("permit", "stop_account", "request_failed", "request_answered", "resume_account", "see_account"),
        ("account_lib",),
    ),
    **dict.fromkeys(("move", "open_fewer"), ("open_lib",)),
    **dict.fromkeys(("discard", "expire", "give_up", "edit", "retry", "try_once_more", "purge_held"), ("held_lib",)),
    **dict.fromkeys(("was_imported", "undo_forget"), ("imported_lib",)),
}


class Scripts:
    """Runs scripts by name. Thread-safe, since the client is."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._scripts: dict[str, Any] = {}

    def run(self, name: str, key: str, *args: str | int | float | bytes, on: Client = None) -> Any:
        """Run a script in one round trip and return its answer. `on` queues it on a pipeline instead.

        If Redis has forgotten the script, it is loaded again.
        """
        script = self._scripts.get(name)
        if script is None:
            script = self._scripts[name] = self._client.register_script(source(name))
        return script(keys=[key], args=args, client=on)

    def run_durably(self, durability: Durability, name: str, key: str, *args: str | int | float | bytes) -> Any:
        """Run a script and return its answer once its writes are durable. Raises NotDurable."""
        with self._client.pipeline(transaction=False) as pipeline:
            self.run(name, key, *args, on=pipeline)
            return execute(pipeline, durability)[0]


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
