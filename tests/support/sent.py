"""The lines of an import, made from rows."""

from collections.abc import Iterable
from typing import NamedTuple

from prelabel_worker.chunks.annotation_counts import Counted, Packer
from prelabel_worker.chunks.sent_lines import SentLines


class SentRow(NamedTuple):
    """A row whose lines were sent."""

    index: int
    uuids: list[bytes]
    row_key: str = "0a" * 16
    trace: bytes = bytes(12)
    form: bytes = b"k"
    adds: bool = False


def sent_lines(rows: Iterable[SentRow]) -> SentLines:
    """Return the lines of an import of these rows."""
    sent = sorted(rows)
    return SentLines(
        rows=tuple(row.index for row in sent),
        line_counts=tuple(len(row.uuids) for row in sent),
        traces=b"".join(row.trace for row in sent),
        packed_row_keys=bytes.fromhex("".join(row.row_key for row in sent)),
        uuids=b"".join(uuid for row in sent for uuid in row.uuids),
        annotation_counts=(b"",) * len(sent),
        forms=b"".join(row.form for row in sent),
        unidentified=bytes(row.adds for row in sent),
    )


def packed_counts(messages: Iterable[Counted]) -> bytes:
    """Return the column of annotation counts of an import of these messages."""
    packer = Packer()
    return packer.column([packer.row(*message) for message in messages])
