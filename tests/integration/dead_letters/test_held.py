"""Held rows: one store for dead letters, retrying and retry; numbers are kept, newer messages supersede."""

from dataclasses import replace

from prelabel.publishing.buffer import Row
from prelabel_worker.chunks.held_rows import Origin, held_frame
from prelabel_worker.chunks.rows import RowOutcome, Slice, Unreadable
from prelabel_worker.dead_letters.filter import DeadLetterFilter
from prelabel_worker.rendering.identity import row_key
from tests.support.project import Project, message


def ids_of(project: Project, chosen: DeadLetterFilter) -> set[str]:
    return {name for part in project.held.slices("p", chosen) for name in part}


def test_a_dead_letter_says_what_when_and_where(project: Project) -> None:
    (dead_letter_id,) = project.kill("a")

    dead_letter = project.held.dead_letter("p", dead_letter_id)

    assert dead_letter is not None
    assert (dead_letter.message_id, dead_letter.data_row, dead_letter.model, dead_letter.reason) == (
        "id-a",
        "k:a",
        "m",
        "refused",
    )
    assert dead_letter.details == {"path": "annotations[3].bbox", "expected": "a number"}
    assert (dead_letter.stage, dead_letter.chunk_id, dead_letter.import_name, dead_letter.attempts) == (
        "settle",
        "c",
        "n",
        1,
    )
    assert dead_letter.message == message("a").raw
    assert dead_letter.first_at == dead_letter.last_at > 0


def test_dead_letters_are_found_by_reason_and_by_message(project: Project) -> None:
    ids = project.kill("a", "b", "c")

    assert ids_of(project, DeadLetterFilter(reason="refused")) == set(ids)
    assert ids_of(project, DeadLetterFilter(reason="unknown-feature")) == set()
    (found,) = project.held.dead_letters("p", message_id="id-b")
    assert found.data_row == "k:b"
    assert ids_of(project, DeadLetterFilter(message_id="id-b", reason="unknown-feature")) == set()


def test_many_dead_letters_are_listed_once_each_newest_first(project: Project) -> None:
    ids = project.kill(*(f"k{n}" for n in range(450)))

    listed = [name for part in project.held.slices("p", DeadLetterFilter()) for name in part]

    assert len(listed) == 450
    assert set(listed) == set(ids)


def test_a_retried_dead_letter_goes_through_its_lane_and_is_imported(project: Project) -> None:
    (dead_letter_id,) = project.kill("a")

    result = project.held.retry("p", [dead_letter_id])

    assert (result.matched, result.done, result.skipped) == (1, 1, 0)
    status = project.status()
    assert (status.dead, status.pending) == (0, 1)
    chunk = project.take(project.cut())
    (row,) = project.rows(chunk)
    assert (row.seq, row.held_id, row.raw) == (1, dead_letter_id, message("a").raw)
    project.settle(chunk, imported=1, outcomes=[RowOutcome("cleared", 0, 1, dead_letter_id)])
    status = project.status()
    assert (status.imported, status.pending, status.dead) == (1, 0, 0)
    assert project.client.hlen(f"{project.root}:held") == 0
    assert project.client.hlen(f"{project.root}:held:rows") == 0


def test_a_dead_letter_that_dies_again_keeps_its_first_time_and_counts_attempts(project: Project) -> None:
    (dead_letter_id,) = project.kill("a")
    first = project.held.dead_letter("p", dead_letter_id)
    project.held.retry("p", [dead_letter_id])
    chunk = project.take(project.cut())
    project.settle(chunk, imported=0, outcomes=[project.holding(project.rows(chunk)[0])])

    dead_letter = project.held.dead_letter("p", dead_letter_id)

    assert dead_letter is not None
    assert first is not None
    assert (dead_letter.attempts, dead_letter.first_at) == (2, first.first_at)
    assert project.status().dead == 1


def test_a_dead_letter_on_its_way_back_cannot_be_retried_twice(project: Project) -> None:
    (dead_letter_id,) = project.kill("a")
    project.held.retry("p", [dead_letter_id])

    result = project.held.retry("p", [dead_letter_id, "no-such-dead letter"])

    assert (result.matched, result.done, result.skipped) == (2, 0, 2)
    assert project.status().pending == 1


def test_a_newer_imported_message_supersedes_the_dead_letter_and_its_retry_is_superseded(project: Project) -> None:
    (dead_letter_id,) = project.kill("a")
    project.publish(message("a", message_id="newer"))
    chunk = project.take(project.cut())
    project.settle(chunk, imported=1, superseding=[(row_key("k:a", "m"), project.rows(chunk)[0].seq)])

    dead_letter = project.held.dead_letter("p", dead_letter_id)
    assert dead_letter is not None
    assert dead_letter.superseded
    project.held.retry("p", [dead_letter_id])

    status = project.status()
    assert (status.imported, status.superseded, status.dead, status.pending) == (1, 1, 0, 0)


def test_an_older_message_supersedes_nothing(project: Project) -> None:
    (dead_letter_id,) = project.kill("a")
    project.publish(message("b"))
    chunk = project.take(project.cut())
    project.settle(chunk, imported=1, superseding=[(row_key("k:a", "m"), 0), (row_key("k:a", "other model"), 99)])

    dead_letter = project.held.dead_letter("p", dead_letter_id)

    assert dead_letter is not None
    assert not dead_letter.superseded


def test_a_row_superseded_on_its_way_back_is_superseded_even_when_it_would_die_again(project: Project) -> None:
    (dead_letter_id,) = project.kill("a")
    project.held.retry("p", [dead_letter_id])
    chunk = project.take(project.cut())
    (row,) = project.rows(chunk)
    newer = [(row_key("k:a", "m"), 99)]

    project.settle(chunk, imported=0, outcomes=[project.holding(row)], superseding=newer)

    status = project.status()
    assert (status.superseded, status.dead, status.pending) == (1, 0, 0)


def test_a_retrying_row_is_pending_and_goes_back_by_itself(project: Project) -> None:
    project.publish(message("a"))
    chunk = project.take(project.cut())
    project.settle(chunk, imported=0, outcomes=[project.holding(project.rows(chunk)[0], retry_in_ms=0)])
    assert project.status().pending == 1

    assert project.held.retry_due("p") == 1

    assert project.take(project.cut()).rows == 1


def test_a_retrying_row_is_superseded_at_once_by_a_newer_imported_one(project: Project) -> None:
    project.publish(message("a"))
    chunk = project.take(project.cut())
    project.settle(chunk, imported=0, outcomes=[project.holding(project.rows(chunk)[0], retry_in_ms=3_600_000)])
    project.publish(message("a"))
    chunk = project.take(project.cut())
    project.settle(chunk, imported=1, superseding=[(row_key("k:a", "m"), 2)])

    status = project.status()

    assert (status.imported, status.superseded, status.pending) == (1, 1, 0)


def test_dead_letters_are_counted_by_reason_and_by_fingerprint(project: Project) -> None:
    ids = project.kill("a", "b")
    assert project.status().dead_reasons == {"refused": 2}
    (group,) = project.client.hgetall(f"{project.root}:dead:groups").items()
    assert group[1] == b"2"

    project.held.retry("p", ids)

    assert project.status().dead_reasons == {}
    assert project.client.hgetall(f"{project.root}:dead:groups") == {}
    assert project.client.hgetall(f"{project.root}:dead:sample") == {}


def test_a_frame_dead_letter_can_be_retried(project: Project) -> None:
    project.publish(message("same"), message("same"))
    (name,) = project.client.hkeys(f"{project.root}:frames")
    whole = project.client.hget(f"{project.root}:frames", name)
    project.client.hset(f"{project.root}:frames", name, b"")
    chunk = project.take(project.cut())
    (unreadable,) = project.reader.rows(chunk)
    assert isinstance(unreadable, Unreadable)
    project.ledger.end_unsent(chunk, [held_frame(unreadable, Origin("submit", chunk.id))])
    (dead_letter,) = project.held.dead_letters("p")
    assert whole is not None

    project.held.retry("p", [dead_letter.id])

    chunk = project.take(project.cut())
    assert chunk.rows == 2
    assert project.status().pending == 2


def test_a_chunk_is_read_again_after_a_returning_row_of_it_was_superseded(project: Project) -> None:
    (dead_letter_id,) = project.kill("a")
    project.held.retry("p", [dead_letter_id])
    project.publish(message("a", message_id="newer"))
    chunk_id = project.cut()
    chunk = project.take(chunk_id)
    returning = next(row for row in project.rows(chunk) if row.held_id)
    outcome = RowOutcome("superseded", returning.index, 1, dead_letter_id)
    project.ledger.set_aside(chunk, [outcome])

    (left,) = project.rows(chunk)

    assert left.raw == message("a", message_id="newer").raw


def unreadable_frame(project: Project, *rows: Row) -> bytes:
    """Make an unreadable frame of these rows the dead letter `f1`; return the frame as it was sent."""
    project.publish(*rows)
    (name,) = project.client.hkeys(f"{project.root}:frames")
    whole = project.client.hget(f"{project.root}:frames", name)
    project.client.hset(f"{project.root}:frames", name, b"")
    chunk = project.take(project.cut())
    (unreadable,) = project.reader.rows(chunk)
    assert isinstance(unreadable, Unreadable)
    project.ledger.end_unsent(chunk, [held_frame(unreadable, Origin("submit", chunk.id))])
    return bytes(whole or b"")


def repair(project: Project, whole: bytes) -> None:
    """Make the stored frame readable, as if an older release could not read it and this one can."""
    body = project.client.hget(f"{project.root}:held:body", "f1") or b""
    project.client.hset(f"{project.root}:held:body", "f1", body.partition(b"\n")[0] + b"\n" + whole)


def test_rows_of_a_frame_that_can_be_read_again_have_outcomes_of_their_own(project: Project) -> None:
    whole = unreadable_frame(project, message("same"), message("same"), message("same"))
    repair(project, whole)
    project.held.retry("p", ["f1"])
    chunk_id = project.cut()
    chunk = project.take(chunk_id)
    rows = project.rows(chunk)
    assert [row.seq for row in rows] == [1, 2, 3]
    project.ledger.commit_rows(chunk, 0, Slice(1, outcomes=[project.holding(rows[0])]), finish=False)
    assert [row.seq for row in project.rows(chunk)] == [2, 3]

    project.ledger.commit_rows(replace(chunk, aside=1), 1, Slice(chunk.rows, 2), finish=True)

    assert project.client.hkeys(f"{project.root}:held") == [b"1"]
    status = project.status()
    assert (status.imported, status.dead, status.pending) == (2, 1, 0)


def test_a_frame_that_can_be_read_again_may_be_split(project: Project) -> None:
    whole = unreadable_frame(project, *(message("same") for _ in range(4)))
    repair(project, whole)
    project.held.retry("p", ["f1"])
    chunk = project.take(project.cut())

    children = project.ledger.split(chunk)

    seen = []
    for child_id in children:
        child = project.take(child_id)
        seen.append([row.seq for row in project.rows(child)])
        project.settle(child, imported=2)
    assert seen == [[1, 2], [3, 4]]
    assert project.client.hlen(f"{project.root}:held") == 0
    assert project.status().imported == 4


def test_a_frame_that_stays_unreadable_is_the_same_dead_letter_also_as_new(project: Project) -> None:
    unreadable_frame(project, message("same"), message("same"))
    project.held.retry("p", ["f1"], as_new=True)
    chunk = project.take(project.cut())
    (unreadable,) = project.reader.rows(chunk)
    assert isinstance(unreadable, Unreadable)
    assert unreadable.seq == 3
    chunk = project.ledger.set_aside(chunk, [held_frame(unreadable, Origin("submit", chunk.id))])
    project.held.retry("p", ["f1"])

    project.settle(chunk, imported=0)

    assert project.status().pending == 2
    assert project.take(project.cut()).rows == 2
