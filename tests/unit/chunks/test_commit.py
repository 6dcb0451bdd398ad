"""Commits are cut so that none keeps Redis busy for long."""

from prelabel_worker.chunks.commit import HELD_TOGETHER, in_parts
from prelabel_worker.chunks.rows import RowOutcome


def superseded(rows: int, held_id: str = "") -> list[RowOutcome]:
    return [RowOutcome("superseded", index, 1, held_id) for index in range(rows)]


def test_the_parts_are_all_outcomes_in_order() -> None:
    outcomes = [*superseded(430), *superseded(75, "7"), *superseded(3)]

    assert [outcome for part in in_parts(outcomes) for outcome in part] == outcomes
    assert list(in_parts([])) == []


def test_a_part_has_fewer_held_rows_than_others_because_they_cost_more() -> None:
    assert [len(part) for part in in_parts(superseded(450))] == [200, 200, 50]
    assert [len(part) for part in in_parts(superseded(2 * HELD_TOGETHER + 1, "7"))] == [HELD_TOGETHER] * 2 + [1]
