"""What the sender and the spooler are given to do, in which order, and who waits for them; without Redis or a disk."""

from pathlib import Path

import pytest

from prelabel.errors import PublisherClosed
from prelabel.publishing.buffer import Limits, Row
from prelabel.publishing.outbox import Step
from prelabel.publishing.outboxes import Outboxes
from prelabel.publishing.retry import Failure
from prelabel.spool.files import SpoolFull
from prelabel.spool.slots import take_slot

LIMITS = Limits(send_rows=10, send_bytes=1000, frame_rows=4, frame_bytes=500, frame_slow=3, linger_seconds=0.0)
AWAY = Failure(is_away=True, inbox_is_full=False, too_much=False, words="does not answer", remedy=None)
REFUSED = Failure(is_away=False, inbox_is_full=False, too_much=False, words="NOAUTH", remedy="check the password")
TIMED_OUT = Failure(is_away=True, inbox_is_full=False, too_much=True, words="timed out", remedy=None)
FAR = 1e12
"""A time that never comes."""


def outboxes(*projects: str, spool_dir: Path | None = None, max_rows: int = 8) -> Outboxes:
    slot = take_slot(spool_dir) if spool_dir else None
    boxes = Outboxes(LIMITS, max_rows=max_rows, max_bytes=10**6, slot=slot, spool_bytes=10**6)
    for project in projects:
        put(boxes, project)
    return boxes


def put(boxes: Outboxes, project: str) -> bool:
    return boxes.put(project, Row("k:a", b"{}", 0), 0.0)


def test_the_project_comes_first_whose_last_send_is_longest_ago() -> None:
    boxes, order = outboxes("a", "b"), []
    for _ in range(4):
        send = boxes.next_send()
        assert send is not None
        order.append(send.box.project_id)
        boxes.sent(send.box)
        put(boxes, send.box.project_id)

    assert order == ["a", "b", "a", "b"]


def test_rows_that_a_thread_has_are_given_to_no_other() -> None:
    boxes = outboxes("a", "b")
    first, second = boxes.next_send(), boxes.next_send()

    assert first is not None
    assert second is not None
    assert {first.box.project_id, second.box.project_id} == {"a", "b"}
    boxes.close()
    assert boxes.next_send() is None


def test_a_send_that_failed_is_repeated_with_the_same_frames() -> None:
    boxes = outboxes("a")
    send = boxes.next_send()
    assert send is not None
    frames = boxes.frames(send.box)
    boxes.not_sent(send, AWAY)
    put(boxes, "a")

    again = boxes.next_send()

    assert again is not None
    assert boxes.frames(again.box) == frames


def test_frames_that_redis_does_not_take_go_to_the_disk_and_are_sent_from_there_first(tmp_path: Path) -> None:
    boxes = outboxes("a", spool_dir=tmp_path)
    send = boxes.next_send()
    assert send is not None
    assert send.spool is None
    boxes.not_sent(send, AWAY)
    box = boxes.next_write(FAR)
    assert box is send.box
    boxes.written(box)
    put(boxes, "a")

    send = boxes.next_send()

    assert send is not None
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
    flush, send = boxes.begin_flush(), boxes.next_send()
    assert send is not None
    assert not flush.is_over()
    boxes.not_sent(send, AWAY)
    assert not flush.is_over()
    boxes.not_sent(send, REFUSED)
    assert (flush.is_over(), flush.remaining()) == (True, 1)
    boxes.sent(send.box)
    assert (flush.is_over(), flush.remaining()) == (True, 0)


def test_a_hand_over_goes_to_the_disk_after_one_more_try_with_redis(tmp_path: Path) -> None:
    boxes = outboxes("a", spool_dir=tmp_path)
    box, send = boxes.own["a"], boxes.next_send()
    assert send is not None
    boxes.not_sent(send, AWAY)
    hand_over = boxes.begin_hand_over()
    boxes.next_write(FAR)
    boxes.written(box)
    assert not hand_over.is_over()

    send = boxes.next_send()
    assert send is not None
    boxes.not_sent(send, AWAY)

    assert hand_over.is_over()


def test_a_full_project_takes_no_row_and_a_closed_publisher_none_at_all() -> None:
    boxes = outboxes("a", "b", max_rows=1)
    assert not put(boxes, "a")

    boxes.close()

    with pytest.raises(PublisherClosed):
        put(boxes, "b")
