"""What the sender and the spooler are given to do, in which order, and who waits for them; without Redis or a disk."""

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from prelabel.errors import PublisherClosed
from prelabel.publishing.buffer import Limits, Row
from prelabel.publishing.outbox import Step
from prelabel.publishing.outboxes import EARLY, Outboxes, Send
from prelabel.publishing.retry import Failure
from prelabel.spool.files import SpoolFull
from prelabel.spool.slots import take_slot
from tests.support.waiting import wait_for

LIMITS = Limits(send_rows=10, send_bytes=1000, frame_rows=4, frame_bytes=500, frame_slow=3, linger_seconds=0.0)
AWAY = Failure(is_away=True, inbox_is_full=False, too_much=False, words="does not answer", remedy=None)
REFUSED = Failure(is_away=False, inbox_is_full=False, too_much=False, words="NOAUTH", remedy="check the password")
FULL = Failure(is_away=False, inbox_is_full=True, too_much=True, words="the inbox is full", remedy=None)
TIMED_OUT = Failure(is_away=True, inbox_is_full=False, too_much=True, words="timed out", remedy=None)
FAR = 1e12
"""A time that never comes."""


def outboxes(*projects: str, spool_dir: Path | None = None, max_rows: int = 8, limits: Limits = LIMITS) -> Outboxes:
    slot = take_slot(spool_dir) if spool_dir else None
    boxes = Outboxes(limits, max_rows=max_rows, max_bytes=10**6, most_projects=500, slot=slot, spool_bytes=10**6)
    for project in projects:
        put(boxes, project)
    return boxes


def put(boxes: Outboxes, project: str) -> bool:
    return boxes.put(project, Row("k:a", b"{}", 0), 0.0)


def names(sends: list[Send]) -> list[str]:
    return [send.box.project_id for send in sends]


def test_projects_travel_together_the_one_that_was_not_sent_for_longest_first() -> None:
    boxes, order = outboxes("a", "b", "c"), []
    for _ in range(3):
        sends = boxes.next_sends()
        order.append(names(sends))
        boxes.sent([send.box for send in sends])
        for project in reversed(names(sends)):
            put(boxes, project)

    assert order == [["a", "b", "c"]] * 3


@pytest.mark.parametrize("limits", [{"send_rows": 2}, {"send_bytes": 5}])
def test_what_travels_together_is_within_the_limits_of_a_send(limits: dict[str, int]) -> None:
    boxes = outboxes("a", "b", "c", limits=replace(LIMITS, **limits))
    together = boxes.next_sends()
    alone = boxes.next_sends()

    assert (names(together), names(alone)) == (["a", "b"], ["c"])


def test_in_a_cluster_each_project_travels_alone() -> None:
    boxes = outboxes("a", "b")
    boxes.most_projects = 1

    assert [names(boxes.next_sends()) for _ in range(2)] == [["a"], ["b"]]


def test_rows_that_are_due_soon_travel_with_rows_that_are_due() -> None:
    boxes = outboxes("a", limits=replace(LIMITS, linger_seconds=3600.0))
    boxes.begin_flush()
    boxes.put("later", Row("k:a", b"{}", 0), 0.0)
    assert names(boxes.next_sends()) == ["a"]

    boxes.own["later"].buffer.oldest -= 3600 * (1 - EARLY)
    put(boxes, "flushed")
    boxes.own["flushed"].buffer.flush()

    assert names(boxes.next_sends()) == ["later", "flushed"]


def test_rows_of_a_project_that_waits_to_try_again_do_not_travel_with_others() -> None:
    boxes = outboxes("a", limits=replace(LIMITS, linger_seconds=100.0))
    boxes.begin_flush()
    boxes.not_sent(boxes.next_sends(), FULL)
    boxes.own["a"].retry.not_before = time.monotonic() + 10
    put(boxes, "b")
    boxes.own["b"].buffer.flush()

    assert names(boxes.next_sends()) == ["b"]


def test_rows_from_the_disk_travel_alone(tmp_path: Path) -> None:
    boxes = outboxes("a", spool_dir=tmp_path)
    boxes.not_sent(boxes.next_sends(), FULL)
    box = boxes.next_write(FAR)
    assert box is not None
    boxes.written(box)
    box.retry.at_once()
    put(boxes, "b")
    boxes.own["b"].last_send = box.last_send + 1

    (alone,) = boxes.next_sends()

    assert (alone.box, alone.spool) == (box, box.spool)
    boxes.stepped(box, Step(answered=1))
    assert names(boxes.next_sends()) == ["b"]


def test_a_sleeping_sender_is_woken_by_a_row_that_is_due_before_all_others() -> None:
    boxes = outboxes("slow", limits=replace(LIMITS, send_rows=2, linger_seconds=3600.0))
    sent: list[list[str]] = []
    sender = threading.Thread(target=lambda: sent.append(names(boxes.next_sends())), daemon=True)
    sender.start()
    wait_for(lambda: boxes._sender_sleeps_until > time.monotonic(), "the sender to sleep")
    put(boxes, "full")
    put(boxes, "full")
    sender.join(20)

    assert sent == [["full"]]


def test_rows_that_a_thread_has_are_given_to_no_other() -> None:
    boxes = outboxes("a", "b")
    assert names(boxes.next_sends()) == ["a", "b"]
    put(boxes, "a")
    put(boxes, "c")

    assert names(boxes.next_sends()) == ["c"]
    boxes.close()
    assert boxes.next_sends() == []


def test_projects_that_were_refused_in_one_round_trip_are_one_failure_of_redis() -> None:
    boxes = outboxes("a", "b", "c")

    boxes.not_sent(boxes.next_sends(), AWAY)

    assert boxes.health.retry.failures == 1
    assert [box.retry.failures for box in boxes.own.values()] == [1, 1, 1]


def test_a_send_that_failed_is_repeated_with_the_same_frames() -> None:
    boxes = outboxes("a")
    (send,) = boxes.next_sends()
    frames = boxes.frames(send.box)
    boxes.not_sent([send], AWAY)
    put(boxes, "a")

    (again,) = boxes.next_sends()

    assert boxes.frames(again.box) == frames


def test_frames_that_redis_does_not_take_go_to_the_disk_and_are_sent_from_there_first(tmp_path: Path) -> None:
    boxes = outboxes("a", spool_dir=tmp_path)
    (send,) = boxes.next_sends()
    assert send.spool is None
    boxes.not_sent([send], AWAY)
    box = boxes.next_write(FAR)
    assert box is send.box
    boxes.written(box)
    put(boxes, "a")

    (send,) = boxes.next_sends()

    assert send.spool is not None
    boxes.stepped(box, Step(answered=1))
    assert boxes.spooled_rows() == 0


def test_a_spool_that_is_full_leaves_rows_in_memory_until_redis_answers(tmp_path: Path) -> None:
    boxes = outboxes("a", spool_dir=tmp_path)
    boxes.health.failed(AWAY, 0.0)
    box = boxes.next_write(FAR)
    assert box is not None

    boxes.not_written(box, SpoolFull("the spool is full"))

    assert boxes.next_write(0.0) is None
    assert box.write_at(redis_is_away=True) is None
    assert boxes.health.cause == "does not answer; the spool is full"
    box.answered()
    put(boxes, "a")
    assert box.write_at(redis_is_away=True) is not None


def test_sends_from_the_spool_shrink_while_they_time_out_and_grow_again() -> None:
    boxes = outboxes("a")
    box = boxes.own["a"]
    for _ in range(3):
        box.failed(TIMED_OUT, 0.0)
    assert box.limits().send_rows == 1

    for _ in range(6):
        box.answered()

    assert box.limits() == LIMITS


def test_a_flush_is_over_when_redis_has_its_rows_or_refuses_for_good() -> None:
    boxes = outboxes("a")
    flush, (send,) = boxes.begin_flush(), boxes.next_sends()
    assert not flush.is_over()
    boxes.not_sent([send], AWAY)
    assert not flush.is_over()
    boxes.not_sent([send], REFUSED)
    assert (flush.is_over(), flush.remaining()) == (True, 1)
    boxes.sent([send.box])
    assert (flush.is_over(), flush.remaining()) == (True, 0)


def test_a_hand_over_goes_to_the_disk_after_one_more_try_with_redis(tmp_path: Path) -> None:
    boxes = outboxes("a", spool_dir=tmp_path)
    box, (send,) = boxes.own["a"], boxes.next_sends()
    boxes.not_sent([send], AWAY)
    hand_over = boxes.begin_hand_over()
    boxes.next_write(FAR)
    boxes.written(box)
    assert not hand_over.is_over()

    (send,) = boxes.next_sends()
    boxes.not_sent([send], AWAY)

    assert hand_over.is_over()


def test_a_full_project_takes_no_row_and_a_closed_publisher_none_at_all() -> None:
    boxes = outboxes("a", "b", max_rows=1)
    assert not put(boxes, "a")

    boxes.close()

    with pytest.raises(PublisherClosed):
        put(boxes, "b")
