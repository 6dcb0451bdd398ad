"""The overview of all projects says the same as the status of each."""

from collections.abc import Callable

import pytest
from redis.connection import AbstractConnection

from prelabel.wire import keys
from prelabel_worker.operations.projects import Projects
from prelabel_worker.queries.overview import Overview, Overviews
from prelabel_worker.queries.status import OUTCOMES, Inspector
from tests.support.dead_letters import kill, real_message
from tests.support.project import Project, message


def read(project: Project) -> Overview:
    return Overviews(project.client, project.settings).read()


def another(project: Project, name: str) -> Project:
    return Project(project.client, project.settings, name)


def look_at(project: Project, *names: str) -> None:
    """Put projects into the set of known ones, as a publisher does."""
    project.client.zadd(keys.projects(project.settings.key_prefix), dict.fromkeys(names, 0))


def test_it_agrees_with_the_status_of_each_project(project: Project) -> None:
    busy, dead, paused = (another(project, name) for name in ("busy", "dead", "paused"))
    busy.publish(*(message(f"b{number}") for number in range(7)))
    busy.cut()
    busy.publish(message("waits"))
    kill(dead, real_message("d1"), real_message("d2"))
    paused.publish(message("p"))
    paused.pauses.pause_project("paused", "by ada", 600)
    Projects(project.client, project.settings.key_prefix).override("paused", {"account": "second"})

    overview = read(project)

    assert set(overview.projects) == {"busy", "dead", "paused"}
    for name, summary in overview.projects.items():
        status = Inspector(project.client, project.settings.key_prefix).status(name)
        assert (summary.published, summary.pending, summary.waiting) == (
            status.published, status.pending, status.waiting,
        )  # fmt: skip
        assert dict(summary.outcomes) == {outcome: getattr(status, outcome) for outcome in OUTCOMES}
        assert (summary.retrying, summary.chunks) == (status.retrying, sum(status.chunks.values()))
        assert (summary.paused, summary.pause_cause) == (status.paused, status.pause_cause)
        assert (summary.oldest_waiting_at is None) == (status.oldest_waiting_seconds is None)
    assert overview.projects["dead"].dead == 2
    assert overview.projects["paused"].account == "second"
    assert {account.name: account.projects for account in overview.accounts} == {
        "default": ("busy", "dead"),
        "second": ("paused",),
    }


def test_the_oldest_row_is_that_of_any_lane(project: Project) -> None:
    project.publish(message("first"))
    first = read(project).projects["p"].oldest_waiting_at
    project.publish(*(message(f"later-{number}") for number in range(50)))

    assert first is not None
    assert read(project).projects["p"].oldest_waiting_at == first


def test_a_project_whose_keys_are_garbage_is_listed_apart_and_costs_no_other(project: Project) -> None:
    project.publish(message("a"))
    look_at(project, "wrong-type", "wrong-value", "not a project's name")
    project.client.set(keys.ProjectKeys(project.settings.key_prefix, "wrong-type").counts, "x")
    project.client.hset(keys.ProjectKeys(project.settings.key_prefix, "wrong-value").counts, "published", "many")

    overview = read(project)

    assert list(overview.projects) == ["p"]
    assert [entry.project_id for entry in overview.quarantined] == ["wrong-type", "wrong-value"]
    assert overview.malformed == 1


def test_lanes_that_nobody_can_have_are_not_looked_at(project: Project) -> None:
    project.publish(message("a"))
    project.client.hset(project.keys.inbox, mapping={"99999:rows": 5, "x:rows": 5, "-1:rows": 5})

    assert read(project).projects["p"].oldest_waiting_at is not None


def test_many_projects_need_few_round_trips(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    look_at(project, *(f"p{number}" for number in range(600)))
    read(project)
    sent: list[object] = []
    send = AbstractConnection.send_packed_command

    def counted(connection: AbstractConnection, command: object, check_health: bool = True) -> None:
        sent.append(command)
        send(connection, command, check_health)

    monkeypatch.setattr(AbstractConnection, "send_packed_command", counted)
    read(project)

    assert 0 < len(sent) < 20


def test_no_project_is_an_empty_overview(make_project: Callable[..., Project]) -> None:
    overview = read(make_project())

    assert (dict(overview.projects), list(overview.workers)) == ({}, [])
    assert [account.name for account in overview.accounts] == ["default"]
