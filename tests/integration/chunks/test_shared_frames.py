"""Frames that several lanes share: each lane has its rows in order, and a frame is freed once, with its last row."""

import random
from collections.abc import Callable, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prelabel.errors import PrelabelError
from prelabel.ids import uuid7
from prelabel.publishing.buffer import Row
from prelabel.wire.frame import HEADER, MAX_SHARED_BYTES, MAX_SHARED_ROWS, ONE_LANE, SHARED, UnreadableFrame
from prelabel.wire.lanes import lane_of
from prelabel_worker.chunks import row_reader
from prelabel_worker.chunks.chunk import Chunk
from prelabel_worker.chunks.held_rows import Origin, held_frame
from prelabel_worker.chunks.rows import ChunkRow, Slice, Unreadable
from prelabel_worker.operations.purge import Purge
from prelabel_worker.queries.row_trace import Tracer
from tests.support.project import Project, message

LANES = 16


def of_lanes(*lanes: int) -> list[Row]:
    """Return a message of a data row of each of these lanes."""
    keys: dict[int, str] = {}
    number = 0
    while not keys.keys() >= set(lanes):
        keys.setdefault(lane_of(f"k:k{number}", LANES), f"k{number}")
        number += 1
    return [message(keys[lane]) for lane in lanes]


def publish_shared(project: Project, *rows: Row) -> bytes:
    """Publish rows in a frame that their lanes share; return the frame."""
    (frame,) = project.frames(*rows)
    assert frame[0] == SHARED
    project.inbox.put(project.id, [frame])
    return frame


def frames(project: Project) -> int:
    """Return the number of stored frames, of each of which Redis counts the rows that are left."""
    stored = project.client.hkeys(project.keys.frames)
    assert sorted(stored) == sorted(project.client.hkeys(project.keys.left))
    return len(stored)


def lanes_of(chunk: Chunk) -> set[int]:
    return set(chunk.lanes)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=12), min_size=1, max_size=8), st.integers(2, 30))
def test_a_lane_has_its_rows_in_the_order_of_publishing_whichever_frames_they_came_in(
    make_project: Callable[..., Project], sends: list[list[int]], chunk_rows: int
) -> None:
    project = make_project(chunk_rows=chunk_rows)
    for name in list(project.client.scan_iter(f"{project.settings.key_prefix}:*")):
        project.client.delete(name)
    published: dict[int, list[bytes]] = {}
    kinds = set()
    for number, send in enumerate(sends):
        rows = [message(f"k{key}", message_id=f"{number}-{at}") for at, key in enumerate(send)]
        frames_of_send = project.frames(*rows)
        kinds |= {frame[0] for frame in frames_of_send}
        project.inbox.put("p", frames_of_send)
        for row in rows:
            published.setdefault(lane_of_row(row), []).append(row.raw)
    assert kinds <= {ONE_LANE, SHARED}

    found: dict[int, list[tuple[int, bytes]]] = {}
    while (chunk_id := project.ledger.cut_chunk("p")) is not None:
        chunk = project.take(chunk_id)
        for row in project.rows(chunk):
            found.setdefault(row.lane, []).append((row.seq, row.raw))
        project.settle(chunk, imported=chunk.rows)

    assert {lane: [raw for _, raw in rows] for lane, rows in found.items()} == published
    assert all(rows == sorted(rows) for rows in found.values())
    numbers = sorted(seq for rows in found.values() for seq, _ in rows)
    assert numbers == list(range(1, sum(map(len, sends)) + 1))
    assert frames(project) == 0
    assert project.status().imported == len(numbers)


def lane_of_row(row: Row) -> int:
    return lane_of(row.data_row_key, LANES)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_a_frame_whose_rows_are_in_several_chunks_is_freed_with_the_last_of_them(
    project: Project, order: Sequence[int]
) -> None:
    first, second, third = of_lanes(2, 5, 9)
    project.publish(first)
    blocks_2 = project.cut()
    publish_shared(project, first, second)
    chunk_of_5 = project.take(project.cut())
    assert lanes_of(chunk_of_5) == {5}
    publish_shared(project, second, third)
    chunk_of_9 = project.take(project.cut())
    assert lanes_of(chunk_of_9) == {9}
    project.import_all(blocks_2)
    chunk_of_2 = project.take(project.cut())
    assert lanes_of(chunk_of_2) == {2}
    assert frames(project) == 2

    chunks = [chunk_of_5, chunk_of_9, chunk_of_2]
    for at in order:
        (row,) = project.rows(chunks[at])
        assert row.raw == [second, third, first][at].raw
        project.settle(chunks[at], imported=1)
        project.audit()

    project.import_all(project.cut())  # the rest of the second frame, which waited for its lane
    assert frames(project) == 0
    assert project.client.zcard(project.keys.seen) == 3
    assert project.status().imported == 5


def test_a_shared_frame_that_is_sent_again_counts_once_while_some_of_its_rows_are_settled(project: Project) -> None:
    (first,) = of_lanes(2)
    project.publish(first)
    blocks_2 = project.cut()
    frame = publish_shared(project, *of_lanes(2, 5))
    project.import_all(project.cut())

    assert project.inbox.put("p", [frame]) == 0
    project.import_all(blocks_2)
    project.import_all(project.cut())
    assert project.inbox.put("p", [frame]) == 0

    assert (project.status().published, project.status().imported) == (3, 3)


def test_a_chunk_of_shared_frames_may_be_split_anywhere(project: Project) -> None:
    rows = of_lanes(1, 2, 3, 4, 5, 6)
    publish_shared(project, *rows)
    publish_shared(project, *rows)
    expected = [
        (seq, row.raw, lane) for start in (1, 7) for lane, row in enumerate(rows, 1) for seq in [start + lane - 1]
    ]
    parts = [project.take(project.cut())]
    assert sorted((row.seq, row.raw, row.lane) for row in project.rows(parts[0])) == expected

    for _ in range(3):
        parts = [project.take(child) for part in parts for child in project.ledger.split(part)]
    random.Random(1).shuffle(parts)
    found = []
    for part in parts:
        found += [(row.seq, row.raw, row.lane) for row in project.rows(part)]
        project.settle(part, imported=part.rows)

    assert sorted(found) == expected
    assert frames(project) == 0
    assert project.status().imported == 12


def test_a_worker_that_is_killed_between_two_commits_leaves_the_rest_to_the_next(project: Project) -> None:
    publish_shared(project, *of_lanes(1, 2, 3, 4))
    chunk_id = project.cut()
    dead = project.take(chunk_id)
    lanes = [row.lane for row in project.rows(dead)]
    assert sorted(lanes) == [1, 2, 3, 4]
    project.ledger.commit_rows(dead, 0, Slice(2, 2), finish=False)
    project.client.hset(project.keys.chunk(chunk_id), mapping={"lease": 1, "due": 1})

    chunk = project.take(chunk_id)

    assert [row.lane for row in project.rows(chunk)] == lanes[2:]
    project.settle(chunk, imported=2)
    assert frames(project) == 0
    assert project.status().imported == 4


def test_a_purge_takes_the_lanes_of_a_shared_frame_that_are_free_and_later_the_others(project: Project) -> None:
    (first,) = of_lanes(2)
    project.publish(first)
    sent = project.take(project.cut())
    project.send(sent)
    project.ledger.running(sent, "import", 0)
    publish_shared(project, *of_lanes(2, 5, 9))
    purge = Purge(project.client, project.settings)

    ended, found = purge.run("p", "somebody", 0.0), purge.result
    assert (ended, found.unsent) == (False, 2)
    assert frames(project) == 2
    project.settle(project.take(sent.id, "follow"), imported=1)
    assert Purge(project.client, project.settings).run("p", "somebody", 0.0)

    status = project.status()
    assert (status.imported, status.discarded, status.pending) == (1, 3, 0)
    assert frames(project) == 0


def test_each_lane_of_a_frame_that_cannot_be_read_is_a_dead_letter_and_can_be_retried_alone(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [*of_lanes(2, 5, 5, 9)]

    def fails(_: bytes) -> list[bytes]:
        raise UnreadableFrame("not yet")

    publish_shared(project, *rows)
    with monkeypatch.context() as older:
        older.setattr(row_reader, "read_messages", fails)
        chunk = project.take(project.cut())
        unreadable = [part for part in project.reader.rows(chunk) if isinstance(part, Unreadable)]
        outcomes = [held_frame(part, Origin("submit", chunk.id)) for part in unreadable]
        project.ledger.end_unsent(chunk, outcomes)
    assert [(part.rows, part.lane) for part in unreadable] == [(1, 2), (2, 5), (1, 9)]
    assert frames(project) == 0
    assert project.status().dead == 4

    project.held.retry("p", ["f2"])
    retried = project.take(project.cut())

    assert lanes_of(retried) == {5}
    found = project.rows(retried)
    assert [(row.seq, row.lane, row.raw) for row in found] == [(2, 5, rows[1].raw), (3, 5, rows[2].raw)]
    project.settle(retried, imported=2)
    project.held.retry("p", ["f1", "f4"], as_new=True)
    last = project.take(project.cut())
    assert [(row.seq, row.raw) for row in project.rows(last)] == [(5, rows[0].raw), (6, rows[3].raw)]
    project.settle(last, imported=2)
    status = project.status()
    assert (status.imported, status.dead, status.pending) == (4, 0, 0)
    assert project.client.hlen(project.keys.held) == 0


def test_a_lane_that_stays_unreadable_is_the_same_dead_letter_with_the_same_rows(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = of_lanes(2, 5, 5)

    def fails(_: bytes) -> list[bytes]:
        raise UnreadableFrame("not yet")

    def hold(chunk: Chunk) -> None:
        outcomes = []
        for part in project.reader.rows(chunk):
            assert isinstance(part, Unreadable)
            outcomes.append(held_frame(part, Origin("s", "c")))
        project.ledger.end_unsent(chunk, outcomes)

    publish_shared(project, *rows)
    with monkeypatch.context() as older:
        older.setattr(row_reader, "read_messages", fails)
        hold(project.take(project.cut()))
        project.held.retry("p", ["f2"])
        hold(project.take(project.cut()))
    assert sorted(project.client.hkeys(project.keys.held)) == [b"f1", b"f2"]

    project.held.retry("p", ["f2"])

    assert [row.raw for row in project.rows(project.take(project.cut()))] == [row.raw for row in rows[1:]]
    assert (project.status().pending, project.status().dead) == (2, 1)


def test_a_row_of_a_shared_frame_is_found_in_its_own_lane_and_chunk_alone(project: Project) -> None:
    rows = of_lanes(2, 5, 9)
    project.publish(rows[0])
    project.cut()
    publish_shared(project, *rows)
    tracer = Tracer(project.client, project.settings.key_prefix)

    def places(row: Row) -> list[tuple[int, int]]:
        found = tracer.trace("p", row.data_row_key[2:]).waiting
        return [(each.seq, each.lane) for each in found]

    assert places(rows[0]) == [(2, 2), (1, -1)]
    assert places(rows[1]) == [(3, 5)]
    project.cut()
    assert places(rows[0]) == [(2, 2), (1, -1)]
    assert places(rows[2]) == [(4, -1)]
    assert [each.seq for each in tracer.trace("p", "id-" + rows[1].data_row_key[2:]).waiting] == [3]


def table(
    *segments: tuple[int, int, int, int], rows: int = 3, size: int = 5, slow: int = 0, lanes: int = LANES
) -> bytes:
    """Return a shared frame whose header and table say what they are told to."""
    packed = b"".join(
        lane.to_bytes(2, "big") + count.to_bytes(2, "big") + of_lane.to_bytes(4, "big") + slow_here.to_bytes(4, "big")
        for lane, count, of_lane, slow_here in segments
    )
    header = HEADER.pack(SHARED, 0, uuid7(), len(segments), lanes, rows, size, slow, b"k")
    return header + packed + b"x\ny\nz"


GOOD = ((2, 1, 1, 0), (5, 2, 3, 0))
TABLES = {
    "none": table(),
    "cut off": table(*GOOD)[:60],
    "a header that says more lanes": HEADER.pack(SHARED, 0, uuid7(), 65_535, LANES, 3, 5, 0, b"k") + bytes(24) + b"x",
    "fewer rows than the header": table((2, 1, 1, 0), (5, 1, 3, 0)),
    "more rows than the header": table((2, 2, 1, 0), (5, 2, 3, 0)),
    "rows that cancel out": table((2, 0, 1, 0), (5, 3, 3, 0)),
    "fewer bytes": table((2, 1, 0, 0), (5, 2, 3, 0)),
    "more bytes": table((2, 1, 1, 0), (5, 2, 2**32 - 1, 0)),
    "slow annotations of nobody": table(*GOOD, slow=1),
    "slow annotations that nobody counts": table((2, 1, 1, 2**32 - 1), (5, 2, 3, 0)),
    "a lane twice": table((5, 1, 1, 0), (5, 2, 3, 0)),
    "lanes that do not ascend": table((5, 1, 1, 0), (2, 2, 3, 0)),
    "a lane that is none": table((2, 1, 1, 0), (LANES, 2, 3, 0)),
    "the last of lanes": table((2, 1, 1, 0), (65_535, 2, 3, 0)),
    "too many rows": table((2, 1, 1, 0), (5, MAX_SHARED_ROWS, 3, 0), rows=MAX_SHARED_ROWS + 1),
    "too many bytes": table((2, 1, 1, 0), (5, 2, MAX_SHARED_BYTES, 0), size=MAX_SHARED_BYTES + 2),
}


@pytest.mark.parametrize("bad", TABLES.values(), ids=TABLES.keys())
def test_a_frame_whose_table_is_none_is_refused_with_all_of_its_send_and_nothing_is_written(
    project: Project, bad: bytes
) -> None:
    with pytest.raises(PrelabelError, match="frame 2 of the send exceeds a limit"):
        project.inbox.put("p", [table(*GOOD), bad])

    assert project.client.keys(f"{project.root}:*") == []


def test_a_table_that_the_script_accepts_is_one_that_a_worker_reads(project: Project) -> None:
    project.inbox.put("p", [table(*GOOD)])

    found = project.reader.rows(project.take(project.cut()))

    assert [(row.lane, row.seq, row.raw) for row in found if isinstance(row, ChunkRow)] == [
        (2, 1, b"x"),
        (5, 2, b"y"),
        (5, 3, b"z"),
    ]


def test_a_shared_frame_of_another_lane_count_is_refused_and_names_the_right_one(project: Project) -> None:
    project.publish(message("a"))

    with pytest.raises(PrelabelError, match=str(LANES)):
        project.inbox.put("p", [table(*GOOD, lanes=32)])

    assert project.status().published == 1
