"""The invariants of a world: those about keys are checked after every step, those about content at the end."""

from importlib import resources
from typing import Any

import orjson

from prelabel_worker.chunks.history import OUTCOMES, Record, digest_of, trace_of
from prelabel_worker.chunks.rows import NO_ANNOTATIONS
from prelabel_worker.chunks.sent_lines import SentLines
from prelabel_worker.queries.audit import audit
from tests.simulation.labelbox_model import LabelboxModel, Message
from tests.simulation.wire import Server, Wire
from tests.simulation.world import World

SCRIPT = resources.files(__package__).joinpath("checks.lua").read_text("utf-8")
_WINDOW_SECONDS = 60.0


GARBAGE = "garbage"
"""How the names of projects begin whose keys somebody has made unusable."""


class Checks:
    """What is checked of one world. `imported`: the messages that were counted so; `undone`: that were, and no more."""

    def __init__(self, world: World, server: Server, wire: Wire, model: LabelboxModel, roots: dict[str, str]) -> None:
        self._world = world
        self._server = server
        self._model = model
        self._roots = roots
        self._sha = server.call("SCRIPT", "LOAD", SCRIPT)
        self.imported: set[int] = set()
        self.undone: set[int] = set()
        self._of_chunk: dict[str, set[int]] = {}
        self._traces: dict[bytes, Message] = {}
        self._commands = {root: ("EVALSHA", self._sha, 1, root) for root in roots.values()}
        wire.check_of, wire.checked = self._commands.get, self._checked
        wire.watch["commit_rows"] = self._committing
        wire.watch["undo"] = self._undoing
        wire.watch["permit"] = lambda _: self._permitted
        wire.watch["stop_account"] = self._stopping

    def know(self, message: Message) -> None:
        """It was published: rows in commits are recognized by their traces."""
        self._traces[trace_of(f"k:{message.key}", f"m{message.number}")] = message

    def now(self) -> None:
        """Conservation, lanes, frames, held rows, timers, of every project; else checked after every script."""
        for command in self._commands.values():
            self._checked(self._server.call(*command))

    def _checked(self, problems: list[bytes]) -> None:
        for problem in problems:
            self._world.violation(problem.decode())

    def audit(self, prefix: str) -> None:
        """Check that the product's own audit balances."""
        for project in audit(self._server.raw, prefix):
            if project.project_id.startswith(GARBAGE):
                continue
            for difference in project.differences:
                self._world.violation(f"audit of {project.project_id}: {difference}")

    def _committing(self, args: tuple[Any, ...]) -> Any:
        """Before a commit, note which rows it counts as imported; after it, check that Labelbox has them."""
        root, chunk, commit = args[3], args[4], orjson.loads(args[6])
        before, after, imported = commit["cursor"], commit["after"], commit["imported"]
        if any(outcome["name"] == "skipped" for outcome in commit["outcomes"]):
            return self._emptying(root, args[7])
        if any(outcome["name"] == "discarded" for outcome in commit["outcomes"]):
            return self._purging(root, chunk, args[7], finish=commit["finish"])
        if not imported:
            return None
        held = {outcome["index"] for outcome in commit["outcomes"] if outcome["name"] != "cleared"}
        sent = SentLines.from_bytes(self._server.call("GET", f"{root}:chunk:{chunk}:sent"))
        found = [
            self._traces[sent.trace(position)]
            for position, index in enumerate(sent.rows)
            if before <= index < after and index not in held
        ]

        def committed(answer: list[Any]) -> None:
            if answer[0] not in (b"ok", b"done"):
                return
            if len(found) != imported:
                self._world.violation(f"chunk {chunk} counts {imported} rows as imported, which are {len(found)}")
            for message in found:
                if message.number in self.imported:
                    self._world.violation(f"message {message.number} is imported twice")
                if len(message.taken) < len(message.features):
                    self._world.violation(f"message {message.number} is imported, says settle; Labelbox has less of it")
                self.imported.add(message.number)
            self._of_chunk.setdefault(chunk, set()).update(message.number for message in found)

        return committed

    def _purging(self, root: str, chunk: str, entries: bytes, *, finish: bool) -> Any:
        """Check that a purge discards only rows of which Labelbox has no import."""
        messages = self._messages_of(root, "discarded", entries, finish=finish)

        def purged(answer: list[Any]) -> None:
            if answer[0] not in (b"ok", b"done"):
                return
            self._model.let_go |= messages
            there = (job for job in self._model.jobs if job.state in ("RUNNING", "FINISHED") and not job.undone)
            if any(job.chunk == chunk for job in there):
                self._world.violation(f"chunk {chunk} is purged, and Labelbox has an import of it")

        return purged

    def _emptying(self, root: str, entries: bytes) -> Any:
        """Note the messages without annotations: from here on, nothing older of their row may come to Labelbox."""
        numbers = self._messages_of(root, NO_ANNOTATIONS, entries, finish=False)

        def emptied(answer: list[Any]) -> None:
            for number in numbers if answer[0] == b"ok" else ():
                message = self._model.messages[number]
                row = (message.project, message.key, message.model)
                self._model.emptied[row] = max(message.order, self._model.emptied.get(row, -1.0))

        return emptied

    def _messages_of(self, root: str, outcome: str, entries: bytes, *, finish: bool) -> set[int]:
        """Return the numbers of the messages that have this outcome by these entries of the history."""
        if finish:
            marks = {row.message for row in Record.from_bytes(entries).rows() if row.outcome == outcome}
        else:
            wanted, size = OUTCOMES.index(outcome), 29
            slices = (entries[at : at + size] for at in range(0, len(entries), size))
            marks = {entry[23:] for entry in slices if entry[16] == wanted}
        project = next(project for project, known in self._roots.items() if known == root)
        mine = (message for message in self._model.messages if message.project == project)
        return {message.number for message in mine if digest_of(f"m{message.number}") in marks}

    def _undoing(self, args: tuple[Any, ...]) -> Any:
        """Check that rows of an undone import were imported until now, and that Labelbox has nothing of that import."""

        def undone(answer: list[int]) -> None:
            for chunk, rows in zip(args[4:], answer, strict=True):
                mine = self._of_chunk.get(chunk, set()) if rows >= 0 else set()
                if rows >= 0 and (len(mine) != rows or not mine <= self.imported):
                    self._world.violation(f"{rows} rows of chunk {chunk} are undone, which are {sorted(mine)}")
                there = (job for job in self._model.jobs if job.state in ("RUNNING", "FINISHED"))
                if mine and any(job.chunk == chunk for job in there):
                    self._world.violation(f"chunk {chunk} is undone, and Labelbox has an import of it")
                self.imported -= mine
                self.undone |= mine

        return undone

    def _permitted(self, answer: list[Any]) -> None:
        if answer[0] == b"go":
            self._world.current.permit_at = self._world.now

    def _stopping(self, args: tuple[Any, ...]) -> Any:
        """From here on nobody may send for so long, but who has a permit in hand."""
        stop, seconds = args[4], int(args[5]) / 1000
        if stop == "throttled":
            self._model.throttled.append((self._world.now, self._world.now + seconds))

    def rate(self, per_minute: int) -> None:
        """Requests of any 60 s, but those that came too late after their permit."""
        times = [at for at, late in self._model.requests if not late]
        for at in range(len(times) - per_minute):
            if times[at + per_minute] - times[at] < _WINDOW_SECONDS:
                self._world.violation(f"more than {per_minute} requests in the minute from {times[at]:.3f} s")
                return

    def at_the_end(self) -> None:
        """Everything published has an outcome, and what stands in Labelbox is the newest that was imported."""
        published = 0
        for project, root in self._roots.items():
            published += int(self._server.call("HGET", f"{root}:counts", "published") or 0)
            dead = self._dead(root)
            for key in {(m.key, m.model) for m in self._model.messages if m.project == project}:
                self._row(project, key, dead)
        certain = sum(message.state == "answered" for message in self._model.messages)
        perhaps = sum(message.state == "maybe" for message in self._model.messages)
        if not certain <= published <= certain + perhaps:
            self._world.violation(f"{certain} messages were answered, {perhaps} perhaps; published are {published}")

    def _row(self, project: str, key: tuple[str, str], dead: set[int]) -> None:
        """Check the outcome of one data row and model."""
        mine = [m for m in self._model.messages if (m.project, m.key, m.model) == (project, *key)]
        imported = [message for message in mine if message.number in self.imported]
        if imported:
            newest = max(imported, key=lambda message: message.order)
            for uuid in newest.taken - self._gone(project):
                standing = self._model.content.get((project, uuid))
                if standing is None or standing.order < newest.order:
                    self._world.violation(f"message {newest.number} is imported and does not stand in Labelbox")
        for message in mine:
            if message.number in self.undone and any(s.message == message.number for s in self._model.content.values()):
                self._world.violation(f"message {message.number} is undone and stands in Labelbox")
            if message.state == "answered" and message.number not in self.imported | self.undone | dead:
                self._superseded(message, mine)

    def _gone(self, project: str) -> set[str]:
        """What imports that were deleted had brought or overridden: it does not come back."""
        jobs = (job for job in self._model.jobs if job.project == project and job.undone)
        return {line.uuid for job in jobs for line in job.lines}

    def _superseded(self, message: Message, mine: list[Message]) -> None:
        """It was superseded, skipped or discarded; only a newer message that fits may have superseded it."""
        if message.number in self._model.let_go or message.project in self._model.skips or message.flaw == "bad":
            return
        if not message.features:
            return
        if not any(other.order > message.order and other.flaw != "bad" for other in mine):
            self._world.violation(f"message {message.number} is gone, and no newer one that fits took its place")

    def _dead(self, root: str) -> set[int]:
        bodies = self._server.raw.hvals(f"{root}:held:body")
        return {int(orjson.loads(body.partition(b"\n")[2])["messageId"][1:]) for body in bodies}
