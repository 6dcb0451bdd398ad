"""A chunk's life in Redis: cut, taken, moved, split, settled; what is left behind at each step."""

import contextlib
from collections.abc import Callable
from dataclasses import replace

import pytest
import redis

from prelabel_worker.chunks.chunk import State
from prelabel_worker.chunks.held_rows import Origin, held_frame
from prelabel_worker.chunks.rows import ChunkRow, RowOutcome, Slice, Unreadable
from prelabel_worker.errors import LeaseLost
from tests.support.project import Project, message
from tests.support.sent import SentRow, sent_lines


def lanes_of(project: Project, chunk_id: str) -> set[int]:
    lanes = project.client.hget(f"{project.root}:chunk:{chunk_id}", "lanes")
    assert lanes is not None
    return {int(lane) for lane in lanes.split()}


def expire_lease(project: Project, chunk_id: str) -> None:
    """Let the lease end, as if its holder had died."""
    project.client.hset(f"{project.root}:chunk:{chunk_id}", mapping={"lease": 1, "due": 1})


def test_a_chunk_takes_the_backlog_of_all_free_lanes(project: Project) -> None:
    project.publish(*(message(f"k{n}") for n in range(50)))

    chunk = project.take(project.cut())

    assert chunk.rows == 50
    assert {row.raw for row in project.rows(chunk)} == {message(f"k{n}").raw for n in range(50)}
    assert project.ledger.cut_chunk("p") is None


def test_a_lane_has_one_open_chunk_and_its_backlog_waits(project: Project) -> None:
    project.publish(message("same"))
    first = project.cut()
    lanes = lanes_of(project, first)
    project.publish(message("same"))

    assert project.ledger.cut_chunk("p") is None
    project.import_all(first)
    second = project.cut()

    assert lanes_of(project, second) == lanes
    assert project.take(second).rows == 1


def test_a_chunk_never_exceeds_its_limit_of_rows(make_project: Callable[..., Project]) -> None:
    project = make_project(chunk_rows=10)
    for _ in range(5):
        project.publish(*(message("same") for _ in range(4)))
    sizes = []
    while (chunk_id := project.ledger.cut_chunk("p")) is not None:
        sizes.append(project.take(chunk_id).rows)
        expire_lease(project, chunk_id)
        project.import_all(chunk_id)

    assert sizes == [8, 8, 4]


@pytest.mark.parametrize(
    ("media_type", "small"), [("IMAGE", False), ("TMS_GEO", True), ("TMS-SIMPLE", True), ("", False)]
)
def test_chunks_of_tiled_imagery_are_small(make_project: Callable[..., Project], media_type: str, small: bool) -> None:
    project = make_project(chunk_slow_annotations=10)
    project.client.hset(f"{project.root}:ontology", "mediaType", media_type)
    for n in range(10):
        project.publish(message(f"k{n}"))  # some 110 bytes: as one annotation has

    cut = []
    while (chunk_id := project.ledger.cut_chunk("p")) is not None:
        cut.append(chunk_id)

    assert (len(cut) > 1) == small
    assert sum(project.take(chunk_id).rows for chunk_id in cut) == 10


def test_rows_wait_for_company_until_the_linger_time(make_project: Callable[..., Project]) -> None:
    project = make_project(linger_seconds=3600)
    project.publish(message("a"))

    assert project.ledger.cut_chunk("p") is None
    timer = project.client.zscore(f"{project.root}:timers", "group")
    assert timer is not None
    assert timer > 0


def test_a_full_chunk_does_not_wait_for_the_linger_time(make_project: Callable[..., Project]) -> None:
    project = make_project(linger_seconds=3600, chunk_rows=5)
    project.publish(*(message("same") for _ in range(5)))

    assert project.take(project.cut()).rows == 5


def test_a_project_has_no_more_open_chunks_than_its_bound(make_project: Callable[..., Project]) -> None:
    project = make_project(open_chunks=2, chunk_rows=1)
    project.publish(*(message(f"k{n}") for n in range(40)))

    cut = [project.ledger.cut_chunk("p") for _ in range(3)]

    assert [chunk_id is not None for chunk_id in cut] == [True, True, False]


def test_group_stops_before_an_entry_of_a_newer_version(project: Project) -> None:
    project.publish(message("a"))
    (lane,) = project.client.scan_iter(f"{project.root}:lane:*")
    entry = project.client.lindex(lane, 0).decode().split(" ")
    entry[2] = "4"
    project.client.lset(lane, 0, " ".join(entry))

    assert project.ledger.cut_chunk("p") is None
    assert project.client.llen(lane) == 1


def test_a_taken_chunk_cannot_be_taken_again_while_the_lease_holds(project: Project) -> None:
    project.publish(message("a"))
    chunk_id = project.cut()
    project.take(chunk_id)

    assert project.ledger.take("p", chunk_id, "submit") is None


def test_after_a_takeover_the_old_holder_commits_nothing(project: Project) -> None:
    project.publish(message("a"))
    old = project.take(project.cut())
    expire_lease(project, old.id)
    new = project.take(old.id)

    with pytest.raises(LeaseLost):
        project.ledger.wait(old, 1, why="")
    with pytest.raises(LeaseLost):
        project.settle(old, imported=1)
    assert not project.ledger.renew(old)
    assert project.ledger.renew(new)
    assert project.status().pending == 1


def test_a_submitting_chunk_that_is_taken_over_is_uncertain_until_the_servers_limit(project: Project) -> None:
    project.publish(message("a"))
    chunk = project.take(project.cut())
    project.send(chunk)
    lease_end = int(project.client.hget(f"{project.root}:chunk:{chunk.id}", "lease") or 0)
    expire_lease(project, chunk.id)

    taken = project.take(chunk.id)

    assert taken.state is State.UNCERTAIN
    assert taken.name == f"name-{chunk.id}"
    assert taken.maybe_until_ms == 1 + project.settings.server_limit_seconds * 1000
    assert lease_end > 1


def test_a_hint_for_another_stage_is_stale(project: Project) -> None:
    project.publish(message("a"))
    chunk = project.take(project.cut())
    project.send(chunk)
    project.ledger.running(chunk, "import-1", 0)

    assert project.ledger.take("p", chunk.id, "submit") is None
    assert project.take(chunk.id, "follow").import_id == "import-1"


def test_a_waiting_chunk_is_early_before_its_time(project: Project) -> None:
    project.publish(message("a"))
    chunk = project.take(project.cut())
    project.ledger.wait(chunk, 3600, why="backoff", failures=3)

    assert project.ledger.take("p", chunk.id, "submit") is None


def test_the_last_commit_leaves_nothing_of_a_chunk_but_counters_and_the_frames_ids(project: Project) -> None:
    project.publish(*(message(f"k{n}") for n in range(30)))
    project.import_all(project.cut())
    assert project.ledger.cut_chunk("p") is None

    left = {key.decode().removeprefix(f"{project.root}:") for key in project.client.scan_iter(f"{project.root}*")}

    assert {name for name in left if not name.startswith("flow:")} == {"meta", "counts", "inbox", "seen"}
    assert project.status().imported == 30


def test_a_slice_is_committed_once_and_the_cursor_says_where_to_continue(project: Project) -> None:
    project.publish(*(message("same", message_id=f"m{n}") for n in range(10)))
    chunk = project.take(project.cut())
    project.ledger.commit_rows(chunk, 0, Slice(4, 4), finish=False)

    with pytest.raises(LeaseLost):
        project.ledger.commit_rows(chunk, 0, Slice(4, 4), finish=False)
    expire_lease(project, chunk.id)
    again = project.take(chunk.id)

    assert (again.cursor, again.settled, again.pending) == (4, 4, 6)
    assert [row.index for row in project.rows(again)] == [4, 5, 6, 7, 8, 9]
    assert project.status().imported == 4


def test_a_chunk_cannot_end_while_a_row_has_no_outcome(project: Project) -> None:
    project.publish(message("a"), message("a"))
    chunk = project.take(project.cut())

    with pytest.raises(AssertionError, match="1 rows without an outcome"):
        project.settle(chunk, imported=1)


def test_rows_set_aside_stay_out_of_later_attempts(project: Project) -> None:
    project.publish(*(message("same", message_id=f"m{n}") for n in range(3)))
    chunk = project.take(project.cut())
    rows = project.rows(chunk)
    project.ledger.set_aside(chunk, [project.holding(rows[1]), RowOutcome("superseded", 0)])
    project.ledger.wait(chunk, 0, why="")

    again = project.take(chunk.id)

    assert [row.index for row in project.rows(again)] == [2]
    status = project.status()
    assert (status.dead, status.superseded, status.pending) == (1, 1, 1)


def test_nothing_is_set_aside_once_redis_has_lost_what_was_set_aside_before(project: Project) -> None:
    """Else a later attempt would send a row that a newer one has superseded: the newer one is not read again."""
    project.publish(*(message("same", message_id=f"m{n}") for n in range(3)))
    chunk = project.take(project.cut())
    lost = replace(chunk, aside=1)

    with pytest.raises(LeaseLost):
        project.ledger.set_aside(lost, [RowOutcome("skipped", 2)])

    assert [row.index for row in project.rows(chunk)] == [0, 1, 2]
    assert project.status().pending == 3


@pytest.mark.parametrize("rows", [2, 3, 7, 16, 17, 40, 100])
def test_a_split_chunk_keeps_its_rows_asides_and_lanes(project: Project, rows: int) -> None:
    project.publish(*(message(f"k{n}") for n in range(rows)))
    chunk = project.take(project.cut())
    before = [row.raw for row in project.rows(chunk)]
    project.ledger.set_aside(chunk, [RowOutcome("superseded", rows - 1)])

    children = [project.take(child) for child in project.ledger.split(chunk)]

    after = [row.raw for child in children for row in project.rows(child)]
    assert after == before[:-1]
    assert project.ledger.cut_chunk("p") is None
    project.publish(message("k0"))
    assert project.ledger.cut_chunk("p") is None
    project.settle(children[0], imported=children[0].pending)
    assert project.ledger.cut_chunk("p") is None
    project.settle(children[1], imported=children[1].pending)
    assert project.ledger.cut_chunk("p") is not None
    assert project.status().imported == rows - 1


def test_a_frame_that_cannot_be_read_is_one_dead_letter_with_the_weight_of_its_rows(project: Project) -> None:
    project.publish(message("same"), message("same"), message("same"))
    (name,) = project.client.hkeys(f"{project.root}:frames")
    frame = project.client.hget(f"{project.root}:frames", name)
    assert frame is not None
    project.client.hset(f"{project.root}:frames", name, frame[:-3])
    chunk = project.take(project.cut())

    (unreadable,) = project.reader.rows(chunk)
    assert isinstance(unreadable, Unreadable)
    project.ledger.end_unsent(chunk, [held_frame(unreadable, Origin("submit", chunk.id))])

    (dead_letter,) = project.held.dead_letters("p")
    assert (dead_letter.reason, dead_letter.weight, dead_letter.message) == ("unreadable-frame", 3, frame[:-3])
    assert project.status().dead == 3


def test_sent_lines_are_kept_until_their_chunk_is_settled(project: Project) -> None:
    project.publish(message("a"), message("b"))
    chunk = project.take(project.cut())
    sent = sent_lines([SentRow(0, [b"a" * 16, b"b" * 16]), SentRow(1, [b"c" * 16])])
    project.ledger.record_import(chunk, "default", "name", sent)

    assert project.reader.sent_lines(chunk) == sent
    assert sent.row_of_uuid() == {b"a" * 16: 0, b"b" * 16: 0, b"c" * 16: 1}


def test_a_paused_project_uploads_nothing_but_is_followed(project: Project) -> None:
    project.publish(message("a"))
    chunk = project.take(project.cut())
    project.send(chunk)
    project.ledger.running(chunk, "import-1", 0)
    project.publish(message("b", message_id="other lane"))
    other = project.cut()
    project.pauses.pause_project("p", "a person must look", 3600)

    assert project.ledger.take("p", other, "submit") is None
    assert project.take(chunk.id, "follow").import_id == "import-1"
    assert project.status().paused == "a person must look"


def test_rows_of_a_chunk_come_with_their_lane_and_number(project: Project) -> None:
    project.publish(message("a"))
    chunk = project.take(project.cut())

    (row,) = project.rows(chunk)

    assert isinstance(row, ChunkRow)
    assert (row.index, row.seq, (row.lane,)) == (0, 1, chunk.lanes)


def test_an_import_is_recorded_durably_before_it_is_sent_or_is_not_sent(
    make_project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No replica confirms the record, so the holder gives up before the POST."""
    monkeypatch.setattr("prelabel.wire.durability._WITHIN_MS", 100)
    project = make_project(durability="replica")
    project.publish(message("a"))
    chunk = project.take(project.cut())

    with pytest.raises(LeaseLost, match="safe"):
        project.send(chunk)


def test_a_file_is_not_sent_when_redis_has_lost_that_other_rows_were_set_aside(project: Project) -> None:
    project.publish(message("good"), message("bad"))
    chunk = project.take(project.cut())
    good, bad = project.rows(chunk)
    rest = sent_lines([SentRow(good.index, [bytes(16)])])
    key = f"{project.root}:chunk:{chunk.id}"
    before = project.client.dump(key)
    project.ledger.set_aside(chunk, [project.holding(bad)])
    project.client.restore(key, 0, before, replace=True)  # what a restart without the last second's writes leaves
    project.client.delete(f"{key}:aside")

    with pytest.raises(LeaseLost):
        project.ledger.record_import(chunk, "default", "name", rest)


def test_an_import_does_not_run_whose_record_redis_has_lost(project: Project) -> None:
    """After the restart, Redis has the token, not the later writes; if it were `running`, nobody would settle it."""
    project.publish(message("a"))
    chunk = project.take(project.cut())
    key = f"{project.root}:chunk:{chunk.id}"
    before = project.client.hgetall(key)
    project.send(chunk)
    project.client.delete(f"{key}:sent", key)
    project.client.hset(key, mapping=before)

    with pytest.raises(LeaseLost):
        project.ledger.running(chunk, "i", 0)

    assert project.client.hget(key, "state") == b"open"


@pytest.mark.parametrize("settled", [1, 9, 30])
def test_rows_that_were_settled_before_a_split_are_not_counted_again(project: Project, settled: int) -> None:
    """Some slices were committed before the rest was refused."""
    project.publish(*(message("same", message_id=f"m{n}") for n in range(40)))
    chunk = project.take(project.cut())
    project.ledger.commit_rows(chunk, 0, Slice(settled, settled), finish=False)
    project.ledger.wait(chunk, 0, why="")
    again = project.take(chunk.id)
    rest = [row.raw for row in project.rows(again)]

    children = [project.take(child) for child in project.ledger.split(again)]

    assert [row.raw for child in children for row in project.rows(child)] == rest
    for child in children:
        project.settle(child, imported=child.pending)
    status = project.status()
    assert (status.imported, status.pending) == (40, 0)


def test_a_worker_whose_chunk_was_settled_by_another_reads_no_rows_of_it(project: Project) -> None:
    """Its frames are deleted, so a row that it reads would look like an unreadable frame."""
    project.publish(message("a"))
    chunk = project.take(project.cut())
    project.settle(chunk, imported=1)

    with pytest.raises(LeaseLost):
        project.reader.rows(chunk)


@pytest.mark.parametrize("field", ["cursor", "rows"])
@pytest.mark.parametrize("value", ["", "x", "nan", "inf", "-1", "21", "1000000"])
def test_a_chunk_whose_numbers_somebody_changed_is_not_split(project: Project, field: str, value: str) -> None:
    """With an infinite cursor, Redis would set bits for ever and not answer any client."""
    project.publish(*(message("same") for _ in range(20)))
    chunk = project.take(project.cut())
    project.client.hset(f"{project.root}:chunk:{chunk.id}", field, value)

    with pytest.raises(redis.ResponseError, match=rf"KEYS-DIFFER chunk\.{field}: expected "):
        project.ledger.split(chunk)

    assert project.client.zrange(f"{project.root}:chunks", 0, -1) == [chunk.id.encode()]
    assert not project.client.exists(f"{project.root}:chunk:{chunk.id}:aside")


ENTRIES = [
    *(
        "",
        "garbage",
        "f 00 1 1 1 0 1",
        "f 00 1 -1 1 0 1 1",
        "f 00 1 1.5 1 0 1 1",
        "f 00 x 1 1 0 1 1",
        "x 00 1 1 1 0 1 1",
    ),
    *("f 00 1 0 1 0 1 1", "f 00 1 10001 1 0 1 1", f"h 5 1 {'9' * 400} 1 0 1 1", "ff 00 1 1 1 0 1 1"),
    *("f 00 3 1 1 0 1 1 2", "f 00 3 1 1 0 20000 1 10000", f"f 00 3 1 1 0 1 1 {'9' * 400}"),
]


def lane_with_rows(project: Project) -> str:
    (lane,) = project.client.scan_iter(f"{project.root}:lane:*")
    return str(lane.decode())


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("before", [0, 1])
def test_a_lane_entry_that_nobody_of_ours_writes_is_refused_and_no_row_leaves_its_lane(
    project: Project, entry: str, before: int
) -> None:
    project.publish(message("same"))
    lane = lane_with_rows(project)
    if before:
        project.client.rpush(lane, entry)
    else:
        project.client.lpush(lane, entry)
    inbox = project.client.hgetall(f"{project.root}:inbox")

    with pytest.raises(redis.ResponseError, match=r"KEYS-DIFFER lane:\d+: expected "):
        project.ledger.cut_chunk("p")

    assert project.client.llen(lane) == 2
    assert project.client.hgetall(f"{project.root}:inbox") == inbox
    assert not project.client.exists(f"{project.root}:chunks")


def test_rows_of_other_lanes_stay_where_they_are_when_a_later_lane_has_garbage(project: Project) -> None:
    project.publish(*(message(f"k{n}") for n in range(40)))
    lanes = sorted(project.client.scan_iter(f"{project.root}:lane:*"))
    project.client.rpush(lanes[-1], "garbage")
    entries = {lane: project.client.lrange(lane, 0, -1) for lane in lanes}

    with pytest.raises(redis.ResponseError, match="KEYS-DIFFER"):
        project.ledger.cut_chunk("p")

    assert {lane: project.client.lrange(lane, 0, -1) for lane in lanes} == entries


def test_a_lane_without_the_rows_that_the_inbox_counts_is_refused(project: Project) -> None:
    project.publish(message("a"))
    project.client.delete(lane_with_rows(project))

    with pytest.raises(redis.ResponseError, match=r"KEYS-DIFFER lane:\d+: expected "):
        project.ledger.cut_chunk("p")


@pytest.mark.parametrize("field", ["rows", "0:open", "15:rows"])
@pytest.mark.parametrize("value", ["1.5", "-9223372036854775808"])
def test_no_row_leaves_its_lane_where_a_count_of_the_inbox_is_no_number(
    project: Project, field: str, value: str
) -> None:
    project.publish(*(message(f"k{n}") for n in range(100)))
    lanes = sorted(project.client.scan_iter(f"{project.root}:lane:*"))
    entries = [project.client.lrange(lane, 0, -1) for lane in lanes]
    project.client.hset(f"{project.root}:inbox", field, value)

    with contextlib.suppress(redis.ResponseError):
        project.ledger.cut_chunk("p")

    chunks = project.client.zcard(f"{project.root}:chunks")
    assert chunks or [project.client.lrange(lane, 0, -1) for lane in lanes] == entries
