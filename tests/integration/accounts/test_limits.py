"""Budgets, timers and leases in a real Redis."""

import itertools
import threading
import time
from collections.abc import Callable

import redis

from prelabel.wire import keys
from prelabel_worker.accounts.pauses import Pauses
from prelabel_worker.accounts.rate_limiter import Permits
from prelabel_worker.chunks.chunk import Verdict
from prelabel_worker.chunks.leases import Leases
from prelabel_worker.chunks.ledger import Ended
from prelabel_worker.runtime.timers import Timers
from tests.support.project import Project, message


def test_permits_of_any_minute_never_exceed_the_limit(client: "redis.Redis", prefix: str) -> None:
    permits = Permits(client, prefix, "a", per_minute=600, burst=100)

    times = sorted(permits.reserve().wait for _ in range(1500))

    assert times[:100] == [0.0] * 100
    for start in range(len(times)):
        in_a_minute = [each for each in times[start:] if each <= times[start] + 60]
        assert len(in_a_minute) <= 600
    assert times[-1] < 1400 / (500 / 61) + 1  # and the steady rate is used


def test_a_command_with_another_limit_neither_changes_nor_exceeds_that_of_the_workers(
    client: "redis.Redis", prefix: str
) -> None:
    worker = Permits(client, prefix, "a", per_minute=600, burst=100)
    command = Permits(client, prefix, "a", per_minute=100_000, burst=50_000)
    account = keys.account(prefix, "a")

    worker.reserve("upload")
    waits = sorted(command.reserve().wait for _ in range(300))

    assert waits[:99] == [0.0] * 99
    assert waits[-1] > 20
    assert client.hmget(account, "perMinute", "burst") == [b"600", b"100"]


def test_a_command_uses_its_own_limit_only_while_no_worker_has_set_one(client: "redis.Redis", prefix: str) -> None:
    command = Permits(client, prefix, "a", per_minute=100, burst=2)

    assert [command.reserve().wait > 0 for _ in range(3)] == [False, False, True]
    assert client.hget(keys.account(prefix, "a"), "perMinute") is None

    Permits(client, prefix, "a", per_minute=6000, burst=1000).reserve("follow")
    assert command.reserve().wait == 0


def test_the_limit_of_an_account_is_that_of_the_worker_that_asked_last(client: "redis.Redis", prefix: str) -> None:
    for per_minute in (600, 900):
        Permits(client, prefix, "a", per_minute=per_minute, burst=100).reserve("follow")

    assert client.hget(keys.account(prefix, "a"), "perMinute") == b"900"


def test_a_pause_holds_for_all_workers_of_the_account_and_for_no_other_account(
    client: "redis.Redis", prefix: str
) -> None:
    other_worker = Permits(client, prefix, "a", per_minute=600, burst=100)
    another_account = Permits(client, prefix, "b", per_minute=600, burst=100)

    Pauses(client, prefix).stop_account("a", "throttled", 30)

    permit = other_worker.reserve()
    assert not permit.reserved
    assert 29 < permit.wait <= 30
    assert another_account.reserve().wait == 0


def test_a_shorter_pause_does_not_shorten_a_longer_one(client: "redis.Redis", prefix: str) -> None:
    permits = Permits(client, prefix, "a", per_minute=600, burst=100)
    pauses = Pauses(client, prefix)
    pauses.stop_account("a", "long", 100)
    pauses.stop_account("a", "short", 1)

    assert permits.reserve().wait > 90


def timers(project: Project) -> Timers:
    return Timers(project.client, project.settings.key_prefix, project.settings.lease_seconds)


def test_a_due_timer_is_returned_once_and_again_after_its_lease(project: Project) -> None:
    project.publish(message("a"))

    due, _ = timers(project).due(10)
    assert [(each.stage, each.project_id) for each in due] == [("group", "p")]
    assert timers(project).due(10)[0] == []

    project.client.zadd(f"{project.root}:timers", {"group": 0})
    project.client.zadd(keys.projects(project.settings.key_prefix), {"p": 0})
    assert [each.stage for each in timers(project).due(10)[0]] == ["group"]


def test_a_chunk_is_hinted_for_the_stage_of_its_state(project: Project) -> None:
    project.publish(message("a"))
    chunk_id = project.cut()

    def hinted() -> str:
        project.client.zadd(f"{project.root}:timers", {f"chunk:{chunk_id}": 0, "group": 10**13})
        project.client.zadd(keys.projects(project.settings.key_prefix), {"p": 0})
        (due,) = timers(project).due(10)[0]
        assert due.chunk_id == chunk_id
        return due.stage

    assert hinted() == "submit"
    chunk = project.take(chunk_id)
    project.send(chunk)
    project.ledger.running(chunk, "i", 0)
    assert [each.stage for each in timers(project).due(10)[0]] == ["poll"]
    assert hinted() == "poll"
    chunk = project.take(chunk_id, "follow")
    (recorded,) = project.ledger.ended([Ended(chunk, Verdict.FINISHED, "status", "error")])
    recorded()
    assert hinted() == "settle"


def test_no_more_is_answered_than_there_is_room_for_and_nothing_is_lost(project: Project) -> None:
    prefix = project.settings.key_prefix
    for n in range(5):
        project.client.zadd(keys.projects(prefix), {f"q{n}": 0})
        project.client.hset(keys.project_root(prefix, f"q{n}") + ":meta", "lanes", 16)
        project.client.zadd(keys.project_root(prefix, f"q{n}") + ":timers", {"group": 1})

    found = []
    while len(found) < 5:
        due, _ = timers(project).due(2)
        assert len(due) <= 2
        found += [each.project_id for each in due]

    assert sorted(found) == [f"q{n}" for n in range(5)]


def due_from(project: Project, name: str, moment: int) -> None:
    """Make a project due since this time."""
    prefix = project.settings.key_prefix
    project.client.hset(keys.project_root(prefix, name) + ":meta", "lanes", 16)
    project.client.zadd(keys.project_root(prefix, name) + ":timers", {"group": 1})
    project.client.zadd(keys.projects(prefix), {name: moment}, lt=True)


def test_projects_that_had_no_turn_are_first_the_next_time(project: Project) -> None:
    moments = itertools.count(1)
    for name in "abcdef":
        due_from(project, name, next(moments))

    turns = []
    for _ in range(3):
        due, _ = timers(project).due(2)
        turns += [each.project_id for each in due]
        for each in due:  # they always have more to do, from a moment after all the others
            due_from(project, each.project_id, next(moments))

    assert sorted(turns) == list("abcdef")


def test_a_project_that_is_passed_over_keeps_its_place_to_the_millisecond(project: Project) -> None:
    for moment, name in enumerate("abc", start=1):
        due_from(project, name, moment)

    due, _ = timers(project).due(1)

    assert [each.project_id for each in due] == ["a"]
    assert [project.client.zscore(keys.projects(project.settings.key_prefix), name) for name in "bc"] == [2, 3]


def test_a_timer_of_a_chunk_that_is_gone_is_removed(project: Project) -> None:
    project.publish(message("a"))
    project.client.zadd(f"{project.root}:timers", {"chunk:gone": 0})

    due, _ = timers(project).due(10)

    assert [each.stage for each in due] == ["group"]
    assert project.client.zscore(f"{project.root}:timers", "chunk:gone") is None


def with_short_lease(make_project: Callable[..., Project]) -> tuple[Project, str, Leases]:
    project = make_project(lease_seconds=1)
    project.publish(message("a"))
    return project, project.cut(), Leases(project.ledger.renew, 1)


def test_a_lease_is_renewed_while_the_work_takes_longer(
    make_project: Callable[..., Project], wait_for: Callable[..., None]
) -> None:
    """The POST takes longer than three leases, and no other worker can take the chunk."""
    project, chunk_id, leases = with_short_lease(make_project)

    taken_at = time.monotonic()
    chunk = project.take(chunk_id)
    with leases.hold(chunk, taken_at) as lease:
        first = lease.until
        wait_for(lambda: lease.until > first + 3, "the lease to be renewed for more than three leases")

        assert project.ledger.take("p", chunk_id, "submit") is None
        assert lease.valid()

    wait_for(lambda: project.ledger.take("p", chunk_id, "submit"), "the lease to run out")


def test_a_lease_that_was_lost_is_known_to_be(
    make_project: Callable[..., Project], wait_for: Callable[..., None]
) -> None:
    project, chunk_id, leases = with_short_lease(make_project)

    chunk = project.take(chunk_id)
    with leases.hold(chunk, time.monotonic()) as lease:
        project.client.hset(f"{project.root}:chunk:{chunk_id}", mapping={"token": "somebody else"})
        wait_for(lambda: not lease.valid(), "the loss to be noticed")


def test_leases_of_several_threads_are_all_renewed(
    make_project: Callable[..., Project], wait_for: Callable[..., None]
) -> None:
    project = make_project(lease_seconds=1, open_chunks=8, chunk_rows=1)
    project.publish(*(message(f"k{n}") for n in range(20)))
    leases = Leases(project.ledger.renew, 1)
    done = threading.Event()
    held = []

    def work() -> None:
        chunk = project.take(project.cut())
        with leases.hold(chunk, time.monotonic()) as lease:
            held.append(lease)
            done.wait(20)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(held) == 3, "three holders")
    first = min(lease.until for lease in held)
    wait_for(lambda: min(lease.until for lease in held) > first + 1.5, "all leases to be renewed")
    done.set()
    for thread in threads:
        thread.join()
