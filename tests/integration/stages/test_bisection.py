"""Bisection of a refused file down to the bad row: its cost, when it gives up, and its state after a crash."""

import random
from collections.abc import Callable, Collection
from types import SimpleNamespace
from typing import Literal, cast

import pytest
import redis

from prelabel.wire.client import Client
from prelabel_worker.accounts.pauses import Pauses
from prelabel_worker.chunks.chunk import Chunk
from prelabel_worker.chunks.ledger import Ledger
from prelabel_worker.chunks.project_memory import ProjectMemory
from prelabel_worker.stages.bisect import bisect
from prelabel_worker.stages.context import StageContext
from tests.support.mortal import Killed, Mortal
from tests.support.project import Project, message
from tests.support.rig import Rig
from tests.support.sandbox.process import SandboxProcess


def context(project: Project, client: Client) -> StageContext:
    """The context that `bisect` needs; hints are lost, since only the timers matter here."""
    needed = SimpleNamespace(
        ledger=Ledger(client, project.settings),
        memory=ProjectMemory(client, project.settings),
        pauses=Pauses(client, project.settings.key_prefix),
        settings=project.settings,
        hint=lambda *_: None,
    )
    return cast("StageContext", needed)


class Bisection:
    """A worker that sends files to a Labelbox that refuses those with a poison row."""

    def __init__(self, project: Project, poison: Collection[str], refused: Literal["upload", "import"]) -> None:
        self._project = project
        self._poison = {message(key).raw for key in poison}
        self._refused = refused
        self.requests = 0
        self.spent = 0

    def work(self) -> None:
        """Work until every row has its outcome, or the project is paused."""
        while self.names() and not self.spent:
            for name in self.names():
                if not self.spent:
                    self.send(self._project.take(name))

    def names(self) -> list[str]:
        return [name.decode() for name in self._project.client.zrange(f"{self._project.root}:chunks", 0, -1)]

    def send(self, chunk: Chunk) -> None:
        project = self._project
        rows = project.rows(chunk)
        self.requests += 1
        poison = [row for row in rows if row.raw in self._poison]
        if not poison or self._refused == "import":
            project.send(chunk)
            project.ledger.running(chunk, "i", 0)
            chunk = project.take(chunk.id, "follow")
        if not poison:
            project.settle(chunk, imported=len(rows))
        elif len(rows) == 1:
            project.settle(chunk, imported=0, outcomes=[project.holding(rows[0])])
        elif not bisect(context(project, project.client), chunk, self._refused, why="refused"):
            self.spent += 1
            project.ledger.wait(chunk, 0, why="")


def log2(rows: int) -> int:
    return (rows - 1).bit_length()


@pytest.mark.parametrize("refused", ["upload", "import"])
@pytest.mark.parametrize("seed", range(12))
def test_k_poison_rows_of_n_cost_at_most_2k_log2_n_and_one_requests(
    make_project: Callable[..., Project], seed: int, refused: Literal["upload", "import"]
) -> None:
    dice = random.Random(seed)
    n = dice.randint(2, 250)
    k = dice.randint(1, max(1, n // 8))
    project = make_project(chunk_rows=1000)
    row_keys = [f"k{at}" for at in range(n)]
    project.publish(*map(message, row_keys))
    project.cut()
    bisection = Bisection(project, dice.sample(row_keys, k), refused)

    bisection.work()

    assert not bisection.spent
    assert bisection.requests <= 2 * k * log2(n) + 1
    status = project.status()
    assert (status.imported, status.dead, status.pending) == (n - k, k, 0)


def test_two_bisections_of_a_project_do_not_spend_each_others_budget(make_project: Callable[..., Project]) -> None:
    project = make_project(open_chunks=8)
    poison = [f"a{at}" for at in range(8)]
    for key in poison:  # chunks of different lanes: as many bisections as there are
        project.publish(message(key), message(key, message_id="twin"))
        project.ledger.cut_chunk(project.id)
    bisection = Bisection(project, poison, "upload")
    assert len(bisection.names()) > 2

    bisection.work()

    assert not bisection.spent


def test_uploads_that_are_accepted_are_a_success_before_their_rows_are_settled(project: Project) -> None:
    """Refusals come at once and imports later: a bisection that makes progress must not pause the project."""
    row_keys = [f"k{at}" for at in range(64)]
    project.publish(*map(message, row_keys))
    project.cut()
    poison = {message(key).raw for key in row_keys[::8]}
    running, spent = [], 0
    bisection = Bisection(project, [], "upload")
    while names := [name for name in bisection.names() if name not in running]:
        for name in names:
            chunk = project.take(name)
            rows = project.rows(chunk)
            if not any(row.raw in poison for row in rows):
                project.send(chunk)
                project.ledger.running(chunk, "i", 3600)
                running.append(name)
            elif len(rows) == 1:
                project.settle(chunk, imported=0, outcomes=[project.holding(rows[0])])
            else:
                spent += not bisect(context(project, project.client), chunk, "upload", why="refused")

    assert not spent
    assert project.status().dead == 8


@pytest.mark.parametrize("refused", ["upload", "import"])
def test_a_bisection_without_one_success_pauses_the_project_and_continues_after_it(
    project: Project, refused: Literal["upload", "import"]
) -> None:
    row_keys = [f"k{at}" for at in range(64)]
    project.publish(*map(message, row_keys))
    project.cut()
    bisection = Bisection(project, row_keys, refused)

    bisection.work()

    assert bisection.requests == 4 * 6 + 1
    assert project.client.hget(f"{project.root}:meta", "pauseReason") == b"refused"
    status = project.status()
    assert (status.dead, status.pending) == (0, 64)  # the rows are not at fault
    before = bisection.requests
    for _ in range(20):  # each pause is followed by as many attempts
        project.client.hdel(f"{project.root}:meta", "pausedUntil")
        bisection.spent = 0
        bisection.work()
    assert bisection.requests > before + 4 * 6
    assert project.status().pending == 0  # nothing is blocked for ever


def test_what_a_bisection_counts_goes_with_its_first_success_or_by_itself(project: Project) -> None:
    row_keys = [f"k{at}" for at in range(16)]
    project.publish(*map(message, row_keys))
    name = project.cut()
    bisection = Bisection(project, row_keys[:1], "upload")
    bisection.send(project.take(name))

    (key,) = project.client.scan_iter(f"{project.root}:*:refusals")
    assert key.decode().endswith(f":chunk:{name}:refusals")
    assert 0 < project.client.ttl(key) <= 24 * 3600
    bisection.work()
    assert not list(project.client.scan_iter(f"{project.root}:*:refusals"))


def test_poison_rows_are_found_over_http_within_the_bound(
    client: "redis.Redis", redis_url: str, prefix: str, sandbox: SandboxProcess
) -> None:
    rig = Rig(client, redis_url, prefix, sandbox)
    rig.warm()
    n, poison = 64, ["k7", "k40"]
    for key in poison:
        rig.fault("failed-import", seconds=60, match=f'"{key}"')
    rig.publish(*(f"k{at}" for at in range(n)))

    status = rig.settle()

    assert (status.imported, status.dead_reasons) == (1 + n - 2, {"import-failed": 2})
    assert sorted(each.data_row for each in rig.project.held.dead_letters(rig.project.id)) == ["k:k40", "k:k7"]
    assert rig.creates() - 1 <= 2 * 2 * log2(n) + 1
    rig.close()


# -- a crash at any step -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [False, True])
def test_a_crash_at_any_step_of_a_split_loses_no_row_and_keeps_the_lanes_closed(
    project: Project, redis_url: str, after: bool
) -> None:
    for steps in range(1, 60):
        project.publish(*(message(f"k{at}") for at in range(20)))
        name = project.cut()
        lanes = set(project.take(name).lanes)
        expire(project, name)
        Mortal.left, Mortal.after = 10**9, after
        mortal = redis.Redis.from_url(redis_url, connection_class=Mortal)
        finished = splits_until_killed(project, context(project, mortal), name, steps)
        mortal.close()

        left = Bisection(project, [], "upload")
        timers = {timer.decode() for timer in project.client.zrange(f"{project.root}:timers", 0, -1)}
        assert {f"chunk:{child}" for child in left.names()} <= timers  # somebody will look
        for child in left.names():
            expire(project, child)
        assert project.status().pending == 20
        project.publish(message("k0"))  # of a lane that is closed
        assert project.ledger.cut_chunk(project.id) is None
        first, *rest = left.names()
        assert {lane for child in (first, *rest) for lane in project.take(child).lanes} == lanes
        for child in (first, *rest):
            expire(project, child)
        left.send(project.take(first))
        assert bool(rest) == (project.ledger.cut_chunk(project.id) is None)
        left.work()
        if (again := project.ledger.cut_chunk(project.id)) is not None:
            left.send(project.take(again))
        assert project.status().imported == 21 * steps
        if finished:
            break
    assert finished


def splits_until_killed(project: Project, bisecting: StageContext, name: str, steps: int) -> bool:
    """Run a split that dies; return whether it had reached its end."""
    try:
        chunk = None
        Mortal.left = steps
        chunk = bisecting.ledger.take(project.id, name, "submit")
        assert chunk is not None
        assert bisect(bisecting, chunk, "upload", why="refused")
    except Killed:
        return False
    return True


def expire(project: Project, name: str) -> None:
    """Let the lease end, as if its holder had died."""
    project.client.hset(f"{project.root}:chunk:{name}", mapping={"lease": 1, "due": 1})
