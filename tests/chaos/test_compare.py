"""The comparison detects every kind of defect."""

from typing import Any

import pytest

from tests.chaos.compare import Expected, Verdict, compare_dead, compare_pre_labels, expected
from tests.chaos.journal import Went
from tests.chaos.workload import Kind, Message, Workload

Lines = list[tuple[str, dict[str, Any]]]


def message(version: int, kind: Kind = Kind.GOOD, key: str = "row") -> Message:
    return Message(f"0-{version}-{key}", "p", key, 1, version, kind)


def lines(*messages: Message) -> Lines:
    """Return the lines of these messages as Labelbox would have them."""
    return [
        (each.project, {**annotation, "dataRow": {"globalKey": each.key}})
        for each in messages
        for annotation in each.as_json()["annotations"]
    ]


def judged(found: Lines, *, confirmed: tuple[int, ...] = (0, 1), begun: int = 2) -> Verdict:
    """Versions of one data row were published; `found` stands there."""
    wanted, verdict = Expected(), Verdict()
    for version in range(begun):
        wanted.add([message(version)], confirmed=version in confirmed)
    compare_pre_labels(wanted, found, verdict)
    return verdict


def test_the_latest_of_each_data_row_and_model_is_right() -> None:
    assert judged(lines(message(1))).right


def test_a_message_that_is_not_there_is_lost() -> None:
    assert judged([]).lost == 1


def test_a_message_that_is_there_in_part_is_lost() -> None:
    assert judged(lines(message(1))[:1]).lost == 1


def test_an_annotation_that_is_there_twice_is_doubled() -> None:
    assert judged(lines(message(1), message(1))).doubled == 2


def test_an_older_message_in_place_of_a_newer_one_is_seen() -> None:
    assert judged(lines(message(0))).older == 1


def test_annotations_of_two_versions_side_by_side_are_seen() -> None:
    assert judged([lines(message(0))[0], lines(message(1))[1]]).older == 1


def test_a_pre_label_that_nobody_published_is_foreign() -> None:
    assert judged(lines(message(1), message(1, key="other"))).foreign == 2


@pytest.mark.parametrize("arrived", [1, 2])
def test_a_message_that_was_not_confirmed_may_or_may_not_be_there(arrived: int) -> None:
    assert judged(lines(message(arrived)), confirmed=(0, 1), begun=3).right
    assert judged(lines(message(0)), confirmed=(0, 1), begun=3).older == 1


def test_a_data_row_of_which_nothing_was_confirmed_may_be_empty() -> None:
    assert judged([], confirmed=(), begun=1).right


def test_a_confirmed_bad_message_must_be_held_once() -> None:
    bad, wanted = message(0, Kind.UNKNOWN_FEATURE), Expected()
    wanted.add([bad], confirmed=True)
    for held, name in (([bad.id], None), ([], "lost"), ([bad.id, bad.id], "doubled")):
        verdict = Verdict()
        compare_dead(wanted, held, verdict)
        assert verdict.right if name is None else getattr(verdict, name) == 1


def test_a_good_message_that_is_held_is_foreign() -> None:
    verdict = Verdict()
    compare_dead(Expected(), [message(0).id], verdict)
    assert verdict.foreign == 1


def test_the_latest_message_for_a_missing_data_row_must_be_held() -> None:
    wanted = Expected()
    for version in (0, 1):
        wanted.add([message(version, Kind.NO_DATA_ROW)], confirmed=True)
    for version, lost in ((1, 0), (0, 1)):
        verdict = Verdict()
        compare_dead(wanted, [message(version).id], verdict)
        assert verdict.lost == lost


def test_only_begun_batches_are_expected() -> None:
    workload = Workload(1, 2000, 2)
    found = expected(workload, {0: Went(2, frozenset({0})), 1: Went(0, frozenset())})
    assert found.confirmed == len(workload.batch(0, 0))
    assert found.begun == found.confirmed + len(workload.batch(0, 1))
