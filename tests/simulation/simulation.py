"""One seed: a small world, some hundred steps in which anything can go wrong, then calm until all rows are settled."""

import hashlib
import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import cast

import redis

from prelabel.wire import keys
from prelabel_worker.accounts.pacing import Pacer
from prelabel_worker.accounts.pauses import Pauses
from prelabel_worker.accounts.rate_limiter import Permits
from prelabel_worker.dead_letters.store import HeldRows
from prelabel_worker.errors import PurgeEnded
from prelabel_worker.labelbox.client import Labelbox
from prelabel_worker.labelbox.errors import RequestError
from prelabel_worker.operations.projects import Projects
from prelabel_worker.operations.purge import Purge
from prelabel_worker.operations.undo import Service, Undo
from prelabel_worker.operations.undo_ledger import UndoLedger
from prelabel_worker.queries.imports import Imports
from prelabel_worker.settings import Settings, load_settings
from tests.simulation.checks import GARBAGE, Checks
from tests.simulation.labelbox_model import Connection, Habits, LabelboxModel, Message
from tests.simulation.patches import CLOCK, ENTROPY
from tests.simulation.producers import Producer, shares_frames
from tests.simulation.wire import Client, Server, Wire
from tests.simulation.workers import Celery, Worker
from tests.simulation.world import Process, World

PREFIX = "s"
_LANES = 2
_LIMIT_SECONDS = 20.0
_TIMEOUT_SECONDS = 8.0
_AUDIT_EVERY = 40  # steps; the check in Lua, which is cheap, goes after each one
_MOST_STEPS_TO_CALM = 9000
_DELICATE = ("upload", "move", "WAITAOF")
_FLAWS = ("bad", "bad", "poison", "poison", "poison", "killer", "breaker")
EXPECTED = (redis.RedisError,)


@dataclass(frozen=True)
class Outcome:
    """The result of one seed."""

    seed: int
    steps: int
    messages: int
    problem: str
    history: list[str]
    digest: str


class Patience:
    """Stands for the event that ends an undoing: it never does, and its waits are of virtual time."""

    def __init__(self, world: World) -> None:
        self._world = world

    def is_set(self) -> bool:
        return False

    def wait(self, seconds: float) -> None:
        self._world.sleep(seconds)


@cache
def _settings(per_minute: int, burst: int) -> Settings:
    return load_settings(
        key_prefix=PREFIX,
        durability="waitaof",
        labelbox_api_key="simulated",
        requests_per_minute=per_minute,
        request_burst=burst,
        request_timeout_seconds=_TIMEOUT_SECONDS,
        server_limit_seconds=_LIMIT_SECONDS,
        import_deadline_seconds=150,
        poll_min_seconds=0.5,
        poll_max_seconds=8,
        backoff_base_seconds=1,
        backoff_max_seconds=8,
        chunk_rows=4,
        linger_seconds=0.3,
        open_chunks=3,
        lease_seconds=5,
        history_days=1,
        dead_letter_days=30,
    )


class Simulation:
    """The scheduler of a seed: it decides which task continues, what breaks, and what people do."""

    def __init__(self, seed: int, server: Server) -> None:
        self.world = world = World(seed, EXPECTED)
        self.random = random = world.random
        CLOCK.world = ENTROPY.world = world
        self.server = server
        self.wire = Wire(server, world)
        tight = random.random() < 0.2
        self._per_minute = 30 if tight else 1200
        self._settings = _settings(self._per_minute, 6 if tight else 60)
        self._projects = ["p", "q"][: random.choice([1, 1, 2])]
        self.messages: list[Message] = []
        self.model = LabelboxModel(world, self._habits(), self.messages)
        roots = {project: keys.project_root(PREFIX, project) for project in self._projects}
        self.checks = Checks(world, server, self.wire, self.model, roots)
        self._roots = roots
        self._celery = Celery(world)
        self._spools: Path | None = server.folder / "spools" if random.random() < 0.5 else None
        if self._spools:
            shutil.rmtree(self._spools, ignore_errors=True)
        self._names = self._renewals = 0
        self._renewing: set[tuple[str, str]] = set()  # data rows whose dead letters the operator makes new
        self._faults = random.choice([0.0, 0.02, 0.05, 0.1])
        self._aims, self._stops = random.choice([0.0, 0.1, 0.4]), random.choice([0.0, 0.5, 1.0])
        self._lost_hints = random.choice([0.0, 0.1, 0.3])
        self._flaws = random.choice([0.0, 0.2, 0.4])
        self._rows = random.choice([2, 3, 5])
        self._models = random.choice([1, 2])
        self._publishes = random.choice([0.03, 0.08, 0.15])
        self._operates = random.choice([0.01, 0.05])
        self.wire.loses_answers = random.choice([0.0, 0.01, 0.03])
        self.workers = [self._worker() for _ in range(random.choice([1, 2, 3]))]
        self.producers = [self._producer() for _ in range(random.choice([1, 2]))]
        self._operator = Process(world, "operator")
        client = Client(self.wire, self._operator)
        self._pauses = Pauses(client, PREFIX)
        self._held, self._project_changes = HeldRows(client, PREFIX), Projects(client, PREFIX)
        # In some seeds only: the others, which `test_simulation.py` names, stay as they are.
        self._undoes = 0.6 if world.seed % 4 == 3 else 0.0
        self._empty = 0.3 if world.seed % 5 == 2 else 0.0
        self._purges = 0.3 if world.seed % 6 == 4 else 0.0
        self._operates = 0.1 if self._undoes or self._purges else self._operates
        self.wire.watch["retry"] = self._retrying
        self.wire.watch["purge_held"] = self._purging_held
        for row in range(self._rows if random.random() < 0.3 else 0):
            self.model.missing_until[f"row{row}"] = random.uniform(0, 40)
        for project in self._projects:
            server.call("HSET", f"{roots[project]}:meta", "lanes", _LANES)
            server.call("ZADD", keys.projects(PREFIX), world.now_ms, project)
            if random.random() < 0.15:
                policy = random.choice(["skip", "dead-letter"])
                server.call("HSET", f"{roots[project]}:overrides", "policy", policy)
                self.model.skips |= {project} if policy == "skip" else set()
        self._hostile = world.seed % 8 == 5
        if self._hostile:
            self._be_hostile()

    def _be_hostile(self) -> None:
        """Somebody who may publish writes names that are none, and keys of other projects that are garbage."""
        call, projects = self.server.call, keys.projects(PREFIX)
        roots = {name: keys.project_root(PREFIX, f"{GARBAGE}-{name}") for name in ("timers", "lanes", "chunk", "types")}
        call("HSET", f"{roots['timers']}:timers", "x", "y")
        call("HSET", f"{roots['lanes']}:meta", "lanes", "1000000000")
        call("ZADD", f"{roots['lanes']}:timers", 0, "group")
        call("HSET", f"{roots['chunk']}:chunk:c1", "state", "running", "lease", 0, "due", 0, "rows", "many")
        call("HSET", f"{roots['chunk']}:chunk:c2", "state", "open", "lease", "x", "due", "x")
        call("ZADD", f"{roots['chunk']}:timers", 0, "chunk:c1", 0, "chunk:c2", 0, b"chunk:\xff", 0, b"\xfe")
        call("ZADD", f"{roots['types']}:retrying:queued", 0, "x")
        call("HSET", f"{roots['types']}:retrying", "x", "y")
        call("ZADD", f"{roots['types']}:timers", 0, "retry", 0, "expire", 0, "group")
        for name in (b"\xff\xfe", b"two words", b"", *(f"{GARBAGE}-{name}".encode() for name in roots)):
            call("ZADD", projects, 0, name)

    def _habits(self) -> Habits:
        random = self.random
        return Habits(
            trouble=random.choice([0.0, 0.1, 0.3, 0.6]),
            repeated_name=random.choice(["refuse", "newest", "oldest"]),
            lost_lines=random.choice([0.0, 0.0, 0.1]),
            stuck=random.choice([0.0, 0.0, 0.05]),
            deleted=random.choice([0.0, 0.0, 0.05]),
            most_lines=random.choice([4, 6, 100]),
            slow=random.random() < 0.5,
            limit_seconds=_LIMIT_SECONDS,
            timeout_seconds=_TIMEOUT_SECONDS,
        )

    def _name(self, kind: str) -> str:
        self._names += 1
        return f"{kind}{self._names}"

    def _worker(self) -> Worker:
        return Worker(self.world, self._name("worker"), self.wire, self._celery, self.model, self._settings)

    def _producer(self) -> Producer:
        return Producer(self.world, self._name("producer"), self.wire, PREFIX, self._spools)

    # -- one seed

    def run(self, steps: int) -> Outcome:
        world = self.world
        while world.steps < steps and world.broken is None:
            self._step(self._chaotic)
        self._calm()
        self._settle()
        if world.broken is None and self._retry_all():
            self._settle()
        if world.broken is None and self._undoes:
            self._end_undoing()
        if world.broken is None and self._purges:
            self._end_purging()
        if world.broken is None:
            self._finish()
        self._clear()
        problem = str(world.broken) if world.broken else ""
        digest = hashlib.blake2b(repr(world.history).encode(), digest_size=8).hexdigest()
        history = [f"{at:5} {now:9.3f} {who:10} {what}" for at, now, who, what in world.history] if problem else []
        return Outcome(world.seed, world.steps, len(self.messages), problem, history, digest)

    def _finish(self) -> None:
        """What Labelbox still does, and the sums."""
        while (at := self.model.next_event()) < float("inf"):
            self._advance_to(at)
        self.checks.now()
        self.checks.audit(PREFIX)
        self.checks.rate(self._per_minute)
        self.checks.at_the_end()

    def _clear(self) -> None:
        for process in [*self.workers, self._operator]:
            process.kill()
        for producer in self.producers:
            producer.crash()

    def _step(self, choose: Callable[[], None]) -> None:
        world = self.world
        world.steps += 1
        choose()
        for producer in self.producers:
            producer.hear_answers()
        if world.steps % _AUDIT_EVERY == 0:
            self.checks.audit(PREFIX)

    # -- choices

    def _chaotic(self) -> None:
        roll = self.random.random()
        if roll < self._faults:
            self._fault()
        elif self._faults and self.random.random() < self._aims and (delicate := self._at_delicate()):
            self._aimed(self.random.choice(delicate))
        elif roll < self._faults + self._publishes:
            self._publish()
        elif roll < self._faults + self._publishes + self._operates:
            self._operate()
        elif self.random.random() < 0.08:
            self._advance_to(self.world.now + self.random.expovariate(1.0))
        elif self.random.random() < 0.15:
            self._tick() or self._continue()
        elif self.random.random() < 0.3:
            self._deliver() or self._continue()
        else:
            self._continue()

    def _calmly(self) -> None:
        if self.random.random() < 0.1 and self._deliver():
            return
        self._continue()

    def _continue(self) -> None:
        """Some task, or a hint, or a tick; when nobody can do anything, time passes."""
        runnable = self.world.runnable()
        if runnable:
            task = self.random.choice(runnable)
            burst = 0 if self.random.random() < 0.3 and task.name != "tick" else self.random.randrange(1, 12)
            self.world.resume(task, burst)
        elif not self._deliver() and not self._tick():
            self._advance_to(max(self.world.now + 0.001, self._next_event()))

    def _deliver(self) -> bool:
        """Celery gives somebody a hint: late, twice or never."""
        queue = self._celery.queue
        workers = [worker for worker in self.workers if worker.can_work()]
        if not queue or not workers:
            return False
        at = self.random.randrange(len(queue))
        roll = self.random.random() if self.world.chaos else 1.0
        hint = queue[at] if roll < self._lost_hints / 2 else queue.pop(at)
        if not self._lost_hints / 2 <= roll < self._lost_hints:
            worker = self.random.choice(workers)
            self.world.note(worker.name, f"takes {hint.stage} {hint.args}")
            worker.work(hint)
        return True

    def _tick(self) -> bool:
        among = self.workers if self.world.chaos else self.workers[:1]  # one that looks is enough
        workers = [worker for worker in among if worker.can_tick()]
        if workers:
            self.random.choice(workers).tick()
        return bool(workers)

    def _next_event(self) -> float:
        """Return the nearest time at which anything can happen."""
        now = self.world.now
        times = [task.wake_at for task in self.world.tasks]
        times += [process.stopped_until for process in (*self.workers, *self.producers) if process.stopped_until > now]
        times += [worker.next_tick for worker in self.workers if worker.next_tick > now]
        return min([self.model.next_event(), *(at for at in times if at > now)])

    def _advance_to(self, at: float) -> None:
        world = self.world
        while self.model.next_event() <= at:
            world.now = max(world.now, self.model.next_event())
            self.model.continuing()
        world.now = max(world.now, at)
        self.wire.expire()

    # -- what people and programs do

    def _publish(self) -> None:
        random = self.random
        producer = random.choice(self.producers)
        for _ in range(random.choice([3, 5, 6] if shares_frames(self.world) else [1, 1, 2, 4])):
            project = random.choice(self._projects)
            key, model = f"row{random.randrange(self._rows)}", f"m{random.randrange(self._models)}"
            if any(self._unanswered(other, project, key) for other in self.producers if other is not producer):
                continue  # only what one has been answered comes before what another publishes
            if self._operator.tasks and (project, key) in self._renewing:
                continue  # and a retry as new: which of the two is the newer is said by who comes first
            flaw = random.choice(_FLAWS) if random.random() < self._flaws else ""
            features: tuple[int, ...] = random.choice([(0,), (0, 0), (0, 1), (1,)])
            if self._empty and random.random() < self._empty:
                features, flaw = (), ""
            number = len(self.messages)
            message = Message(number, project, key, model, features, flaw, float(number))
            self.messages.append(message)
            self.checks.know(message)
            self.world.note(producer.name, f"publishes {number}: {project} {key} {model} {features} {flaw}")
            producer.publish(message)

    def _unanswered(self, producer: Producer, project: str, key: str) -> bool:
        return any(message.key == key for message in producer.pending.get(project, ()))

    def _operate(self) -> None:
        random = self.random
        if self._operator.tasks:
            if (self._undoes or self._purges) and random.random() < 0.3:
                self._kill_operator()
            return
        project = random.choice(self._projects)
        if self._purges and random.random() < self._purges:
            self._purge(project)
            return
        if self._undoes and random.random() < self._undoes:
            self._undo(project, random.choice([0.3, 1.0]))
            return
        roll = random.random()
        if roll < 0.55:
            self._act_on_dead_letters(project)
        elif roll < 0.65:
            self._do(
                "pause", lambda: self._pauses.pause_project(project, "simulated", random.choice([2.0, 30.0, None]))
            )
        elif roll < 0.85:
            self._do("resume", lambda: self._project_changes.resume(project))
        else:
            self._do("flush", lambda: self._project_changes.flush(project))

    def _undo(self, project: str, share: float) -> None:
        """Some of a project's imports, and those whose undoing was begun."""
        client = Client(self.wire, self._operator)
        permits = Permits(client, PREFIX, self._settings.account, self._per_minute, self._settings.request_burst)
        service = Service(cast("Labelbox", Connection(self.model, self._operator)), Pacer(permits))
        imports, ledger = Imports(client, PREFIX), UndoLedger(client, self._settings)
        action = Undo(imports, ledger, lambda _: service, stop=cast("threading.Event", Patience(self.world)))

        def work() -> None:
            known = [*imports.settled(project), *imports.open(project), *imports.undoing(project)]
            chosen = [each for each in known if each.import_id and (each.undoing or self.random.random() < share)]
            with suppress(RequestError):
                action.run(project, chosen)

        self._do("undo", work)

    def _purge(self, project: str, timeout: float = 30.0) -> None:
        """Everything of a project that has no outcome yet is discarded; the operator may be killed meanwhile."""
        stop = cast("threading.Event", Patience(self.world))
        action = Purge(Client(self.wire, self._operator), self._settings, stop=stop)

        def work() -> None:
            with suppress(PurgeEnded):
                action.run(project, "operator", timeout)

        self._do(f"purge {project}", work)

    def _purging_held(self, args: tuple[object, ...]) -> Callable[[int], None]:
        """Held rows that a purge discards have their outcome."""
        held = f"{args[3]}:held:body"
        ids = [str(held_id) for held_id in args[4:]]
        bodies = dict(zip(ids, self.server.raw.hmget(held, ids), strict=True))

        def purged(_: int) -> None:
            gone = (body for held_id, body in bodies.items() if body and not self.server.raw.hexists(held, held_id))
            self.model.let_go |= {_number_of(body) for body in gone}

        return purged

    def _kill_operator(self) -> None:
        self.world.note("operator", f"is killed: {[task.at for task in self._operator.tasks]}")
        for task in list(self._operator.tasks):
            task.drop()

    def _do(self, what: str, work: Callable[[], object]) -> None:
        self.world.note("operator", what)
        self._operator.spawn(what, work)

    def _act_on_dead_letters(self, project: str) -> None:
        """Retry, retry as new, or discard some dead letters; before a retry what was wrong is fixed, perhaps."""
        random = self.random
        bodies = self._dead_letters(project)
        if not bodies:
            return
        ids = sorted(bodies, key=int)
        ids = ids if random.random() < 0.3 else [random.choice(ids)]
        roll = random.random()
        messages = [bodies[each] for each in ids]
        if roll < 0.15:
            self._do(f"discard {ids}", lambda: self._held.discard(project, ids))
            self.model.let_go |= {message.number for message in messages}
            return
        if random.random() < 0.6:
            for message in messages:
                message.flaw = "bad" if message.flaw == "bad" else ""
        if roll < 0.4 and not any(self._unanswered(each, project, m.key) for each in self.producers for m in messages):
            self._renewing = {(project, message.key) for message in messages}
            self._do(f"retry as new {ids}", lambda: self._held.retry(project, ids, as_new=True))
        else:
            self._do(f"retry {ids}", lambda: self._held.retry(project, ids))

    def _dead_letters(self, project: str) -> dict[str, Message]:
        """Return the dead letters of a project and their messages."""
        root = self._roots[project]
        found = {}
        for dead_letter in self.server.raw.zrange(f"{root}:dead", 0, -1):
            body = self.server.raw.hget(f"{root}:held:body", dead_letter)
            found[dead_letter.decode()] = self.messages[_number_of(body)]
        return found

    def _retrying(self, args: tuple[object, ...]) -> Callable[[list[int]], None] | None:
        """Dead letters that are sent back as new are the newest from this command on."""
        number, ids = args[5], args[6:]
        if number != "new":
            return None
        dead_letters = self._dead_letters(next(project for project, root in self._roots.items() if root == args[3]))

        def retried(answer: list[int]) -> None:
            for dead_letter in ids:
                if dead_letter in dead_letters:
                    self._renewals += 1
                    dead_letters[str(dead_letter)].order = len(self.messages) - 1 + self._renewals / 10_000

        return retried

    # -- what breaks

    def _fault(self) -> None:
        random, world = self.random, self.world
        roll = random.random()
        if roll < 0.2:
            self._kill(random.choice(self.workers))
        elif roll < 0.55:
            self._stop(random.choice([*self.workers, *self.producers]))
        elif roll < 0.7:
            if self.wire.lost_tail is None:
                world.note("redis", "writes to memory only")
                self.wire.plan_restart(self._what_is_known())
            else:
                self._restart_redis()
        elif roll < 0.8:
            self.wire.away_until = world.now + random.choice([random.uniform(0.1, 5), random.uniform(0, 60)])
            world.note("redis", f"is away until {self.wire.away_until:.1f}")
        elif roll < 0.9:
            self._crash(random.choice(self.producers))
        elif roll < 0.95:
            key = f"row{random.randrange(self._rows)}"
            self.model.missing_until[key] = world.now + random.uniform(1, 60)
            world.note("labelbox", f"{key} is missing for a while")
        else:
            self._advance_to(world.now + random.uniform(0, 30))

    def _at_delicate(self) -> list[Process]:
        """Processes that are just about something that cannot be taken back."""
        processes = (*self.workers, *self.producers)
        return [each for each in processes if any(task.at.startswith(_DELICATE) for task in each.tasks)]

    def _aimed(self, process: Process) -> None:
        """What this seed does to them."""
        if process.stopped_until > self.world.now:
            return
        if self.random.random() < self._stops:
            self._stop(process)
        elif isinstance(process, Worker):
            self._kill(process)
        elif isinstance(process, Producer):
            self._crash(process)

    def _stop(self, process: Process) -> None:
        seconds = self.random.uniform(*self.random.choice([(0, 10), (0, 60), (30, 60)]))
        self.world.note(process.name, f"is stopped for {seconds:.1f} s: {[task.at for task in process.tasks]}")
        process.stop(seconds)
        process.connection_lost = self.random.random() < 0.3

    def _kill(self, worker: Worker) -> None:
        self.world.note(worker.name, f"is killed: {[task.at for task in worker.tasks]}")
        worker.kill()
        self.workers[self.workers.index(worker)] = self._worker()

    def _crash(self, producer: Producer) -> None:
        self.world.note(producer.name, "is killed")
        left, at = producer.crash(), self.producers.index(producer)
        self.producers[at] = self._producer()
        self.producers[at].adopt(left)
        if self.random.random() < 0.5:
            self.producers[at].stop(self.random.uniform(0, 30))  # it is started later

    def _restart_redis(self) -> None:
        self.world.note("redis", "restarts; what was in memory only is lost")
        self.wire.restart()
        self.checks.now()
        for process in (*self.workers, *self.producers, self._operator):
            process.connection_lost = self.random.random() < 0.5

    def _what_is_known(self) -> Callable[[], None]:
        """Puts back what the checks know of the state that is lost."""
        imported, undone, let_go = set(self.checks.imported), set(self.checks.undone), set(self.model.let_go)
        orders, throttled = {message.number: message.order for message in self.messages}, list(self.model.throttled)

        def undo() -> None:
            self.checks.imported, self.model.let_go, self.model.throttled = imported, let_go, throttled
            self.checks.undone = undone
            for number, order in orders.items():
                self.messages[number].order = order

        return undo

    # -- the end

    def _calm(self) -> None:
        """No more faults; what was stopped continues, who was paused is resumed, rows are there."""
        world = self.world
        if self.wire.lost_tail is not None and self.random.random() < 0.5:
            self._restart_redis()
        self.wire.durable()
        world.chaos = False
        self.wire.away_until = 0.0
        for process in (*self.workers, *self.producers):
            process.stopped_until = min(process.stopped_until, world.now + 60)
        world.note("world", "calm")
        if self._hostile:
            self._be_hostile()
        for project in self._projects:
            self._operator.spawn("resume", partial(self._project_changes.resume, project))

    def _settle(self) -> None:
        """Work until every row has its outcome."""
        world = self.world
        last = world.steps + _MOST_STEPS_TO_CALM
        while world.broken is None and not self._is_settled():
            if world.steps > last:
                world.violation(f"not settled after {_MOST_STEPS_TO_CALM} calm steps: {self._what_waits()}")
            self._step(self._calmly)

    def _retry_all(self) -> bool:
        """What was wrong with dead letters is fixed, and most go back with their old numbers; whether there are any.

        Or only those go back that should be too late, since there is a newer message.
        """
        some, late = False, self.random.random() < 0.5
        for project in self._projects:
            dead_letters = self._dead_letters(project)
            ids = [each for each in sorted(dead_letters, key=int) if self.random.random() < 0.8]
            ids = [each for each in ids if not late or self._has_newer(dead_letters[each])]
            for message in dead_letters.values():
                message.flaw = "bad" if message.flaw == "bad" else ""
            if ids:
                self._do(f"retry {ids}", partial(self._held.retry, project, ids))
                some = True
        return some

    def _end_undoing(self) -> None:
        """Some more is undone, and broken off; what was begun is ended by the same command."""
        for project in self._projects:
            self._undo(project, 0.5)
        for _ in range(self.random.randrange(60)):
            self._step(self._calmly)
        self._kill_operator()
        for project in self._projects:
            self._undo(project, 0.0)
        self._settle()
        for project, root in self._roots.items():
            if self.server.raw.exists(f"{root}:undoing"):
                self.world.violation(f"an undoing of {project} does not end")

    def _end_purging(self) -> None:
        """A purge that is killed is resumed by the same command; then nothing is left, and rows are taken again."""
        for project in self._projects:
            self._purge(project)
        for _ in range(self.random.randrange(60)):
            self._step(self._calmly)
        self._kill_operator()
        for project in self._projects:
            self._purge(project, 600.0)
        self._settle()
        for project, root in self._roots.items():
            if self.server.raw.zcard(f"{root}:dead") or self.server.raw.hexists(f"{root}:meta", "purgeSeq"):
                self.world.violation(f"the purge of {project} does not end")

    def _has_newer(self, message: Message) -> bool:
        row = (message.project, message.key, message.model)
        return any((m.project, m.key, m.model) == row and m.order > message.order for m in self.messages)

    def _is_settled(self) -> bool:
        if self.world.steps % 10 or any(
            producer.outboxes.own and self._rows_of(producer) for producer in self.producers
        ):
            return False
        if any(not task.daemon for task in self.world.tasks) or self._celery.queue:
            return False
        self._resume_paused()
        return not self._what_waits()

    def _rows_of(self, producer: Producer) -> int:
        return sum(box.buffer.rows for box in producer.outboxes.every())

    def _resume_paused(self) -> None:
        """Somebody looks after projects that a bisection has paused, or whose purge was killed or took too long."""
        for project, root in self._roots.items():
            if self.server.raw.hexists(f"{root}:meta", "purgeSeq") and not self._operator.tasks:
                if self.random.random() < 0.5:
                    self._purge(project)
                else:
                    self._do("resume", partial(self._project_changes.resume, project))
            until = self.server.call("HGET", f"{root}:meta", "pausedUntil")
            if until and int(until) > self.world.now_ms + 90_000:
                self._operator.spawn("resume", partial(self._project_changes.resume, project))

    def _what_waits(self) -> str:
        """Return the numbers of rows without an outcome, by project."""
        found = []
        for project, root in self._roots.items():
            status = self._reader_pending(root)
            if status:
                found.append(f"{project}: {status}")
        return ", ".join(found)

    def _reader_pending(self, root: str) -> int:
        counts = {name.decode(): int(rows) for name, rows in self.server.raw.hgetall(f"{root}:counts").items()}
        return counts.pop("published", 0) - sum(counts.values())


def _number_of(body: bytes) -> int:
    """Return the number of the message that a held row has in its body."""
    return int(body.rpartition(b'"messageId":"m')[2].partition(b'"')[0])


def simulate(seed: int, steps: int, server: Server) -> Outcome:
    """Run one seed. The patches must be installed and the scripts loaded."""
    return Simulation(seed, server).run(steps)
