"""What happened to a data row, in the order of time, and what stands in Labelbox because of it."""

from dataclasses import replace

from prelabel.unix_time import UnixTime
from prelabel_worker.chunks.held_state import HeldState
from prelabel_worker.chunks.history import Arrival, SettledRow
from prelabel_worker.queries.imports import ImportStatus
from prelabel_worker.queries.row_timeline import standing, timeline
from prelabel_worker.queries.row_trace import Settled, Trace, Waiting

IMPORT = ImportStatus(
    project_id="p", chunk_id="c1", name="import 1", import_id="i", state="settled", verdict="FINISHED", rows=1,
    outcomes={}, annotations=1, refused=0, attempts=1, cut_at=UnixTime(5.0), submitted_at=UnixTime(6.0),
    settled_at=UnixTime(10.0),
)  # fmt: skip


def settled(seq: int, made: int, outcome: str, at: float, **changes: object) -> Settled:
    import_ = replace(IMPORT, settled_at=UnixTime(at), chunk_id=f"c{seq}", **changes)  # type: ignore[arg-type]
    return Settled(import_, SettledRow(Arrival(seq, made * 1000), outcome))


def told(trace: Trace) -> list[tuple[float | None, str, str]]:
    return [(event.at, event.what, event.row) for event in timeline(trace)]


def test_events_of_all_messages_are_in_the_order_of_time() -> None:
    trace = Trace(
        settled=[settled(2, 20, "refused", 30), settled(1, 1, "imported", 10)],
        held=[("2", HeldState(2, 0, 1, 9, 0, "refused", "g", first=30_000, attempts=1, due=50_000))],
        waiting=[Waiting(3, 4, "m", 40_000, None)],
    )

    assert told(trace) == [
        (1.0, "published", "1"),
        (10.0, "imported", "1"),
        (20.0, "published", "2"),
        (30.0, "held", "2"),
        (40.0, "published", "3"),
        (50.0, "next try", "2"),
    ]
    assert [event.detail for event in timeline(trace) if event.what == "published"][-1] == "waits in lane 4"


def test_an_import_that_was_undone_no_longer_stands() -> None:
    older, newer = settled(1, 1, "imported", 10), settled(2, 2, "imported", 20, undone_at=UnixTime(25.0))

    stands = standing(Trace(settled=[newer, older]))

    assert stands is not None
    assert (stands.row, stands.chunk_id) == (1, "c1")
    assert (25.0, "undone", "2") in told(Trace(settled=[newer, older]))
    assert standing(Trace(settled=[newer])) is None


def test_a_row_that_is_being_tried_says_which_attempt_it_is() -> None:
    tried = HeldState(2, 0, 1, 9, 0, "refused", "g", first=30_000, attempts=2, queued=40_000)

    (held, now) = timeline(Trace(held=[("2", tried)]))

    assert (held.what, now.at, now.what, now.detail) == ("held", 40.0, "being tried again", "attempt 3")


def test_what_happens_now_comes_last() -> None:
    tried = HeldState(2, 0, 1, 9, 0, "refused", "g", first=30_000, attempts=2, queued=True)

    assert [event.at for event in timeline(Trace(held=[("2", tried)]))] == [30.0, None]
