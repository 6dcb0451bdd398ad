"""Wait for Labelbox's tasks, which run on after a request was answered (docs/reference/labelbox-api.md#2-3)."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from prelabel.errors import PrelabelError
from prelabel_worker.accounts.repeating import growing_waits
from prelabel_worker.labelbox.response_types import Me, TasksOfUser
from prelabel_worker.setup.calls import Calls

_ME = "query Me { user { id } }"
_TASK = (
    "query UserTask($user: ID!, $task: ID!) { user(where: {id: $user}) { "
    "createdTasks(where: {id: $task} skip: 0 first: 100) { id status completionPercentage result errors type } } }"
)
_SHOWN_CHARACTERS = 300
_FIRST_LOOK_SECONDS, _LOOK_SECONDS = 0.2, 5.0


class StillRunning(PrelabelError):
    """Labelbox has not finished in time; the work continues there."""


class TaskGone(PrelabelError):
    """Labelbox does not know the task."""


@dataclass(frozen=True, slots=True)
class Task:
    """A task as Labelbox reports it; `percent` is None if Labelbox does not say."""

    id: str
    status: str
    percent: float | None
    result: Any
    errors: Any

    @property
    def complete(self) -> bool:
        """Return whether the task succeeded."""
        return self.status == "COMPLETE"

    @property
    def why(self) -> str:
        """Return how the task ended, in Labelbox's words if it gives any."""
        reported = self.errors or self.result
        return f"the task ended {self.status}" + (f": {_shown(reported)}" if reported else " and does not say why")


class Tasks:
    """The tasks of the key's user."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._user = ""

    def wait(self, task_id: str, seconds: float, show: Callable[[Task], None] = lambda task: None) -> Task:
        """Wait until a task ends, well or not; return it. Raises StillRunning, TaskGone, RequestError, Stopped."""
        deadline = time.monotonic() + seconds
        waits = growing_waits(_FIRST_LOOK_SECONDS, _LOOK_SECONDS)
        while True:
            task = self._look(task_id)
            show(task)
            if task.status != "IN_PROGRESS":
                return task
            wait = next(waits)
            if time.monotonic() + wait > deadline:
                raise StillRunning(f"Labelbox's task {task_id} still runs after {seconds:.0f} s")
            self._calls.sleep(wait)

    def _look(self, task_id: str) -> Task:
        if not self._user:
            self._user = self._calls.ask(_ME, {}, Me).user.id
        user = self._calls.ask(_TASK, {"user": self._user, "task": task_id}, TasksOfUser).user
        tasks = user.created_tasks if user else None
        if not tasks or len(tasks) != 1:
            raise TaskGone(f"Labelbox does not know the task {task_id}")
        (task,) = tasks
        percent = task.completion_percentage
        return Task(task_id, task.status or "", None if percent is None else float(percent), task.result, task.errors)


def _shown(reported: Any) -> str:
    """Return the beginning of a text, or of any other value as JSON."""
    try:
        return (reported if isinstance(reported, str) else orjson.dumps(reported).decode())[:_SHOWN_CHARACTERS]
    except orjson.JSONEncodeError:
        return "something that is nested too deeply to be shown"
