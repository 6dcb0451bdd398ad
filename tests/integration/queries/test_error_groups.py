"""Error groups: one cause in all projects, read again only where something has changed, with what operators decided."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import redis

from prelabel_worker.chunks.held_rows import Problem
from prelabel_worker.dead_letters.editing import Edits
from prelabel_worker.dead_letters.group_state import GroupState, GroupStates, StateChanged
from prelabel_worker.queries import error_groups
from prelabel_worker.queries.error_groups import ErrorGroup, ErrorGroups
from tests.support.dead_letters import die, kill_for, misnamed, real_message
from tests.support.project import Project

MakeProject = Callable[[str], Project]


@pytest.fixture
def named(project: Project) -> MakeProject:
    """Return a function that makes projects of these names in one Redis."""
    return lambda name: replace(project, id=name)


@pytest.fixture
def groups(project: Project) -> ErrorGroups:
    return ErrorGroups(project.client, project.settings.key_prefix)


@pytest.fixture
def states(project: Project) -> GroupStates:
    return GroupStates(project.client, project.settings.key_prefix)


def only(groups: ErrorGroups) -> ErrorGroup:
    (group,) = groups.read()
    return group


def test_one_cause_in_two_projects_is_one_group_with_the_rows_of_both(named: MakeProject, groups: ErrorGroups) -> None:
    kill_for(named("one"), misnamed(), real_message("a"), real_message("b", model="n"))
    kill_for(named("two"), misnamed(), real_message("c"))
    kill_for(named("two"), misnamed("Cra", "Car"), real_message("d"))

    first, second = groups.read()

    assert (first.rows, first.project_count, second.rows) == (3, 2, 1)
    assert [(share.project_id, share.rows) for share in first.projects] == [("one", 2), ("two", 1)]
    assert (first.reason, first.field, first.suggestion) == (
        "unknown-feature",
        "annotations[].name",
        "did you mean Person?",
    )
    assert first.fix == Edits(features={"Persn": "Person"})
    assert first.state == "open"
    assert first.sampled
    assert set(first.models) <= {"m", "n"}
    assert first.first_at is not None
    assert first.last_at is not None
    assert first.first_at <= first.last_at


def test_a_second_reading_sees_deaths_retries_and_discards(named: MakeProject, groups: ErrorGroups) -> None:
    one, two = named("one"), named("two")
    (dead,) = kill_for(one, misnamed(), real_message("a"))
    assert only(groups).rows == 1

    kill_for(two, misnamed(), real_message("b"), real_message("c"))
    assert only(groups).rows == 3
    one.held.retry("one", [dead])
    assert [share.project_id for share in only(groups).projects] == ["two"]
    two.held.discard("two", [dead_letter.id for dead_letter in two.held.dead_letters("two")])
    assert groups.read() == []


def test_unchanged_projects_are_not_read_again(named: MakeProject, groups: ErrorGroups, project: Project) -> None:
    for name in "abcdef":
        kill_for(named(name), misnamed(), real_message("x"))
    groups.read()
    before = project.client.info("commandstats").get("cmdstat_hgetall", {"calls": 0})["calls"]

    groups.read()

    after = project.client.info("commandstats").get("cmdstat_hgetall", {"calls": 0})["calls"]
    assert after - before == 1, "the states of groups, and nothing of a project"


def test_a_resolved_group_is_regressed_once_a_row_dies_of_it(
    named: MakeProject, groups: ErrorGroups, states: GroupStates
) -> None:
    kill_for(named("one"), misnamed(), real_message("a"))
    group = only(groups)
    states.set(group.group, "resolved", "ann", group.decided, group.about)
    resolved = only(groups)
    assert (resolved.state, resolved.state_by) == ("resolved", "ann")

    kill_for(named("two"), misnamed(), real_message("b"))

    assert only(groups).state == "regressed"
    states.set(group.group, "ignored", "ann", resolved.decided)
    assert only(groups).state == "ignored"


def test_a_group_whose_last_row_was_retried_still_says_what_it_was_about(
    named: MakeProject, groups: ErrorGroups, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = named("one")
    (dead,) = kill_for(one, misnamed(), real_message("a"))
    group = only(groups)
    one.held.retry("one", [dead])

    assert groups.read() == []
    gone = groups.without_rows(group.group, GroupState())

    assert (gone.rows, gone.about) == (0, group.about)
    assert groups.without_rows("0123456789ab", GroupState()).about == ""
    monkeypatch.setattr(error_groups, "REMEMBERED", 0)
    groups.read()
    assert groups.without_rows(group.group, GroupState()).about == "", "the memory is bounded"


def test_a_resolved_group_without_rows_still_says_what_it_was_about(
    named: MakeProject, groups: ErrorGroups, states: GroupStates
) -> None:
    one = named("one")
    (dead,) = kill_for(one, misnamed(), real_message("a"))
    group = only(groups)
    states.set(group.group, "resolved", "ann", group.decided, group.about)
    one.held.retry("one", [dead])

    gone = only(groups)

    assert (gone.rows, gone.state, gone.about) == (0, "resolved", group.about)
    assert "Persn" in gone.about


def test_the_second_of_two_operators_is_told_what_the_first_decided(
    named: MakeProject, groups: ErrorGroups, states: GroupStates
) -> None:
    kill_for(named("one"), misnamed(), real_message("a"))
    group = only(groups)
    states.set(group.group, "ignored", "ann", group.decided)

    with pytest.raises(StateChanged, match="ann has set the state of the group to ignored") as raised:
        states.set(group.group, "resolved", "bob", group.decided)

    assert states.get(group.group).decision == "ignored"
    states.set(group.group, "open", "bob", raised.value.present)
    assert states.all() == {}


def test_at_most_so_many_groups_have_a_state_and_the_oldest_are_forgotten(
    states: GroupStates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prelabel_worker.dead_letters.group_state.MOST", 3)
    monkeypatch.setattr("prelabel_worker.dead_letters.group_state._FORGOTTEN", 2)
    for name in ("aa", "bb", "cc", "dd"):
        states.set(name, "ignored", "ann", states.get(name))

    assert len(states.all()) == 2
    assert "dd" in states.all()


def test_a_project_with_wrong_keys_hides_no_group(
    named: MakeProject, groups: ErrorGroups, project: Project, client: "redis.Redis"
) -> None:
    kill_for(named("one"), misnamed(), real_message("a"))
    kill_for(named("two"), misnamed(), real_message("b"))
    client.delete(named("two").keys.dead)
    client.set(named("two").keys.dead, "garbage")

    assert [share.project_id for share in only(groups).projects] == ["one"]


def test_a_state_that_cannot_be_read_counts_as_none_and_can_be_replaced(
    named: MakeProject, groups: ErrorGroups, states: GroupStates, project: Project
) -> None:
    kill_for(named("one"), misnamed(), real_message("a"))
    name = only(groups).group
    project.client.hset(f"{project.settings.key_prefix}:groups", name, b"\xff")

    assert only(groups).state == "open"
    states.set(name, "resolved", "ann", states.get(name))
    assert only(groups).state == "resolved"


def test_a_group_of_huge_messages_is_shown_by_one_of_them(named: MakeProject, groups: ErrorGroups) -> None:
    problem: Problem = misnamed()
    large = "x" * 150_000
    for name in ("one", "two"):
        kill_for(named(name), problem, real_message("a", filler=large))

    group = only(groups)

    assert (group.rows, group.models) == (2, ("m",))
    assert group.sample is not None
    assert group.sample.message == b"", "the message itself is not kept"


def test_the_first_death_is_remembered_after_its_row_was_retried(named: MakeProject, groups: ErrorGroups) -> None:
    one = named("one")
    (first,) = kill_for(one, misnamed(), real_message("a"))
    began = only(groups).first_at
    kill_for(one, misnamed(), real_message("b"))
    one.held.retry("one", [first])

    assert only(groups).rows == 1
    assert only(groups).first_at == began


def test_a_sample_that_died_again_of_another_cause_is_read_again(named: MakeProject, groups: ErrorGroups) -> None:
    one = named("one")
    (dead,) = kill_for(one, misnamed(), real_message("a"))
    assert only(groups).suggestion == "did you mean Person?"
    one.held.retry("one", [dead])
    die(one, misnamed("Cra", "Car"))

    assert only(groups).suggestion == "did you mean Car?"


@pytest.mark.parametrize("what", ["counts", "state", "body", "details", "first"])
def test_values_that_no_worker_wrote_hide_no_other_project(named: MakeProject, groups: ErrorGroups, what: str) -> None:
    one, two = named("one"), named("two")
    (dead,) = kill_for(one, misnamed(), real_message("a"))
    kill_for(two, misnamed(), real_message("b"))
    group = only(groups).group
    if what == "counts":
        one.client.hset(one.keys.dead_groups, mapping={group: "many", b"\xff": 1, "<b>": 2})
    elif what == "state":
        one.client.hset(one.keys.held, dead, "garbage")
    elif what == "body":
        one.client.hset(one.keys.held_body, dead, b"\xff")
    elif what == "details":
        one.client.hset(one.keys.held_body, dead, b'{"dataRow":7,"model":[],"errors":3,"path":{}}\n{}')
    else:
        one.client.hset(one.keys.flow.first, group, "-inf")

    fresh = ErrorGroups(one.client, one.settings.key_prefix)

    assert "two" in [share.project_id for share in only(fresh).projects]
    assert only(fresh).suggestion == "did you mean Person?"
