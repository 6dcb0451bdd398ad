"""Faults of Labelbox: no row is lost or doubled, and no row becomes a dead letter that a retry could import."""

import pytest

from tests.support.flow import Flow, box
from tests.support.waiting import wait_for


def publish_some(flow: Flow, rows: int = 30) -> None:
    flow.publish(*(box(f"k{n}", project=flow.project) for n in range(rows)))


def assert_each_once(flow: Flow, rows: int = 30) -> None:
    status = flow.settled()
    assert (status.published, status.imported, status.dead) == (rows, rows, 0)
    assert sorted(line["dataRow"]["globalKey"] for line in flow.pre_labels()) == sorted(f"k{n}" for n in range(rows))


def creates(flow: Flow) -> int:
    log = flow.control("GET", "requests").json()
    return sum(
        entry["operation"] == "createModelAssistedLabelingPredictionImport" and entry["projectId"] == flow.project
        for entry in log
    )


@pytest.mark.parametrize(
    ("fault", "options"),
    [
        ("503", {"times": 2, "operations": "create"}),
        ("500", {"times": 1, "operations": "create"}),
        ("502", {"seconds": 1}),
        ("429", {"times": 1, "retryAfter": 1}),
        ("413", {"times": 1}),
        ("latency", {"times": 2, "latency": 1}),
        ("failed-import", {"times": 1}),
        ("reset", {"times": 1}),
        ("403-html", {"times": 1}),
    ],
)
def test_a_passing_fault_costs_time_and_no_row(flow: Flow, fault: str, options: dict[str, object]) -> None:
    publish_some(flow, 1)
    flow.settled()  # the ontology is known, so that the fault meets the import
    flow.fault(fault, **options)

    publish_some(flow)

    status = flow.settled()
    assert (status.imported + status.superseded, status.dead) == (31, 0)
    assert len(flow.pre_labels()) == 30


def test_an_import_that_was_accepted_and_not_answered_is_adopted(flow: Flow) -> None:
    flow.fault("accept-then-time-out", times=1, hold=6)

    publish_some(flow)

    assert_each_once(flow)
    assert creates(flow) == 1


def test_rows_wait_while_labelbox_is_down_and_then_arrive(flow: Flow) -> None:
    flow.fault("503", seconds=5)
    publish_some(flow)

    wait_for(lambda: flow.status().chunks, "a chunk to be cut")
    assert flow.status().dead == 0
    assert_each_once(flow)


def test_a_file_that_is_too_large_is_cut_until_it_is_taken(flow: Flow) -> None:
    flow.fault("413", seconds=60, bytes=2500)

    publish_some(flow)

    assert_each_once(flow)
    assert creates(flow) > 3


def test_a_poison_row_is_found_and_its_neighbours_are_imported(flow: Flow) -> None:
    flow.fault("failed-import", seconds=60, match='"globalKey":"k13"')

    publish_some(flow)

    status = flow.settled()
    assert (status.imported, status.dead, status.dead_reasons) == (29, 1, {"import-failed": 1})
    (dead_letter,) = flow.held.dead_letters(flow.project)
    assert dead_letter.data_row == "k:k13"
    assert len(flow.pre_labels()) == 29


def test_a_row_that_fails_partly_is_held_whole_and_says_what_labelbox_has(flow: Flow) -> None:
    flow.create(tools=[{"tool": "rectangle", "name": "vessel"}, {"tool": "polygon", "name": "quay"}])
    flow.fault("row-failure", times=1, match="partly", error="GeometryInvalid")
    flow.publish(box("partly", project=flow.project), box("whole", project=flow.project))

    status = flow.settled()

    assert (status.imported, status.dead) == (1, 1)
    (dead_letter,) = flow.held.dead_letters(flow.project)
    assert dead_letter.reason == "refused"
    assert dead_letter.details["taken"] == []
    assert dead_letter.details["errors"][0]["name"] == "GeometryInvalid"


def test_a_throttled_account_waits_and_loses_nothing(flow: Flow) -> None:
    flow.fault("429", seconds=2, retryAfter=1)
    publish_some(flow)

    assert_each_once(flow)
