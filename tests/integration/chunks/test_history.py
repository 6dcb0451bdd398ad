"""Queries about settled and waiting rows: imports are listed, rows are traced, and the history stays bounded."""

from collections.abc import Callable

import pytest

from prelabel_worker.chunks import history
from prelabel_worker.chunks.rows import RowOutcome, Slice
from prelabel_worker.queries import row_trace
from prelabel_worker.queries.imports import Imports
from prelabel_worker.queries.row_trace import Tracer
from tests.support.project import Project, message


def settle_all(project: Project) -> str:
    """Import all waiting rows as one chunk, as the stages do, and return its id."""
    chunk = project.take(project.cut())
    entries = [
        history.entry(at, "imported", history.trace_of(f"k:k{n}", f"id-k{n}"))
        for n, at in enumerate(history.arrivals(chunk.items))
    ]
    record = history.record_of(chunk, b"".join(entries))
    part = Slice(chunk.rows, chunk.rows, entries=entries)
    project.ledger.commit_rows(chunk, 0, part, record=record, finish=True)
    return chunk.id


def test_a_settled_chunk_is_listed_with_the_outcomes_of_its_rows(project: Project) -> None:
    project.publish(message("a"), message("b"))
    chunk_id = settle_all(project)

    (found,) = Imports(project.client, project.settings.key_prefix).settled("p")

    assert (found.chunk_id, found.state, found.rows, found.outcomes) == (chunk_id, "settled", 2, {"imported": 2})
    assert found.settled_at is not None
    assert found.settled_at >= (found.cut_at or 0)


def test_rows_set_aside_before_an_import_are_in_the_same_record(project: Project) -> None:
    project.publish(message("a"), message("b"), message("c"))
    chunk = project.take(project.cut())
    first, second, third = project.rows(chunk)
    chunk = project.ledger.set_aside(chunk, [project.holding(first, reason="unknown-feature")])
    chunk = project.ledger.set_aside(chunk, [RowOutcome("superseded", second.index)])
    project.ledger.end_unsent(chunk, [project.holding(third, reason="wrong-kind")])

    (found,) = Imports(project.client, project.settings.key_prefix).settled("p")

    assert found.outcomes == {"unknown-feature": 1, "superseded": 1, "wrong-kind": 1}
    assert not list(project.client.scan_iter(f"{project.root}:chunk:*"))


def test_a_split_chunk_tells_of_the_rows_set_aside_before_with_its_first_half(project: Project) -> None:
    project.publish(*(message(f"k{n}") for n in range(4)))
    chunk = project.take(project.cut())
    project.ledger.set_aside(chunk, [project.holding(project.rows(chunk)[0])])
    for child in project.ledger.split(chunk):
        half = project.take(child)
        project.ledger.end_unsent(half, [project.holding(row) for row in project.rows(half)])

    found = list(Imports(project.client, project.settings.key_prefix).settled("p"))

    assert sorted(each.rows for each in found) == [2, 2]
    project.audit()


def test_a_row_is_traced_from_its_lane_through_its_chunk_to_its_dead_letter(project: Project) -> None:
    tracer = Tracer(project.client, project.settings.key_prefix)
    project.publish(message("a", message_id="m-1"))
    (waiting,) = tracer.trace("p", "a").waiting
    assert (waiting.seq, waiting.message_id, waiting.chunk) == (1, "m-1", None)

    chunk = project.take(project.cut())
    (waiting,) = tracer.trace("p", "m-1").waiting
    assert waiting.chunk is not None
    assert waiting.chunk.chunk_id == chunk.id

    project.ledger.end_unsent(chunk, [project.holding(project.rows(chunk)[0])])
    for wanted in ("a", "m-1"):
        trace = tracer.trace("p", wanted)
        assert [each.row.outcome for each in trace.settled] == ["refused"]
        assert [dead_letter.message_id for dead_letter in trace.dead_letters] == ["m-1"]
        assert trace.waiting == []

    project.held.retry("p", ["1"])
    assert [bool(state.queued) for _, state in tracer.trace("p", "a").held] == [True]


def test_no_row_is_found_that_was_never_published(project: Project) -> None:
    project.publish(message("a"))
    settle_all(project)

    assert not Tracer(project.client, project.settings.key_prefix).trace("p", "b").found


def test_history_stays_within_its_bytes_and_forgets_the_oldest(make_project: Callable[..., Project]) -> None:
    project = make_project(history_megabytes=0.002)
    chunks = []
    for n in range(20):
        project.publish(message(f"k{n}"))
        chunks.append(settle_all(project))

    kept = [each.chunk_id for each in Imports(project.client, project.settings.key_prefix).settled("p")]

    assert 2 < len(kept) < 20
    assert chunks[-1] in kept
    assert chunks[0] not in kept
    stored = sum(project.client.strlen(key) for key in project.client.scan_iter(f"{project.root}:history:*"))
    assert stored == int(project.client.hget(f"{project.root}:meta", "historyBytes")) <= 2_000


def test_without_history_nothing_is_kept(make_project: Callable[..., Project]) -> None:
    project = make_project(history_days=0)
    project.publish(message("a"))
    settle_all(project)

    assert not list(project.client.scan_iter(f"{project.root}:history*"))
    assert not list(Imports(project.client, project.settings.key_prefix).settled("p"))


def test_a_dead_letter_that_the_history_forgot_is_traced_by_its_model_or_among_the_newest(project: Project) -> None:
    tracer = Tracer(project.client, project.settings.key_prefix)
    (dead_letter_id, _) = project.kill("a", "b")
    project.client.delete(project.keys.history)

    for trace in (tracer.trace("p", "a", ["m"]), tracer.trace("p", "a")):
        assert [dead_letter.id for dead_letter in trace.dead_letters] == [dead_letter_id]
        assert trace.searched_dead
    assert not tracer.trace("p", "c").found


def test_a_trace_says_when_it_did_not_search_all_dead_letters(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_trace, "MAX_DEAD", 2)
    tracer = Tracer(project.client, project.settings.key_prefix)
    (first, *_) = project.kill("a", "b", "c")
    project.client.delete(project.keys.history)
    project.client.zincrby(project.keys.dead, -5000, first)

    assert not tracer.trace("p", "a").searched_dead
    assert not tracer.trace("p", "a").found
    assert tracer.trace("p", "a", ["m"]).found
