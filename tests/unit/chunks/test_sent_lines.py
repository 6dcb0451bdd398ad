"""What was sent survives Redis, and what no worker writes is refused."""

from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prelabel_worker.chunks.sent_lines import SentLines
from tests.support.sent import SentRow, sent_lines

SENT_ROWS = st.lists(
    st.builds(
        SentRow,
        index=st.integers(0, 10_000),
        uuids=st.lists(st.binary(min_size=16, max_size=16), max_size=5),
        row_key=st.binary(min_size=16, max_size=16).map(bytes.hex),
        trace=st.binary(min_size=12, max_size=12),
        form=st.sampled_from((b"i", b"k")),
        adds=st.booleans(),
    ),
    max_size=20,
    unique_by=lambda row: row.index,
)


@given(SENT_ROWS)
def test_sent_lines_survive_redis(rows: list[SentRow]) -> None:
    sent = sent_lines(rows)

    assert SentLines.from_bytes(sent.to_bytes()) == sent


@given(SENT_ROWS)
def test_each_row_keeps_what_was_sent_of_it(rows: list[SentRow]) -> None:
    sent = sent_lines(rows)

    in_order = sorted(rows)
    row_of = {uuid: row.index for row in in_order for uuid in row.uuids}
    assert sent.row_keys() == [row.row_key for row in in_order]
    assert [sent.trace(position) for position in range(len(rows))] == [row.trace for row in in_order]
    assert [sent.form(position).encode() for position in range(len(rows))] == [row.form for row in in_order]
    assert [sent.adds(position) for position in range(len(rows))] == [row.adds for row in in_order]
    assert sent.row_of_uuid() == row_of
    texts = [str(UUID(bytes=uuid)) for row in in_order for uuid in row.uuids]
    assert (sent.uuid_texts(), sent.uuid_texts(1, 3)) == (texts, texts[1:3])
    assert sent.annotations == sum(len(row.uuids) for row in rows)


def test_a_chunk_that_was_not_sent_has_no_lines() -> None:
    assert SentLines.from_bytes(None) == SentLines()


def test_of_lines_that_an_older_release_sent_neither_forms_nor_missing_uuids_are_known() -> None:
    sent = msgspec.structs.replace(sent_lines([SentRow(0, [bytes(16)])]), forms=b"", unidentified=b"")

    assert SentLines.from_bytes(sent.to_bytes()) == sent
    assert (sent.form(0), sent.adds(0)) == ("", False)


@pytest.mark.parametrize(
    "changed",
    [
        {"line_counts": (1, 2)},
        {"traces": bytes(11)},
        {"packed_row_keys": bytes(32)},
        {"annotation_counts": ()},
        {"forms": b"ik"},
        {"unidentified": bytes(2)},
    ],
)
def test_columns_that_differ_in_length_are_refused(changed: dict[str, object]) -> None:
    sent = msgspec.structs.replace(sent_lines([SentRow(0, [bytes(16)])]), **changed)

    with pytest.raises(ValueError, match="differ in length"):
        SentLines.from_bytes(sent.to_bytes())
