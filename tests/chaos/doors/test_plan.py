"""A seed gives always the same records and the same plan, and doors refuse a record for the reason that is expected."""

from collections import Counter
from pathlib import Path

import pytest

from prelabel import MessageError, read_mapping
from prelabel.bridges.feed import deliver
from prelabel.validation.gate import Prepared, prepare, read_message
from tests.chaos.doors.plan import DOORS, KILLS, OUTAGES, SOURCES, STOPS, plan
from tests.chaos.doors.records import AT_BRIDGES, AT_GATEWAYS, FLAWED, MAPPING, Flaw, Record, Records, bridged, posted
from tests.chaos.workload import Kind, Message


def records(*, repeats: bool = True) -> Records:
    return Records(1, "w", "p", tuple(Flaw), repeats=repeats)


def of(flaw: Flaw | None) -> Record:
    return Record(Message("w-7", "p", "w-5", 0, 7, Kind.GOOD), flaw)


def test_a_plan_has_its_kills_stops_and_outages_and_is_the_same_for_a_seed() -> None:
    events = plan(3, 960, 70, 60)
    counts = Counter(event.kind for event in events)

    assert events == plan(3, 960, 70, 60) != plan(4, 960, 70, 60)
    assert sum(counts[kind] for kind in KILLS) == 70
    assert counts.keys() == KILLS.keys() | STOPS.keys() | set(OUTAGES)


def test_no_door_and_no_broker_has_the_name_of_a_part_of_the_stack() -> None:
    assert not {*DOORS, *SOURCES} & {"redis", "sandbox", "worker1", "worker2"}


def test_an_outage_ends_before_the_next_begins_and_before_the_run_does() -> None:
    first, second = (event.at for event in plan(3, 200, 10, 60) if event.kind in OUTAGES)

    assert 0 < first < first + 60 < second < second + 60 < 200
    with pytest.raises(ValueError, match="do not fit"):
        plan(3, 150, 10, 60)


def test_records_follow_from_the_seed_with_flaws_and_newer_versions() -> None:
    found = [records().record(number) for number in range(2000)]
    again = [each for each in found if each.message.key != f"w-{each.message.version}"]

    assert found == [records().record(number) for number in range(2000)]
    assert len([each for each in found if each.flaw]) == pytest.approx(2000 * FLAWED, rel=0.3)
    assert {each.flaw for each in found} == {None, *Flaw}
    assert again
    for each in again:
        base = int(each.message.key.removeprefix("w-"))
        assert records().partition(each.message.version) == base % 4, "the order of a data row is that of a partition"


def test_without_repeats_each_data_row_comes_once() -> None:
    keys = [records(repeats=False).record(number).message.key for number in range(500)]
    assert len(set(keys)) == 500


@pytest.mark.parametrize("flaw", [None, *Flaw])
def test_a_gateway_refuses_a_row_for_the_reason_that_is_expected(flaw: Flaw | None) -> None:
    raw = posted(of(flaw))
    if flaw not in AT_GATEWAYS:
        read_message(raw)
        return
    with pytest.raises(MessageError) as refused:
        read_message(raw)
    assert refused.value.reason == AT_GATEWAYS[flaw]


@pytest.mark.parametrize("flaw", [None, *Flaw])
def test_a_bridge_refuses_a_record_for_the_reason_that_is_expected(flaw: Flaw | None, tmp_path: Path) -> None:
    file = tmp_path / "mapping.toml"
    file.write_text(MAPPING.format(project="p"))
    mapping = read_mapping(file)

    def publish() -> list[Prepared]:
        delivery = deliver("here", "a:1", None, bridged(of(flaw)))
        if delivery.incoming is None:
            assert AT_BRIDGES[flaw or Flaw.BROKEN] == "unreadable-record"
            return []
        return [prepare(message) for message in mapping.messages(delivery.incoming)]

    if flaw is None:
        (made,) = publish()
        assert (made.project_id, made.data_row_key) == ("p", "k:w-5")
    elif AT_BRIDGES[flaw] == "unreadable-record":
        assert publish() == []
    else:
        with pytest.raises(MessageError) as refused:
            publish()
        assert refused.value.reason == AT_BRIDGES[flaw]
