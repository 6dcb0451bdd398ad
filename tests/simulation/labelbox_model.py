"""Labelbox as the issue and docs/reference/labelbox-api.md describe it, in memory: it may fail at every exchange.

`Connection` has the methods of `prelabel_worker.labelbox.client.Labelbox` that stages use. What stands in Labelbox is
kept by (project, uuid): which message put it there.
"""

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import orjson

from prelabel_worker.accounts.rate_limiter import USE_WITHIN_SECONDS
from prelabel_worker.errors import LeaseLost
from prelabel_worker.labelbox import errors
from prelabel_worker.labelbox.decoding import lines_of
from prelabel_worker.labelbox.errors import FileGone, RequestError
from prelabel_worker.labelbox.sent_request import Operation
from prelabel_worker.labelbox.types import Import, ImportName, ProjectOntology, SubmitAs
from tests.simulation.world import Process, World

FEATURES = ("vessel", "buoy")
_NORMALIZED = {
    "tools": [
        {"tool": "rectangle", "name": name, "featureSchemaId": f"f{at}", "schemaNodeId": f"n{at}", "required": False}
        for at, name in enumerate(FEATURES)
    ],
    "classifications": [],
}


@dataclass
class Message:
    """A message of the simulation. `order`: a greater one is the newer. What is wrong with it, if anything:

    `bad`: no feature of the ontology; `poison`: its last annotation is refused; `killer`: a file with it is refused;
    `breaker`: an import with it ends FAILED.
    """

    number: int
    project: str
    key: str
    model: str
    features: tuple[int, ...]
    flaw: str
    order: float
    state: str = "memory"
    taken: set[str] = field(default_factory=set)


@dataclass
class Line:
    """One annotation of an import."""

    message: Message
    uuid: str
    is_last: bool


@dataclass
class Job:
    """An import in Labelbox.

    `stuck`: it never ends; `gone`: its files were refused at least once; `undone`: we deleted it.
    """

    number: int
    project: str
    name: str
    lines: list[Line]
    state: str = "RUNNING"
    status: list[bytes] = field(default_factory=list)
    stuck: bool = False
    gone: bool = False
    undone: bool = False

    @property
    def chunk(self) -> str:
        return self.name.split("-")[1]


@dataclass(frozen=True)
class Standing:
    """What stands in Labelbox under one uuid: of which message, by which import, and how new that was then."""

    message: int
    order: float
    job: int


@dataclass(frozen=True)
class Habits:
    """What this seed's Labelbox is like: chances of faults, and what it makes of a name that exists."""

    trouble: float
    repeated_name: str
    lost_lines: float
    stuck: float
    deleted: float
    most_lines: int
    slow: bool
    limit_seconds: float
    timeout_seconds: float


class LabelboxModel:
    """The service. Everything in it happens at a moment of the world's clock."""

    def __init__(self, world: World, habits: Habits, messages: list[Message]) -> None:
        self.world = world
        self.habits = habits
        self.messages = messages
        self.jobs: list[Job] = []
        self.content: dict[tuple[str, str], Standing] = {}
        # How new the newest message without annotations is, by project, data row and model.
        self.emptied: dict[tuple[str, str, str], float] = {}
        self.missing_until: dict[str, float] = {}
        self.throttled: list[tuple[float, float]] = []
        self.requests: list[tuple[float, bool]] = []
        self.let_go: set[int] = set()
        self.skips: set[str] = set()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    # -- time

    def at(self, seconds: float, what: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (self.world.now + seconds, self._count, what))

    def next_event(self) -> float:
        return self._events[0][0] if self._events else float("inf")

    def continuing(self) -> None:
        """What is due by now."""
        while self._events and self._events[0][0] <= self.world.now:
            heapq.heappop(self._events)[2]()

    # -- imports

    def chance(self, share: float) -> bool:
        return self.world.chaos and self.world.random.random() < share

    def accept(self, project: str, name: str, content: bytes) -> Job:
        """The server acts on an upload. Raises RequestError."""
        known = [job for job in self.jobs if job.project == project and job.name == name]
        if known and self.habits.repeated_name == "refuse":
            raise errors.Conflict("the name exists")
        lines = self._lines(content)
        if len(lines) > self.habits.most_lines:
            raise errors.TooLarge("too many lines")
        if any(line.message.flaw == "killer" for line in lines):
            raise errors.Refused("a line of the file")
        job = Job(len(self.jobs), project, name, lines)
        self._check_new(job)
        self.jobs.append(job)
        self.world.note("labelbox", f"import {job.number} of {name[:25]}: {[each.message.number for each in lines]}")
        if self.chance(self.habits.stuck):
            job.stuck = True
            return job
        random = self.world.random
        seconds = random.uniform(0.1, 40) if self.habits.slow and random.random() < 0.4 else random.uniform(0.1, 3)
        if self.chance(self.habits.deleted):
            self.at(seconds, lambda: self._delete(job))
        else:
            self.at(seconds, lambda: self._finish(job))
        return job

    def _lines(self, content: bytes) -> list[Line]:
        found = []
        for raw in content.splitlines():
            line = orjson.loads(raw)
            box = line["bbox"]
            message = self.messages[int(box["top"])]
            found.append(Line(message, line["uuid"], box["left"] == len(message.features) - 1))
        return found

    def _check_new(self, job: Job) -> None:
        slots = {line.uuid for line in job.lines}
        for other in self.jobs:
            if other.project != job.project:
                continue
            if other.state == "RUNNING" and not other.stuck and slots & {line.uuid for line in other.lines}:
                self.world.violation(f"imports {other.number} and {job.number} of one annotation overlap")
            if other.chunk == job.chunk and other.state in ("RUNNING", "FINISHED") and not other.gone:
                self.world.violation(f"import {job.number} uploads what import {other.number} has")

    def delete(self, number: int) -> bool:
        """An import goes, with what it brought and no other has overridden since: our assumption."""
        job = self.jobs[number]
        there = job.state != "deleted"
        job.undone = True
        self._delete(job)
        for slot in [slot for slot, standing in self.content.items() if standing.job == number]:
            del self.content[slot]
        return there

    def _delete(self, job: Job) -> None:
        job.state = "deleted"
        self.world.note("labelbox", f"import {job.number} deleted")

    def _finish(self, job: Job) -> None:
        if any(line.message.flaw == "breaker" for line in job.lines) or self.chance(self.habits.trouble / 10):
            job.state = "FAILED"
            self.world.note("labelbox", f"import {job.number} FAILED")
            return
        job.state = "FINISHED"
        self.world.note("labelbox", f"import {job.number} FINISHED")
        for line in job.lines:
            message = line.message
            answer: dict[str, Any] = {"uuid": line.uuid, "dataRow": {"globalKey": message.key}, "status": "SUCCESS"}
            if self.missing_until.get(message.key, 0.0) > self.world.now:
                answer |= {"status": "FAILURE", "errors": [{"name": "DataRowNotFound", "message": "no such row"}]}
            elif message.flaw == "poison" and line.is_last:
                answer |= {"status": "FAILURE", "errors": [{"name": "InvalidAnnotation", "message": "refused"}]}
            else:
                self._take(job, line)
            if not self.chance(self.habits.lost_lines):
                job.status.append(orjson.dumps(answer))
                if self.chance(self.habits.lost_lines):
                    job.status.append(orjson.dumps(answer))
        self.world.random.shuffle(job.status)

    def _take(self, job: Job, line: Line) -> None:
        """An annotation takes effect."""
        slot = (job.project, line.uuid)
        standing = self.content.get(slot)
        row = (job.project, line.message.key, line.message.model)
        if self.emptied.get(row, -1.0) > line.message.order:
            self.world.violation(f"message {line.message.number} is imported after a newer one without annotations")
        if standing is not None and standing.order > line.message.order:
            self.world.violation(
                f"message {line.message.number} takes the place of the newer {standing.message} by import {job.number}"
            )
        self.content[slot] = Standing(line.message.number, line.message.order, job.number)
        line.message.taken.add(line.uuid)

    def find(self, project: str, name: str) -> Job | None:
        known = [job for job in self.jobs if job.project == project and job.name == name and job.state != "deleted"]
        if not known:
            return None
        return known[0] if self.habits.repeated_name == "oldest" else known[-1]


class Connection:
    """What a worker process has of Labelbox."""

    def __init__(self, model: LabelboxModel, process: Process) -> None:
        self._model = model
        self._process = process
        self._world = model.world

    def create_import(
        self,
        project_id: str,
        name: str,
        content: Sequence[bytes],
        still_mine: Callable[[], bool],
        *,
        submit_as: SubmitAs,
    ) -> Import:
        model, world = self._model, self._world
        self._world.switch(f"upload {name[:25]}", delicate=True)
        if not still_mine():
            raise LeaseLost
        self._request()
        whole = b"".join(content)
        roll = world.random.random() if world.chaos else 1.0
        trouble = model.habits.trouble
        if roll < trouble * 0.1:
            self._throttled()
        if roll < trouble * 0.2:
            raise errors.Unavailable("nothing was accepted")
        if roll < trouble * 0.35:
            world.note("labelbox", "  the upload is lost")
            self._no_answer()
        if roll < trouble * 0.7:
            limit = model.habits.limit_seconds
            seconds = limit * 0.999 if world.random.random() < 0.1 else world.random.uniform(0, limit * 0.999)
            world.note("labelbox", f"  the upload takes effect in {seconds:.1f} s")
            model.at(seconds, lambda: self._accept_unseen(project_id, name, whole))
            self._no_answer()
        job = model.accept(project_id, name, whole)
        if roll < trouble:
            world.note("labelbox", "  the answer is lost")
            self._no_answer()
        self._world.switch("upload answered", delicate=True)
        return Import(str(job.number), name, "RUNNING", "", "")

    def find_imports(self, names: Sequence[ImportName], _: Operation = Operation.POLL) -> list[Import | None]:
        self._switch(f"look up {' '.join(wanted.name[9:25] for wanted in names)}")
        self._request()
        self._trouble()
        found: list[Import | None] = []
        for wanted in names:
            job = self._model.find(wanted.project_id, wanted.name)
            if job is None:
                found.append(None)
            else:
                ended = job.state != "RUNNING"
                url = f"file:{job.number}" if ended else ""
                status = url if job.state == "FINISHED" else ""
                found.append(Import(str(job.number), job.name, job.state, status, url))
        self._switch("look-up answered")
        return found

    def delete_import(self, import_id: str) -> bool:
        self._switch(f"delete import {import_id}")
        self._request()
        self._trouble()
        there = self._model.delete(int(import_id))
        self._trouble()
        self._switch("deletion answered")
        return there

    def ontology(self, project_id: str) -> ProjectOntology:
        self._switch(f"ontology {project_id}")
        self._request()
        self._trouble()
        self._switch("ontology answered")
        return ProjectOntology(_NORMALIZED, "IMAGE", "simulated")

    def lines(self, url: str) -> Iterator[bytes]:
        return chain.from_iterable(map(lines_of, self.line_blocks(url)))

    def line_blocks(self, url: str) -> Iterator[bytes]:
        job = self._model.jobs[int(url.partition(":")[2])]
        self._switch(f"file of import {job.number}")
        if job.gone or self._model.chance(self._model.habits.trouble / 20):
            job.gone = job.gone or self._world.random.random() < 0.3
            raise FileGone("the address has expired")
        half = len(job.status) // 2
        if job.state == "FAILED":
            yield b"it failed"
            return
        yield b"\n".join(job.status[:half])
        if self._model.chance(self._model.habits.trouble / 10):
            raise errors.Unavailable("the file broke off")
        yield b"\n".join(job.status[half:])

    def _switch(self, at: str) -> None:
        self._world.switch(at)

    def _request(self) -> None:
        """For the rate: when, and whether its permit is older than one may be, since the process was slow."""
        now = self._world.now
        late = now - self._world.current.permit_at > USE_WITHIN_SECONDS
        self._model.requests.append((now, late))
        for since, until in self._model.throttled:
            if since + USE_WITHIN_SECONDS < now < until and not late:
                self._world.violation(f"a request at {now:.3f} s; the account is throttled until {until:.3f} s")

    def _accept_unseen(self, project_id: str, name: str, content: bytes) -> None:
        try:
            self._model.accept(project_id, name, content)
        except RequestError as error:
            self._world.note("labelbox", f"refused unseen: {error}")

    def _no_answer(self) -> None:
        """The connection breaks at once, or nothing comes until the time-out."""
        if self._world.random.random() < 0.5:
            self._world.sleep(self._model.habits.timeout_seconds)
        raise errors.OutcomeUnknown("no answer to the upload")

    def _throttled(self) -> None:
        raise errors.Throttled("slow down", retry_after=self._world.random.choice([None, 1.0, 7.0]))

    def _trouble(self) -> None:
        roll = self._world.random.random() if self._world.chaos else 1.0
        if roll < self._model.habits.trouble * 0.2:
            self._throttled()
        if roll < self._model.habits.trouble:
            raise errors.Unavailable("no answer")
