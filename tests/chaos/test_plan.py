"""A seed gives always the same plan, with every kind of fault; a workload has the properties that comparing needs."""

from collections import Counter
from pathlib import Path

import pytest

from tests.chaos.journal import Journal
from tests.chaos.plan import FAULTS, KILLS, LONG_FAULTS, plan
from tests.chaos.workload import ONCE, PROJECTS, Kind, PreLabel, Workload, read_pre_label


def test_a_seed_is_a_plan() -> None:
    assert plan(1, 40, 19) == plan(1, 40, 19) != plan(2, 40, 19)


@pytest.mark.parametrize(("seconds", "kills"), [(40, 19), (1700, 110)])
def test_a_plan_has_the_number_of_kills_and_every_kind_of_kill(seconds: float, kills: int) -> None:
    events = plan(3, seconds, kills)
    counts = Counter(event.kind for event in events)
    assert sum(counts[kind] for kind in KILLS) == kills
    assert counts.keys() >= KILLS.keys()
    assert max(event.at for event in events) < seconds


def test_a_long_plan_has_every_fault() -> None:
    counts = Counter(event.kind for event in plan(3, 1700, 110))
    assert counts.keys() >= FAULTS.keys() | LONG_FAULTS.keys()


def test_a_plan_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        plan(1, 5, 100)


def test_a_workload_has_what_the_comparison_needs() -> None:
    workload = Workload(1, 20_000, 2)
    messages = [each for number in range(workload.batches) for each in workload.batch(0, number)]
    slots = Counter((each.project, each.key, each.model) for each in messages)
    assert {each.project for each in messages} == set(PROJECTS)
    assert {each.kind for each in messages} == set(Kind)
    assert any(count > 2 for count in slots.values())
    assert all(count == 1 for (project, *_), count in slots.items() if project == ONCE)
    assert not {each.key for each in messages} & {each.key for each in workload.batch(1, 5)}


def test_a_batch_has_a_data_row_and_model_once_since_its_number_is_the_version() -> None:
    batch = Workload(1, 20_000, 2).batch(0, 7)
    assert len({(each.key, each.model) for each in batch}) == len(batch)


def test_a_pre_label_is_identified_by_its_line() -> None:
    message = Workload(1, 2000, 2).batch(0, 3)[5]
    line = {**message.as_json()["annotations"][1], "dataRow": {"globalKey": message.key}}
    assert read_pre_label(line) == PreLabel(message.key, message.model, 1, 3)


def test_a_journal_continues_after_the_last_batch_that_was_begun(tmp_path: Path) -> None:
    first = Journal(tmp_path / "j")
    assert first.open() == 0
    for batch in (0, 1, 2):
        first.begin(batch)
    first.confirm(1)

    second = Journal(tmp_path / "j")
    assert second.open() == 3
    second.begin(3)
    second.confirm(3)

    assert second.read().begun == 4
    assert second.read().confirmed == {0, 1, 3}
