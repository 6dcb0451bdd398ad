"""The publisher's buffer: order, limits, and the same frames until they are answered."""

import itertools
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from types import FrameType
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from prelabel.publishing import buffer as buffers
from prelabel.publishing.buffer import Limits, ProjectBuffer, Row, gathered
from prelabel.tracing import CONTEXT_BYTES, MAX_TRACES
from prelabel.wire.frame import (
    MAX_SHARED_BYTES,
    MAX_SHARED_ROWS,
    ONE_LANE,
    SHARED,
    read_header,
    read_messages,
    traces_of,
)
from prelabel.wire.lanes import lane_of

LIMITS = Limits(send_rows=10, send_bytes=1000, frame_rows=4, frame_bytes=500, frame_slow=3, linger_seconds=1.0)


def row(key: str, size: int = 5, slow: int = 0) -> Row:
    return Row(f"k:{key}", key.encode().ljust(size, b"."), slow)


def test_rows_wait_for_the_linger_time_and_not_longer() -> None:
    buffer = ProjectBuffer(LIMITS)
    assert buffer.ready_at() is None
    buffer.add(row("a"), now=5.0)
    buffer.add(row("b"), now=5.9)

    assert buffer.ready_at() == 6.0


def test_a_full_send_or_a_flush_does_not_wait() -> None:
    buffer = ProjectBuffer(LIMITS)
    for n in range(10):
        buffer.add(row(str(n)), now=5.0)
    assert buffer.ready_at() == 0.0

    flushed = ProjectBuffer(LIMITS)
    flushed.add(row("a"), now=5.0)
    flushed.flush()
    assert flushed.ready_at() == 0.0


def test_a_row_that_makes_others_ready_earlier_says_so_once() -> None:
    by_rows, by_bytes = ProjectBuffer(LIMITS), ProjectBuffer(LIMITS)

    earlier = [by_rows.add(row(str(n)), now=5.0) for n in range(12)]
    assert earlier == [True, *[False] * 8, True, False, False]
    assert [by_bytes.add(row("a", 400), now=5.0) for _ in range(4)] == [True, False, True, False]


any_choices = st.lists(st.booleans(), min_size=60, max_size=60)


def add(buffer: ProjectBuffer, row: Row, *, packs: bool) -> None:
    """Add a row; with `packs`, the newest rows are packed then, which many rows make happen."""
    if packs and buffer.waiting:
        buffer.waiting[-1].pack_at = len(buffer.waiting[-1].items) + 1
    buffer.add(row, 0.0)


@given(st.lists(st.integers(2, 1200), max_size=60), any_choices, any_choices)
def test_sends_are_in_order_and_each_is_as_large_as_its_limits_allow(
    sizes: list[int], takes: list[bool], packs: list[bool]
) -> None:
    buffer = ProjectBuffer(LIMITS)
    rows = [row(str(at), size) for at, size in enumerate(sizes)]
    sends: list[list[Row]] = []

    def send() -> None:
        buffer.take(0.0)
        sends.append(list(buffer.in_flight))
        assert len(buffer.in_flight) == 1 or sum(len(one.raw) for one in buffer.in_flight) <= LIMITS.send_bytes
        buffer.answer()

    for one, take, pack in zip(rows, takes, packs, strict=False):
        add(buffer, one, packs=pack)
        assert list(buffer.in_memory()) == rows[buffer.left : buffer.accepted]
        if take and buffer.ready_at() == 0.0:
            send()
    while buffer.rows:
        send()

    assert [one for each in sends for one in each] == rows
    assert all(len(each) <= LIMITS.send_rows for each in sends)
    for each, after in itertools.pairwise(sends):  # the next row had no room, or the send went as soon as it was full
        size = sum(len(one.raw) for one in each)
        assert (
            len(each) == LIMITS.send_rows or size + len(after[0].raw) > LIMITS.send_bytes or size >= LIMITS.send_bytes
        )
    assert buffer.bytes_in_memory == buffer.rows_in_memory == 0


def test_frames_in_flight_stay_the_same_until_they_are_answered() -> None:
    buffer = ProjectBuffer(LIMITS)
    buffer.add(row("a"), 0.0)
    frames = buffer.cut(0.0)
    buffer.add(row("b"), 0.0)

    assert buffer.cut(9.0) == frames
    buffer.answer()
    assert buffer.rows == 1
    assert [read_messages(frame) for frame in buffer.cut(9.0)] == [[row("b").raw]]


def test_a_refusal_cuts_the_same_rows_for_the_right_lanes_with_new_ids() -> None:
    buffer = ProjectBuffer(LIMITS, lanes=16)
    for n in range(8):
        buffer.add(row(str(n)), 0.0)
    before = buffer.cut(0.0)

    buffer.recut(2)

    after = buffer.cut(0.0)
    assert {read_header(frame).lanes for frame in after} == {2}
    assert {read_header(frame).id for frame in before}.isdisjoint(read_header(frame).id for frame in after)
    assert sorted(raw for frame in before for raw in read_messages(frame)) == sorted(
        raw for frame in after for raw in read_messages(frame)
    )
    buffer.answer()
    buffer.add(row("the next send"), 0.0)
    assert [read_header(frame).lanes for frame in buffer.cut(0.0)] == [2]


any_rows = st.lists(
    st.tuples(st.text("abc", min_size=1, max_size=2), st.integers(2, 400), st.integers(0, 3), st.integers(0, 3)),
    max_size=60,
)


@given(any_rows, any_choices)
def test_every_row_is_sent_once_in_its_lane_in_order_within_the_limits(
    spec: list[tuple[str, int, int, int]], packs: list[bool]
) -> None:
    buffer = ProjectBuffer(LIMITS)
    rows = [traced_row(row(key, size, slow), trace) for key, size, slow, trace in spec]
    for each, pack in zip(rows, packs, strict=False):
        add(buffer, each, packs=pack)
    assert list(buffer.in_memory()) == rows
    sent: dict[int, list[bytes]] = {}
    named: set[bytes] = set()
    while buffer.rows:
        for frame in buffer.cut(0.0):
            header, messages = read_header(frame), read_messages(frame)
            traces = set(traces_of(frame))
            assert traces <= {each.trace for each in rows if each.raw in messages}
            named |= traces
            assert header.rows <= LIMITS.frame_rows
            assert header.slow <= LIMITS.frame_slow
            assert header.bytes <= LIMITS.frame_bytes
            for segment in header.segments:
                rows_of_lane, messages = messages[: segment.rows], messages[segment.rows :]
                sent.setdefault(segment.lane, []).extend(rows_of_lane)
        buffer.answer()

    expected: dict[int, list[bytes]] = {}
    for each in rows:
        expected.setdefault(lane_of(each.data_row_key, buffer.lanes), []).append(each.raw)
    assert sent == expected
    assert named == {each.trace for each in rows}
    assert buffer.bytes_in_memory == buffer.rows_in_memory == 0


def traced_row(row: Row, number: int) -> Row:
    return Row(row.data_row_key, row.raw, row.slow, number.to_bytes(CONTEXT_BYTES, "big"))


def interrupted(call: Callable[[], None], step: int) -> bool:
    """Raise KeyboardInterrupt in the module of buffers before its n-th step; return whether it has so many."""
    seen = itertools.count()

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename != buffers.__file__:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode" and next(seen) == step:
            raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def test_a_row_that_ctrl_c_interrupts_is_there_or_not_and_no_other_is_lost_or_doubled() -> None:
    before, last = [row("a"), traced_row(row("b"), 1)], traced_row(row("c", slow=1), 2)
    added = []
    for step in itertools.count():
        batch = gathered(before, 2, LIMITS)
        batch.pack_at = 3
        if not interrupted(partial(batch.add, last), step):
            break

        rows = [*before, last][: len(batch)]
        batch.add(row("d"))

        assert list(batch) == [*rows, row("d")]
        assert sorted(raw for frame in batch.frames() for raw in read_messages(frame)) == sorted(
            one.raw for one in batch
        )
        added.append(len(rows))

    assert added == sorted(added)
    assert set(added) == {2, 3}


def test_few_rows_of_several_lanes_share_a_frame_and_many_do_not() -> None:
    limits = Limits(
        send_rows=3072, send_bytes=2**22, frame_rows=256, frame_bytes=2**22, frame_slow=250, linger_seconds=1
    )
    rows = [row(str(n)) for n in range(MAX_SHARED_ROWS + 1)]
    one_lane = [row("a")] * 3

    def versions(send: list[Row], limits: Limits = limits) -> list[int]:
        return [frame[0] for frame in gathered(send, 8, limits).frames()]

    assert versions(rows[:-1]) == [SHARED]
    assert versions(rows) == [ONE_LANE] * 8
    assert set(versions([row(str(n), MAX_SHARED_BYTES // 8) for n in range(8)])) == {ONE_LANE}
    assert versions(one_lane) == [ONE_LANE]
    traced = [traced_row(each, at) for at, each in enumerate(rows[: MAX_TRACES + 1])]
    assert (versions(traced[:-1]), set(versions(traced))) == ([SHARED], {ONE_LANE})
    assert set(versions(rows[:20], replace(limits, frame_rows=19))) == {ONE_LANE}
    assert set(versions([*one_lane, row("b", slow=251)], limits)) == {ONE_LANE}
    assert set(versions([*one_lane, row("b", 600)], replace(limits, frame_bytes=600))) == {ONE_LANE}


def test_the_lane_of_a_data_row_never_changes() -> None:
    golden = {"k:cam-1/000184.jpg": 1, "i:cmh2k4t8x00a107l5e1v9q3zr": 9, "k:ünïcödé": 13, "k:": 1}

    assert {key: lane_of(key, 16) for key in golden} == golden
