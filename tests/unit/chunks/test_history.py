"""Records of the history: rows of a chunk are found by data row and by message, and take few bytes."""

from uuid import uuid4

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from prelabel.errors import Reason
from prelabel_worker.chunks import history
from prelabel_worker.chunks.annotation_counts import Counted, pack
from prelabel_worker.chunks.chunk import Item, chunk_from_fields
from prelabel_worker.chunks.held_rows import Origin, held_frame
from prelabel_worker.chunks.history import NO_TRACE, Arrival, Record
from prelabel_worker.chunks.rows import Unreadable

CHUNK = chunk_from_fields(
    "p",
    "c0ffee",
    "t",
    1_000,
    {
        b"state": b"running",
        b"lanes": b"0",
        b"rows": b"3",
        b"items": b"f 00 0 3 1",
        b"cutMs": b"900",
        b"name": b"prelabel-x",
    },
)
arrivals = st.builds(Arrival, st.integers(1, 2**53), st.integers(0, 2**43))
rows = st.lists(st.tuples(arrivals, st.sampled_from(history.OUTCOMES), st.text(max_size=20), st.text(max_size=20)))


def record_of(*found: tuple[Arrival, str, str, str]) -> Record:
    entries = b"".join(
        history.entry(at, outcome, history.trace_of(key, message)) for at, outcome, key, message in found
    )
    return Record.from_bytes(history.record_of(CHUNK, entries))


@given(rows)
def test_every_row_is_found_by_its_data_row_and_by_its_message(found: list[tuple[Arrival, str, str, str]]) -> None:
    record = record_of(*found)

    for arrival, outcome, key, message in found:
        assert (arrival, outcome) in record.find(data_row=history.digest_of(key))
        assert (arrival, outcome) in record.find(message=history.digest_of(message))


@given(rows, st.binary(min_size=6, max_size=6))
def test_a_digest_that_no_row_has_is_not_found(found: list[tuple[Arrival, str, str, str]], digest: bytes) -> None:
    known = {history.digest_of(text) for _, _, key, message in found for text in (key, message)}

    record = record_of(*found)

    assert digest in known or record.find(data_row=digest) == record.find(message=digest) == []


def test_the_counts_are_those_of_the_rows() -> None:
    at = Arrival(1, 1)

    head = record_of((at, "imported", "k:a", "m"), (at, "imported", "k:b", "n"), (at, "refused", "k:c", "o")).head

    assert head.outcomes == {"imported": 2, "refused": 1}
    assert (head.rows, head.name, head.cut_ms) == (3, "prelabel-x", 900)


def test_a_row_costs_about_fourteen_bytes() -> None:
    found = [
        history.entry(
            Arrival(10_000 + n, 1_790_000_000_000 + n // 20), "imported", history.trace_of(f"k:{n}", str(uuid4()))
        )
        for n in range(5_000)
    ]

    assert len(history.record_of(CHUNK, b"".join(found))) < 5_000 * 14.5


def test_a_frame_that_could_not_be_read_has_an_entry_for_each_of_its_rows() -> None:
    frame_id = f"{1_790_000_000_000:012x}" + "0" * 20
    outcome = held_frame(Unreadable(1, 2, 8, 0, b"", "f8", "broken"), Origin("submit", "c"))

    entries = history.set_aside([Item("h", "5", 0, 1, 5), Item("f", frame_id, 0, 2, 8)], [outcome])

    expected = [history.entry(Arrival(seq, 1_790_000_000_000), "unreadable-frame", NO_TRACE) for seq in (8, 9)]
    assert entries == b"".join(expected)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_its_number(reason: Reason) -> None:
    assert reason.value in history.OUTCOMES


def test_the_numbers_of_kept_records_do_not_move() -> None:
    assert [history.OUTCOMES.index(name) for name in ("imported", "skipped", "unknown-feature", "import-timeout")] == [
        0,
        2,
        15,
        28,
    ]


def test_marks_of_a_policy_follow_the_rows_of_a_record_and_cost_nothing_without_them() -> None:
    rows = b"".join(history.entry(Arrival(n, 1), "imported", history.trace_of(f"k:{n}", "m")) for n in range(3))
    marks = [-(2**63), 0, 2**63 - 1]

    with_marks = Record.from_bytes(history.record_of(CHUNK, rows, marks=marks))

    assert with_marks.marks() == marks
    assert Record.from_bytes(history.record_of(CHUNK, rows)).marks() == []
    assert with_marks.find(data_row=history.digest_of("k:1")) == [(Arrival(1, 1), "imported")]


ITEMS = chunk_from_fields(
    "p",
    "c",
    "t",
    1,
    {b"state": b"running", b"lanes": b"0", b"rows": b"4", b"items": b"f 00 0 3 1\nh 9 0 1 9", b"cutMs": b"1"},
)


def sent(*rows: int, **outcomes: str) -> history.SentRows:
    """Return rows that were sent; `outcomes` by `at` and position are those of the rows that are not imported."""
    traces = b"".join(history.trace_of(f"k:{row}", f"m{row}") for row in rows)
    counts = pack([Counted("m", {b"car": row + 1}, row + 1) for row in rows])
    return history.SentRows(rows, traces, counts, {int(at[2:]): outcome for at, outcome in outcomes.items()})


def seqs_and_outcomes(record: Record) -> list[tuple[int, str]]:
    return sorted((row.seq, row.outcome) for row in record.rows())


def test_rows_that_were_sent_need_no_entries() -> None:
    entry = history.entry(Arrival(2, 0), "superseded", history.trace_of("k:1", "m1"))

    record = Record.from_bytes(history.record_of(ITEMS, entry, sent(0, 2, 3, at1="refused")))

    assert seqs_and_outcomes(record) == [(1, "imported"), (2, "superseded"), (3, "refused"), (9, "imported")]
    for row, expected in enumerate(((1, "imported"), (2, "superseded"), (3, "refused"), (9, "imported"))):
        for found in (
            record.find(data_row=history.digest_of(f"k:{row}")),
            record.find(message=history.digest_of(f"m{row}")),
        ):
            assert [(each.arrival.seq, each.outcome) for each in found] == [expected]


def test_an_outcome_of_an_earlier_commit_is_that_of_the_row() -> None:
    earlier = history.entry(Arrival(3, 0), "refused", history.trace_of("k:2", "m2"))

    record = Record.from_bytes(history.record_of(ITEMS, earlier, sent(0, 1, 2, 3)))

    assert seqs_and_outcomes(record) == [(1, "imported"), (2, "imported"), (3, "refused"), (9, "imported")]
    assert record.head.outcomes == {"imported": 3, "refused": 1}


def test_the_annotations_of_imported_rows_are_counted_and_of_no_others() -> None:
    record = Record.from_bytes(history.record_of(ITEMS, b"", sent(0, 2, 3, at1="refused")))

    assert record.counted(history.digest_of("k:3")) == [Counted("m", {b"car": 4}, 4)]
    assert record.counted(history.digest_of("k:2")) == record.counted(history.digest_of("k:1")) == []


def test_a_record_without_counts_or_with_marks_is_read_as_the_previous_release_reads_it() -> None:
    rows = sent(0, 1)
    data = history.record_of(ITEMS, b"", rows, marks=[-5, 7])
    without = history.record_of(ITEMS, b"", rows._replace(annotation_counts=b""), marks=[-5, 7])

    packed, other = data.partition(b"\n")[2], without.partition(b"\n")[2]
    assert zstandard.ZstdDecompressor().decompress(packed) == zstandard.ZstdDecompressor().decompress(other)
    assert Record.from_bytes(data).marks() == Record.from_bytes(without).marks() == [-5, 7]
    assert Record.from_bytes(without).counted(history.digest_of("k:0")) == []
