"""Which hints a tick sends for what is due, and how a task goes through the entries of one."""

import time
from collections import Counter
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prelabel_worker.accounts.rate_limiter import POLLED_TOGETHER
from prelabel_worker.runtime import hints
from prelabel_worker.runtime.hints import NAMED_TOGETHER, entries_of, hint_of, hints_of, run_each
from prelabel_worker.runtime.roles import stages_of
from prelabel_worker.runtime.timers import Due

_NAMES = st.text("abc-_1", min_size=1, max_size=4)
_PROJECT_STAGES = ("group", "retry", "expire")


def _due(stage: str, project_id: str, chunk_id: str) -> Due:
    return Due(stage, project_id, "" if stage in _PROJECT_STAGES else chunk_id)


_DUE = st.lists(st.builds(_due, st.sampled_from(stages_of("all")), _NAMES, _NAMES), max_size=80)


@given(_DUE, st.integers(1, 20))
def test_each_entry_is_named_by_one_hint(due: list[Due], room: int) -> None:
    named: list[tuple[str, tuple[str, ...]]] = []
    for hint in hints_of(due, room):
        if hint.stage == "poll":
            named += [("poll", (project_id, chunk_id)) for project_id, chunk_id in hint.args[0]]
        else:
            named += [(hint.stage, entry) for entry in entries_of(hint.stage, hint.args)]

    expected = [(each.stage, (each.project_id, each.chunk_id) if each.chunk_id else (each.project_id,)) for each in due]
    assert Counter(named) == Counter(expected)


@given(_DUE, st.integers(1, 20))
def test_hints_name_no_more_than_may_go_together(due: list[Due], room: int) -> None:
    for hint in hints_of(due, room):
        most = POLLED_TOGETHER if hint.stage == "poll" else NAMED_TOGETHER
        entries = hint.args[0] if hint.stage == "poll" else entries_of(hint.stage, hint.args)
        assert 1 <= len(entries) <= most


@given(st.lists(_NAMES, min_size=1, max_size=64, unique=True), st.integers(1, 20))
def test_a_hint_names_one_project_while_there_is_room(projects: list[str], room: int) -> None:
    found = hints_of([Due("group", project_id, "") for project_id in projects], room)

    assert len(found) <= max(room, -(-len(projects) // NAMED_TOGETHER))
    if len(projects) <= room:
        assert [hint.args for hint in found] == [[project_id] for project_id in projects]


def test_the_most_urgent_entries_come_first_in_hints_of_their_own() -> None:
    found = hints_of([Due("group", project_id, "") for project_id in "abcdef"], 2)

    assert [hint.args for hint in found] == [["a", "c", "e"], ["b", "d", "f"]]


def test_hints_with_one_entry_have_the_arguments_that_older_workers_know() -> None:
    assert hint_of("group", [("p",)]).args == ["p"]
    assert hint_of("submit", [("p", "c")]).args == ["p", "c"]


class _Clock:
    """A clock that stands still, unless a step of the test moves it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)


def test_quick_entries_are_all_run_by_the_task(monkeypatch: pytest.MonkeyPatch) -> None:
    _Clock(monkeypatch)
    ran: list[str] = []
    given_away: list[object] = []

    run_each([("a",), ("b",), ("c",)], ran.append, given_away.append)

    assert (ran, given_away) == (["a", "b", "c"], [])


def test_what_waits_behind_a_slow_entry_goes_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, ran, given_away = _Clock(monkeypatch), list[str](), list[object]()

    def slow(name: str) -> None:
        ran.append(name)
        clock.now += 2 * hints._TOGETHER_SECONDS if name == "b" else 0

    run_each([("a",), ("b",), ("c",), ("d",)], slow, given_away.append)

    assert (ran, given_away) == (["a", "b"], [[("c",), ("d",)]])


def test_after_an_error_others_get_what_is_left() -> None:
    numbers, given_away = count(), list[object]()

    def second_fails(project_id: str, chunk_id: str) -> None:
        if next(numbers) == 1:
            raise ValueError(chunk_id)

    with pytest.raises(ValueError, match="c2"):
        run_each([("p", "c1"), ("p", "c2"), ("q", "c3")], second_fails, given_away.append)

    assert given_away == [[("q", "c3")]]
