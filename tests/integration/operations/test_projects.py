"""What an operator sets for a project while it runs."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prelabel.wire import keys
from prelabel_worker.chunks.chunk import State
from prelabel_worker.operations.overrides import OVERRIDES, BadOverride, shown
from prelabel_worker.operations.projects import Projects
from prelabel_worker.runtime.timers import Timers, shares
from tests.support.project import Project, message


def operator(project: Project) -> Projects:
    return Projects(project.client, project.settings.key_prefix)


def test_an_override_of_the_chunk_rows_goes_before_the_setting(project: Project) -> None:
    operator(project).override("p", {"chunkRows": "2"})
    for _ in range(3):
        project.publish(message("same"), message("same"))

    assert project.take(project.cut()).rows == 2


def test_an_override_that_is_taken_back_leaves_the_setting(make_project: Callable[..., Project]) -> None:
    project = make_project(chunk_rows=5)
    operator(project).override("p", {"chunkRows": "1"})
    operator(project).override("p", {"chunkRows": ""})
    project.publish(*(message("same") for _ in range(5)))

    assert project.take(project.cut()).rows == 5
    assert not project.client.exists(f"{project.root}:overrides")


def test_a_longer_linger_time_keeps_rows_and_a_flush_lets_them_go(project: Project) -> None:
    operator(project).override("p", {"lingerMs": "3600000"})
    project.publish(message("a"))
    assert project.ledger.cut_chunk("p") is None

    assert operator(project).flush("p") == 1

    assert project.take(project.cut()).rows == 1
    project.publish(message("b"))
    assert project.ledger.cut_chunk("p") is None, "a flush is for what waited then"


def test_a_paused_project_sends_nothing_until_it_is_resumed(project: Project) -> None:
    project.publish(message("a"))
    chunk_id = project.cut()
    project.publish(message("b"))
    project.pauses.pause_project("p", "by an operator")

    assert project.ledger.take("p", chunk_id, "submit") is None
    assert project.ledger.cut_chunk("p") is None
    assert project.status().paused == "by an operator"

    assert operator(project).resume("p") is True
    assert {name for name, _, due in timers_of(project) if due} == {"group", f"chunk:{chunk_id}"}
    assert project.take(chunk_id).rows == 1
    assert operator(project).resume("p") is False


def test_a_resumed_project_continues_with_the_chunk_it_was_paused_for_and_not_with_one_that_waits_for_itself(
    project: Project,
) -> None:
    """Rows of two lanes: two chunks."""
    chunks = []
    for key in ("a", "c"):
        project.publish(message(key))
        chunks.append(project.take(project.cut()))
    project.pauses.pause_project("p", "no key", 60)
    for chunk, why in zip(chunks, ("no key", "503"), strict=True):
        project.ledger.wait(chunk, 60, why=why, failures=1)

    operator(project).resume("p")

    assert project.take(chunks[0].id).rows == 1
    assert project.ledger.take("p", chunks[1].id, "submit") is None


def timers_of(project: Project) -> list[tuple[str, float, bool]]:
    """(name, ms, whether it is due) of the project's timers."""
    seconds, micros = project.client.time()
    now = seconds * 1000 + micros / 1000
    found = project.client.zrange(f"{project.root}:timers", 0, -1, withscores=True)
    return [(name.decode(), at, at <= now) for name, at in found]


def test_an_automatic_pause_does_not_shorten_an_operators(project: Project) -> None:
    project.publish(message("a"))
    project.pauses.pause_project("p", "by an operator")
    project.pauses.pause_project("p", "Labelbox says so", 1)

    status = project.status()

    assert status.paused == "by an operator"
    assert status.paused_until is None


@pytest.mark.parametrize("seconds", [float("inf"), 1e300])
def test_a_pause_of_endless_time_lasts_until_the_project_is_resumed(project: Project, seconds: float) -> None:
    project.publish(message("a"))
    project.pauses.pause_project("p", "by an operator", seconds)

    assert project.status().paused is not None
    assert project.status().paused_until is None
    assert operator(project).resume("p") is True


def test_a_running_import_is_followed_under_a_pause(project: Project) -> None:
    project.publish(message("a"))
    chunk = project.take(project.cut())
    project.send(chunk)
    project.ledger.running(chunk, "i", 0)
    project.pauses.pause_project("p", "by an operator")

    assert project.take(chunk.id, "follow").state is State.RUNNING


def test_a_chunk_takes_the_projects_account_until_it_was_sent_with_one(project: Project) -> None:
    operator(project).override("p", {"account": "b"})
    project.publish(message("a"))
    chunk = project.take(project.cut())
    assert chunk.account == "b"
    project.ledger.record_import(chunk, "b", "name", project.sent(chunk))
    project.ledger.running(chunk, "i", 0)

    operator(project).override("p", {"account": "c"})

    chunk = project.take(chunk.id, "follow")
    assert chunk.account == "b", "an import is followed with the account it was sent with"
    project.ledger.wait(chunk, 0, why="")
    assert project.take(chunk.id).account == "c"


def test_each_project_gets_its_turn_however_much_another_has_due(make_project: Callable[..., Project]) -> None:
    first, second = make_project(open_chunks=1000, chunk_rows=1), make_project()
    second.id = "q"
    first.publish(*(message(f"k{n}") for n in range(100)))
    while first.ledger.cut_chunk("p") is not None:
        pass
    second.publish(message("a"))
    expire_timers(first)

    due, _ = Timers(first.client, first.settings.key_prefix, 10).due(4)

    assert {each.project_id for each in due} == {"p", "q"}


def expire_timers(project: Project) -> None:
    """Make all timers of the project due, and let the tick know."""
    for name in project.client.zrange(f"{project.root}:timers", 0, -1):
        project.client.zadd(f"{project.root}:timers", {name: 1})
    project.client.zadd(keys.projects(project.settings.key_prefix), {project.id: 0})


def test_priorities_are_kept_where_the_ticks_read_them(project: Project) -> None:
    key = keys.priorities(project.settings.key_prefix)
    operator(project).override("p", {"priority": "7"})
    assert project.client.hgetall(key) == {b"p": b"7"}

    operator(project).override("p", {"priority": ""})
    assert project.client.hgetall(key) == {}


@given(st.dictionaries(st.text(min_size=1), st.integers(1, 100), min_size=1), st.integers(0, 500))
def test_shares_use_no_more_than_there_is_and_leave_nobody_out(weights: dict[str, int], most: int) -> None:
    found = shares(weights, most)

    assert sum(found.values()) <= most
    assert found.keys() == weights.keys()
    if most >= len(weights):
        assert min(found.values()) >= 1


def test_shares_are_by_weight() -> None:
    assert shares({"a": 1, "b": 3}, 8) == {"a": 2, "b": 6}


@pytest.mark.parametrize(
    ("option", "value", "stored"),
    [
        ("chunk-rows", "500", "500"),
        ("linger-seconds", "2.5", "2500"),
        ("priority", "100", "100"),
        ("account", "team-b", "team-b"),
        ("retry-hours", "0", "0"),
        ("retry-hours", "1.5", "1.5"),
        *((option, "default", "") for option in ("chunk-rows", "linger-seconds", "priority", "account", "retry-hours")),
    ],
)
def test_an_override_is_stored_as_the_scripts_read_it(option: str, value: str, stored: str) -> None:
    (override,) = [each for each in OVERRIDES if each.option == option]

    assert override.parse(value) == stored
    assert shown({override.field: stored}) == ({} if value == "default" else {option: value})


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("chunk-rows", "0"),
        ("chunk-rows", "1e3"),
        ("chunk-rows", "100001"),
        ("linger-seconds", "-1"),
        ("linger-seconds", "nan"),
        ("linger-seconds", "3601"),
        ("priority", "101"),
        ("account", "a b"),
        ("retry-hours", "-1"),
        ("retry-hours", "721"),
    ],
)
def test_a_value_out_of_bounds_is_refused_with_what_is_expected(option: str, value: str) -> None:
    (override,) = [each for each in OVERRIDES if each.option == option]

    with pytest.raises(BadOverride, match=f"--{option}: expected .* found '{value}'"):
        override.parse(value)
