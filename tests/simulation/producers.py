"""Publisher processes: the real outboxes, sender, spooler and spool, with tasks in the place of their two threads."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import orjson

from prelabel.publishing.buffer import Limits, Row
from prelabel.publishing.inbox import Inbox
from prelabel.publishing.outboxes import Outboxes
from prelabel.publishing.recovery import recovered
from prelabel.publishing.sender import Sender
from prelabel.publishing.spooler import Spooler
from prelabel.spool.slots import Slot, take_slots
from tests.simulation.labelbox_model import FEATURES, Message
from tests.simulation.wire import Client, Wire
from tests.simulation.world import Condition, Process, World

_LIMITS = Limits(send_rows=6, send_bytes=10**6, frame_rows=3, frame_bytes=10**6, frame_slow=100, linger_seconds=0.2)
_SHARING = replace(_LIMITS, frame_rows=_LIMITS.send_rows, linger_seconds=1.0)
_FOR_EVER = 1e9


def shares_frames(world: World) -> bool:
    """Return whether the producers of this seed send many rows at once, in frames that all lanes share."""
    return world.seed % 3 == 2


class Producer(Process):
    """One process that publishes. With a folder it spools what Redis does not take.

    In every second seed it has a journal then, so a crash loses nothing.
    """

    def __init__(self, world: World, name: str, wire: Wire, prefix: str, folder: Path | None) -> None:
        super().__init__(world, name)
        limits = _SHARING if shares_frames(world) else _LIMITS
        self._slot: Slot | None = next(recovered(take_slots(folder), limits)) if folder else None
        self._journals = folder is not None and world.seed % 2 == 0
        inbox = Inbox(Client(wire, self), prefix, durability="waitaof")
        self.outboxes = Outboxes(
            limits,
            max_rows=100,
            max_bytes=10**6,
            most_projects=inbox.most_projects,
            slot=self._slot,
            spool_bytes=10**6,
            journals=self._journals,
        )
        self.outboxes.changed = Condition(world)  # type: ignore[assignment]
        self.spawn("sender", Sender(self.outboxes, inbox, _FOR_EVER).run, daemon=True)
        if folder:
            self.spawn("spooler", Spooler(self.outboxes, folder).run, daemon=True)
        self.pending: dict[str, list[Message]] = {}

    def adopt(self, left: dict[str, list[Message]]) -> None:
        """The messages of this slot's spools, which a former process left."""
        self.pending = left

    def publish(self, message: Message) -> None:
        """As `Publisher.publish` does once the message is checked."""
        row = Row(f"k:{message.key}", bytes_of(message), 0)
        if self.outboxes.put(message.project, row, 0.0):
            self.pending.setdefault(message.project, []).append(message)
        else:
            message.state = "refused"

    def hear_answers(self) -> None:
        """Once Redis has answered all rows, as `flush` tells, their messages are the pipeline's from then on."""
        own = self.outboxes.own
        for project in [name for name in self.pending if name not in own or not own[name].buffer.rows]:
            for message in self.pending.pop(project):
                message.state = "answered"

    def crash(self) -> dict[str, list[Message]]:
        """SIGKILL; answers what is left in its spools and its journal."""
        self.hear_answers()
        self.kill()
        if self._slot is not None:
            self._slot.release()
        if self._journals:
            return self.pending
        left: dict[str, list[Message]] = {}
        for project, messages in self.pending.items():
            buffer = self.outboxes.own[project].buffer
            flying, in_memory = _numbers(buffer.in_flight), _numbers(buffer.in_memory())
            for message in messages:
                if message.number in in_memory:
                    message.state = "maybe" if message.number in flying else "lost"
                else:  # Redis has it, or the disk
                    left.setdefault(project, []).append(message)
        return left


def _numbers(rows: Iterable[Row]) -> set[int]:
    return {int(orjson.loads(row.raw)["messageId"][1:]) for row in rows}


def bytes_of(message: Message) -> bytes:
    """Its JSON; a box says by its place which message and which annotation it is."""
    return orjson.dumps(
        {
            "messageId": f"m{message.number}",
            "projectId": message.project,
            "dataRow": {"globalKey": message.key},
            "model": {"name": message.model},
            "annotations": list(_annotations(message)),
        }
    )


def _annotations(message: Message) -> Iterable[dict[str, object]]:
    for at, feature in enumerate(message.features):
        name = "unheard of" if message.flaw == "bad" else FEATURES[feature]
        yield {"name": name, "bbox": {"top": message.number, "left": at, "height": 1, "width": 1}}
