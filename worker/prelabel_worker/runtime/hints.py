"""Sends the hints of stages. A task keeps one for itself: it knows what comes next, and a message costs milliseconds.

So a chunk that was cut is submitted, and an import that has ended is settled, by the task that found it. A task runs
one stage more at most, so that the hints of other projects in the queue have their turn.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

Names = list[str]
"""A stage, its project and, if it has one, its chunk."""


class _Task(threading.local):
    """What the task of a thread may keep, and keeps."""

    stages: Sequence[str] = ()
    kept: Names | None = None


class Hints:
    """The hints of one process."""

    def __init__(self, send: Callable[..., None]) -> None:
        """`send` gets a stage, its project and perhaps its chunk."""
        self._send = send
        self._task = _Task()

    def hint(self, stage: str, project_id: str, chunk_id: str) -> None:
        """Keep the hint if this thread has a task that may, and send the one that it kept before; else send it."""
        names = [stage, project_id, *filter(None, [chunk_id])]
        if stage in self._task.stages:
            self._task.kept, names = names, self._task.kept or []
        if names:
            self._send(*names)

    @contextmanager
    def keeping(self, stages: Sequence[str]) -> Iterator[list[Names]]:
        """Keep the last hint for one of these stages inside the block; behind it, the list that is yielded has it.

        The others are sent at once, so that idle workers can begin. After an error, the kept one is lost like a hint.
        """
        kept: list[Names] = []
        self._task.stages, self._task.kept = stages, None
        try:
            yield kept
            if self._task.kept:
                kept.append(self._task.kept)
        finally:
            self._task.stages, self._task.kept = (), None
