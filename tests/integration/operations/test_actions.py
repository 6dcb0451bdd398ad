"""The record of what operators did: newest first, bounded, without messages."""

import getpass

import pytest

from prelabel_worker.operations import action_log
from prelabel_worker.operations.action_log import Actions
from tests.support.project import Project


def test_actions_are_recorded_with_time_and_user_newest_first(project: Project) -> None:
    record = Actions(project.client, project.settings.key_prefix)
    record.record("p", "retry", {"matched": 1})
    record.record("p", "discard", {"matched": 2})
    record.record("other", "edit", {})

    last, first = record.last("p")

    assert (last.action, last.details, last.who, last.project_id) == ("discard", {"matched": 2}, getpass.getuser(), "p")
    assert abs(project.held.now_ms() - last.at.ms) < 60_000
    assert first.action == "retry"
    assert [action.action for action in record.last("p", 1)] == ["discard"]
    assert record.last("nothing") == []


def test_the_oldest_actions_are_forgotten(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(action_log, "KEPT", 3)
    record = Actions(project.client, project.settings.key_prefix)
    for number in range(5):
        record.record("p", "retry", {"n": number})

    assert [action.details["n"] for action in record.last("p")] == [4, 3, 2]


def test_a_user_without_a_name_is_unknown(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise OSError("no name")

    monkeypatch.setattr(getpass, "getuser", nobody)
    record = Actions(project.client, project.settings.key_prefix)
    record.record("p", "retry", {})

    assert record.last("p")[0].who == "unknown"
