"""Which error groups a person sees first: those that came back, new ones, those that grow."""

import pytest

from prelabel.unix_time import UnixTime
from prelabel_console.news import NEW_SECONDS, SHOWN, news_of
from prelabel_worker.dead_letters.group_state import GroupState
from prelabel_worker.queries.error_groups import ErrorGroup

NOW = 1_000_000.0
QUIET = [2] * 96


def group(name: str, *, rows: int = 5, first: float = 0.0, decided: GroupState | None = None) -> ErrorGroup:
    return ErrorGroup(
        name, "wrong-name", "no feature Persn", rows, (), 1, (), sampled=False, first_at=UnixTime(first),
        last_at=UnixTime(NOW), decided=decided or GroupState(), sample=None,
    )  # fmt: skip


def kinds(*groups: ErrorGroup, counts: dict[str, list[int]] | None = None) -> list[tuple[str, str]]:
    return [(entry.group.group, entry.kind) for entry in news_of(groups, counts or {}, NOW)]


def test_a_group_is_new_for_a_day() -> None:
    fresh, old = group("fresh", first=NOW - NEW_SECONDS + 1), group("old", first=NOW - NEW_SECONDS - 1)

    assert kinds(fresh, old) == [("fresh", "new")]


def test_a_resolved_group_that_came_back_is_first() -> None:
    back = group("back", decided=GroupState("resolved", "ada", UnixTime(NOW - 60)))

    assert kinds(group("fresh", first=NOW), back) == [("back", "regressed"), ("fresh", "new")]


@pytest.mark.parametrize(
    ("last", "rises"), [([2, 2, 2, 2], False), ([5, 5, 5, 5], True), ([0, 0, 0, 9], False), ([4, 4, 4, 4], False)]
)
def test_a_group_rises_when_far_more_rows_die_than_before(last: list[int], rises: bool) -> None:
    assert kinds(group("g"), counts={"g": QUIET[:-4] + last}) == ([("g", "rising")] if rises else [])


@pytest.mark.parametrize("decision", ["ignored", "resolved"])
def test_what_somebody_has_decided_is_no_news(decision: str) -> None:
    decided = GroupState(decision, "ada", UnixTime(NOW + 60))  # type: ignore[arg-type]

    assert kinds(group("g", first=NOW, decided=decided)) == []


def test_the_largest_of_many_are_shown() -> None:
    groups = [group(f"g{number}", rows=number, first=NOW) for number in range(1, 20)]

    assert [name for name, _ in kinds(*groups)] == [f"g{number}" for number in range(19, 19 - SHOWN, -1)]
