"""Worker processes, and Celery between them: hints that may be late, doubled or lost."""

from collections.abc import Callable
from functools import partial

from prelabel.wire.client import Client as AnyClient
from prelabel_worker.runtime import clients
from prelabel_worker.runtime.hints import NAMED_TOGETHER, Hint, entries_of, hint_of, hints_of, run_each
from prelabel_worker.runtime.timers import LOOK_ANYWAY_SECONDS, Timers
from prelabel_worker.settings import Settings
from prelabel_worker.stages.expire import expire
from prelabel_worker.stages.group import group, retry_due
from prelabel_worker.stages.poll import poll
from prelabel_worker.stages.settle import settle
from prelabel_worker.stages.submit import submit
from tests.simulation.labelbox_model import Connection, LabelboxModel
from tests.simulation.patches import standing_for
from tests.simulation.wire import Client, Wire
from tests.simulation.world import Process, World

CONCURRENCY = 2
_TICK_SECONDS = 0.25
_STAGES: dict[str, Callable[..., object]] = {
    "group": group,
    "retry": retry_due,
    "expire": expire,
    "submit": submit,
    "settle": settle,
}
"""As tasks.py calls them."""


class Celery:
    """The queue. It gives no guarantees."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.queue: list[Hint] = []

    def send(self, stage: str, project: str, chunk: str) -> None:
        """What a stage sends after a commit: it may die just before."""
        self._world.switch(f"hint {stage} {chunk}")
        self.queue.append(hint_of(stage, [(project, chunk) if chunk else (project,)]))


class Worker(Process):
    """One process of a worker: its context, its ticks, and the stages it runs."""

    def __init__(
        self, world: World, name: str, wire: Wire, celery: Celery, model: LabelboxModel, settings: Settings
    ) -> None:
        super().__init__(world, name)
        self._celery = celery
        self.next_tick = 0.0
        client: AnyClient = Client(wire, self)
        with standing_for(clients, connect=lambda _: client, open_labelbox=lambda *_, **__: Connection(model, self)):
            self.context = clients.Runtime(settings, celery.send).context()
            self.context.account(settings.account)  # its connection is made once
        self._timers = Timers(client, settings.key_prefix, settings.lease_seconds)
        self._ticking = False

    def can_tick(self) -> bool:
        """Return whether the next look is due; a real ticker looks four times a second."""
        return not self._ticking and self.next_tick <= self.world.now and self.stopped_until <= self.world.now

    def tick(self) -> None:
        self._ticking = True
        self.spawn("tick", self._tick, daemon=True)

    def _tick(self) -> None:
        try:
            room = CONCURRENCY * 4 - len(self._celery.queue)
            if room > 0:
                due, wait = self._timers.due(room * NAMED_TOGETHER)
                self._celery.queue += hints_of(due, room)
                self.next_tick = self.world.now + min(max(wait, _TICK_SECONDS if due else 0.005), LOOK_ANYWAY_SECONDS)
            else:
                self.next_tick = self.world.now + _TICK_SECONDS
        finally:
            self._ticking = False

    def can_work(self) -> bool:
        return self.stopped_until <= self.world.now and self.busy < CONCURRENCY

    def work(self, hint: Hint) -> None:
        """Run the task of a hint, as tasks.py does."""
        self.spawn(f"{hint.stage} {hint.args}", lambda: self._run(hint))

    def _run(self, hint: Hint) -> None:
        if hint.stage == "poll":
            (running,) = hint.args
            poll(self.context, [(project_id, chunk_id) for project_id, chunk_id in running])
            return
        entries = entries_of(hint.stage, hint.args)
        run_each(
            entries,
            partial(_STAGES[hint.stage], self.context),
            lambda rest: self._celery.queue.append(hint_of(hint.stage, rest)),
        )
