"""Say why rows wait, each reason once, while a command waits for them."""

import time
from collections.abc import Sequence

from prelabel.printing import command
from prelabel.wire.client import Client
from prelabel_worker.cli.shared.terminal import say
from prelabel_worker.queries.status import ProjectStatus
from prelabel_worker.queries.waiting import Wait, read_waits
from prelabel_worker.settings import Settings

_LOOK_SECONDS = 2.0
_MOST = 20  # reasons that one command prints


class Explaining:
    """Prints new reasons for which rows wait; looks for them every two seconds."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self._client = client
        self._settings = settings
        self._next = time.monotonic() + _LOOK_SECONDS
        self._said: set[tuple[str, str, str]] = set()

    def look(self, projects: Sequence[ProjectStatus], *, now: bool = False) -> list[Wait]:
        """Print reasons that were not printed before; return all, or none when it is too early to look again."""
        if not now and time.monotonic() < self._next:
            return []
        waits = read_waits(self._client, self._settings, projects)
        for wait in waits:
            kind = (wait.project_id, wait.cause, wait.why if wait.cause == "request" else "")
            if kind not in self._said:
                self._said.add(kind)
                if len(self._said) <= _MOST:
                    say(str(wait))
                elif len(self._said) == _MOST + 1:
                    say(f"more rows wait, for further reasons: see {command('status')}")
        self._next = time.monotonic() + _LOOK_SECONDS
        return waits
