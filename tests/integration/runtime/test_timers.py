"""What a tick finds due: entries of timers, and imports to poll, which have a set of their own."""

from collections.abc import Callable

from prelabel.wire import keys
from prelabel.wire.client import server_time
from prelabel_worker.accounts.rate_limiter import POLLED_TOGETHER
from prelabel_worker.chunks.chunk import Chunk
from prelabel_worker.runtime.timers import Due, Timers
from tests.support.project import Project, message


def timers(project: Project) -> Timers:
    return Timers(project.client, project.settings.key_prefix, project.settings.lease_seconds)


def running(project: Project, poll_in: float) -> Chunk:
    """Publish a row, and send it to an import that is polled after so many seconds."""
    project.publish(message("a"))
    chunk = project.take(project.cut())
    project.send(chunk)
    project.ledger.running(chunk, "i", poll_in)
    return chunk


def look(project: Project, tick: Timers) -> list[Due]:
    """Return what is due, with a look at the project."""
    project.client.zadd(keys.projects(project.settings.key_prefix), {"p": 0})
    return tick.due(10)[0]


def test_an_import_is_polled_without_a_look_at_its_project(project: Project) -> None:
    projects = keys.projects(project.settings.key_prefix)
    chunk = running(project, 0)
    later = project.client.time()[0] * 1000 + 30_000
    project.client.zadd(projects, {"p": later})

    assert timers(project).due(10)[0] == [Due("poll", "p", chunk.id)]
    assert timers(project).due(10)[0] == []
    assert project.client.zscore(projects, "p") == later


def test_an_import_is_polled_no_earlier_than_its_time_and_the_tick_waits_until_then(project: Project) -> None:
    running(project, 2)
    tick = timers(project)
    tick.due(10)  # the project's other timers

    due, wait = tick.due(10)

    assert due == []
    assert 0 < wait <= 2


def due_in(project: Project, **seconds: float) -> list[Due]:
    """Have imports polled in so many seconds, named by chunk; return them as a tick does."""
    now = server_time(project.client, "")
    scores = {f"p {chunk_id}": int(1000 * (now + wait)) for chunk_id, wait in seconds.items()}
    project.client.zadd(keys.polls(project.settings.key_prefix), scores)
    return [Due("poll", "p", chunk_id) for chunk_id in seconds]


def test_an_import_waits_a_moment_for_others_that_are_due_soon(project: Project, wait_for: Callable[..., None]) -> None:
    both, tick = due_in(project, a=0, b=0.2), timers(project)

    due, wait = tick.due(10)

    assert due == []
    assert 0 < wait <= 0.2
    wait_for(lambda: tick.due(10)[0] == both, "both polls")


def test_imports_that_fill_a_request_wait_for_no_others(project: Project) -> None:
    full = due_in(project, **{f"a{at:02d}": 0 for at in range(POLLED_TOGETHER)})
    due_in(project, later=0.2)

    assert timers(project).due(100)[0] == full


def test_an_import_waits_no_longer_than_a_moment(project: Project) -> None:
    overdue = due_in(project, a=-1)
    due_in(project, later=0.2)

    assert timers(project).due(10)[0] == overdue


def test_a_poll_whose_hint_is_lost_comes_back_a_lease_later(
    make_project: Callable[..., Project], wait_for: Callable[..., None]
) -> None:
    project = make_project(lease_seconds=1)
    chunk, tick = running(project, 0), timers(project)
    assert Due("poll", "p", chunk.id) in tick.due(10)[0]

    assert Due("poll", "p", chunk.id) not in look(project, tick)
    wait_for(lambda: Due("poll", "p", chunk.id) in look(project, tick), "the poll")


def test_a_worker_of_another_role_leaves_imports_to_poll_alone(project: Project) -> None:
    chunk = running(project, 0)

    assert Due("poll", "p", chunk.id) not in timers(project).due(10, ("group", "submit"))[0]
    assert timers(project).due(10)[0] == [Due("poll", "p", chunk.id)]


def test_a_member_of_the_polls_that_no_worker_wrote_is_dropped(project: Project) -> None:
    polls = keys.polls(project.settings.key_prefix)
    project.client.zadd(polls, {b"\xff\xfe": 0, b"p": 0, b"two words here": 0, b"p \xff": 0, "p" * 65 + " c": 0})

    assert timers(project).due(10)[0] == []
    assert project.client.zcard(polls) == 0


def test_polls_are_no_more_than_asked_for_and_the_most_overdue_first(project: Project) -> None:
    project.client.zadd(keys.polls(project.settings.key_prefix), {f"p c{at}": at for at in range(5)})

    found = [timers(project).due(1, most_polls=2)[0] for _ in range(3)]

    assert [[each.chunk_id for each in due] for due in found] == [["c0", "c1"], ["c2", "c3"], ["c4"]]
