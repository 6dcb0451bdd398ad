"""The world of one seed: a virtual clock, tasks that run one Redis command at a time, and everything that happened.

A task is a greenlet that runs real code of ours. Every command to Redis and every exchange with Labelbox is a switch
point: there the task goes back to the scheduler, which decides by the seed who continues, and whether the
task's process dies, stalls or never hears the answer.
"""

import random
import traceback
from collections.abc import Callable
from typing import Any

from greenlet import getcurrent, greenlet

EPOCH_MS = 1_800_000_000_000
"""What Redis's clock says when a world begins."""


class Dead(BaseException):
    """Raised in the tasks of a process that was killed; nothing they do on their way out has any effect."""


class Violation(Exception):
    """An invariant is violated."""


class Process:
    """Something that can be killed or stopped: a worker, a producer, an operator's command."""

    def __init__(self, world: "World", name: str) -> None:
        self.world = world
        self.name = name
        self.alive = True
        self.stopped_until = 0.0
        self.connection_lost = False
        self.tasks: list[Task] = []

    def spawn(self, name: str, work: Callable[[], object], *, daemon: bool = False) -> "Task":
        task = Task(self, name, work, daemon=daemon)
        self.tasks.append(task)
        self.world.tasks.append(task)
        return task

    def stop(self, seconds: float) -> None:
        """SIGSTOP the process, and SIGCONT it `seconds` later."""
        self.stopped_until = self.world.now + seconds

    def kill(self) -> None:
        """SIGKILL the process: commands that its tasks have not sent yet are never sent."""
        self.alive = False
        for task in list(self.tasks):
            task.drop()

    @property
    def busy(self) -> int:
        return sum(not task.daemon for task in self.tasks)


class Task:
    """Work of a process that is under way. `wake_at`: it sleeps until then; `permit_at`: when it last had a permit."""

    def __init__(self, process: Process, name: str, work: Callable[[], object], *, daemon: bool) -> None:
        self.process = process
        self.name = name
        self.daemon = daemon
        self.wake_at = 0.0
        self.at = "begins"
        self.permit_at = float("-inf")
        self._greenlet = greenlet(self._run, process.world.hub)  # where it goes when it ends
        self._work = work

    def _run(self) -> None:
        try:
            self._work()
        except Dead:
            pass
        except self.process.world.expected as error:
            self.process.world.note(self.process.name, f"{self.name} ends with {type(error).__name__}")
        except Exception as error:
            self.process.world.broke(f"{self.name} of {self.process.name}", error)
        self.process.world.ended(self)

    def resume(self) -> None:
        self._greenlet.switch()

    def drop(self) -> None:
        world = self.process.world
        if self._greenlet:  # it has begun
            self._greenlet.throw(Dead)
        else:
            world.ended(self)


class World:
    """One seed. `expected` are the errors that a stage may end with: Celery logs them, leases run out."""

    def __init__(self, seed: int, expected: tuple[type[Exception], ...]) -> None:
        self.seed = seed
        self.random = random.Random(seed)
        self.ids = random.Random(f"ids {seed}")  # of its own, so that an id more does not change what happens
        self.now = 0.0
        self.expected = expected
        self.tasks: list[Task] = []
        self.history: list[tuple[int, float, str, str]] = []
        self.steps = 0
        self.chaos = True
        self.burst = 0
        self.broken: Violation | None = None
        self.hub = getcurrent()
        self._current: Task | None = None

    @property
    def now_ms(self) -> int:
        return EPOCH_MS + int(self.now * 1000)

    def note(self, who: str, what: str) -> None:
        self.history.append((self.steps, self.now, who, what))

    def violation(self, what: str) -> None:
        """The first one counts; what follows from it is of no interest."""
        if self.broken is None:
            self.note("VIOLATION", what)
            self.broken = Violation(what)

    def broke(self, what: str, error: BaseException | None) -> None:
        """Code of ours met something that it does not expect."""
        where = "".join(traceback.format_tb(error.__traceback__)[-3:]) if error else ""
        self.violation(f"broke with {error!r}: {what}\n{where}")

    def ended(self, task: Task) -> None:
        if task in self.tasks:
            self.tasks.remove(task)
        if task in task.process.tasks:
            task.process.tasks.remove(task)

    def switch(self, at: str, *, delicate: bool = False) -> None:
        """A switch point: others continue before what is named happens. Outside of tasks it is none.

        At a delicate one the task always waits for its turn, so that something can happen to it there.
        """
        task = self._current
        if task is None:
            return
        if not task.process.alive:
            raise Dead
        if self.burst > 0 and not delicate:
            self.burst -= 1
        else:
            task.at = at
            self._leave()
        self.note(task.process.name, at)

    def sleep(self, seconds: float | None) -> None:
        """The current task waits; None: until somebody wakes it."""
        task = self.current
        task.wake_at = float("inf") if seconds is None else self.now + max(0.0, seconds)
        task.at = "sleeps"
        self._leave()

    def _leave(self) -> None:
        """Hand over to the scheduler; whoever's process was killed meanwhile goes no further."""
        self.hub.switch()

    def resume(self, task: Task, burst: int) -> None:
        self.burst, self._current, task.wake_at = burst, task, 0.0
        task.resume()
        self._current, self.burst = None, 0

    def runnable(self) -> list[Task]:
        now = self.now
        return [task for task in self.tasks if task.wake_at <= now and task.process.stopped_until <= now]

    @property
    def current(self) -> Task:
        """Return the task that runs now."""
        assert self._current is not None
        return self._current


class Condition:
    """What `threading.Condition` is to the publisher's threads, in virtual time; tasks share one thread, so no lock."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._waiting: list[Task] = []

    def __enter__(self) -> "Condition":
        return self

    def __exit__(self, *_: Any) -> None:
        pass

    def wait(self, seconds: float | None = None) -> None:
        task = self._world.current
        self._waiting.append(task)
        self._world.sleep(seconds)
        if task in self._waiting:
            self._waiting.remove(task)

    def notify_all(self) -> None:
        for task in self._waiting:
            task.wake_at = 0.0
        self._waiting.clear()
