"""A snapshot: read by a thread, never waited for twice, with its error shown until it is read again."""

import threading
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from prelabel_console.snapshot import Snapshot
from tests.support.waiting import wait_for


class Source:
    """Something to read, which can fail, and which says how often it was read."""

    def __init__(self) -> None:
        self.reads = 0
        self.started = 0
        self.error: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()

    def read(self) -> int:
        self.started += 1
        self.gate.wait(20)
        self.reads += 1
        if self.error:
            raise self.error
        return self.reads


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def snapshot(source: Source) -> Iterator[Snapshot[int]]:
    made = Snapshot("numbers", source.read, 0.01)
    yield made
    source.gate.set()
    made.stop()


def test_nothing_is_read_before_somebody_asks(source: Source, snapshot: Snapshot[int]) -> None:
    assert source.reads == 0
    assert snapshot.latest().value >= 1


def test_the_first_reading_is_waited_for_and_later_ones_are_not(source: Source, snapshot: Snapshot[int]) -> None:
    first = snapshot.latest().value
    source.gate.clear()

    assert snapshot.latest().value >= first


def test_a_value_is_read_again_and_again(source: Source, snapshot: Snapshot[int]) -> None:
    snapshot.latest()

    wait_for(lambda: snapshot.latest().value > 3, "the fourth reading", 20)
    assert snapshot.latest().age_seconds < 20


def test_an_error_is_raised_until_the_value_can_be_read_again(source: Source, snapshot: Snapshot[int]) -> None:
    source.error = ValueError("no")
    with pytest.raises(ValueError, match="no"):
        snapshot.latest()
    assert snapshot.peek() is None

    source.error = None

    wait_for(lambda: snapshot.peek() is not None, "a reading", 20)
    assert snapshot.latest().value > 1


def test_a_look_does_not_wait(source: Source, snapshot: Snapshot[int]) -> None:
    source.gate.clear()

    assert snapshot.peek() is None


def test_an_act_has_the_value_read_again_at_once(source: Source) -> None:
    seldom = Snapshot("numbers", source.read, 3600)
    before = seldom.latest().value

    seldom.renew(20)

    assert seldom.latest().value > before
    seldom.stop()


def test_an_act_during_a_reading_waits_for_the_next_one(source: Source) -> None:
    seldom = Snapshot("numbers", source.read, 3600)
    seldom.latest()
    source.gate.clear()
    seldom.renew(0.05)
    wait_for(lambda: source.started == 2, "the reading to begin", 20)

    late = threading.Thread(target=lambda: seldom.renew(20))
    late.start()
    source.gate.set()
    late.join(20)

    assert seldom.latest().value == 3, "the second reading may have been made before the act"
    seldom.stop()


def test_an_act_before_anybody_looked_waits_for_nothing(source: Source, snapshot: Snapshot[int]) -> None:
    snapshot.renew(20)

    assert source.reads == 0


def test_an_error_that_lasts_is_logged_once(source: Source, snapshot: Snapshot[int]) -> None:
    source.error = ValueError("no")
    with capture_logs() as logs:
        assert snapshot.peek() is None
        wait_for(lambda: source.reads > 5, "some failures", 20)

    assert [entry["event"] for entry in logs] == ["console.unread"]


def test_a_stopped_snapshot_reads_no_more(source: Source, snapshot: Snapshot[int]) -> None:
    snapshot.latest()
    snapshot.stop()

    wait_for(lambda: not any(thread.name == "snapshot-numbers" for thread in threading.enumerate()), "its end", 20)
