"""The lines of a chunk's import as they were sent: their uuids and rows, in columns. No I/O.

Kept beside the chunk while its import runs, because a later build may derive other lines: the ontology may have
changed. Columns, since an object for each row would cost more than everything else that is done with a row here.
"""

import msgspec

from prelabel_worker.chunks.history import TRACE
from prelabel_worker.rendering.identity import uuid_texts

_ROW_KEY = 16  # bytes, see identity.row_key
UUID_BYTES = 16  # bytes


class SentLines(msgspec.Struct, frozen=True):
    """The lines of an import. The entries at one position of `rows`, `line_counts`, … belong to one row."""

    #: Index of each row in its chunk, ascending.
    rows: tuple[int, ...] = ()
    #: Number of lines of each row.
    line_counts: tuple[int, ...] = ()
    #: The traces of the rows (see `history.trace_of`), 12 bytes each.
    traces: bytes = b""
    #: The row keys (see `identity.row_key`) as bytes, 16 each.
    packed_row_keys: bytes = b""
    #: The uuids of the lines, 16 bytes each, row by row.
    uuids: bytes = b""
    #: Nothing for each row: the previous release reads its own annotation counts here.
    annotation_counts: tuple[bytes, ...] = ()
    #: How each row names its data row, a byte each: `i` by id, `k` by global key; empty if an older release wrote it.
    forms: bytes = b""
    #: Whether lines of the row were sent without a uuid, a byte each, 1 or 0; empty if an older release wrote it.
    unidentified: bytes = b""
    #: The annotation counts of the rows (see annotation_counts.py); empty if an older release wrote it.
    counts: bytes = b""

    def to_bytes(self) -> bytes:
        """Return the lines as Redis keeps them."""
        return _encode(self)

    @classmethod
    def from_bytes(cls, data: bytes | None) -> "SentLines":
        """Inverse of `to_bytes`; no lines where Redis keeps none. Raises ValueError for what no worker writes."""
        if not data:
            return cls()
        sent = _decode(data)
        rows = len(sent.rows)
        if (
            (len(sent.line_counts), len(sent.annotation_counts)) != (rows, rows)
            or (len(sent.traces), len(sent.packed_row_keys)) != (TRACE * rows, _ROW_KEY * rows)
            or len(sent.uuids) != UUID_BYTES * sum(sent.line_counts)
            or not {len(sent.forms), len(sent.unidentified)} <= {0, rows}
        ):
            raise ValueError("the columns of an import's lines differ in length")
        return sent

    @property
    def annotations(self) -> int:
        """Number of lines, which is the number of annotations."""
        return len(self.uuids) // UUID_BYTES

    def row_keys(self) -> list[str]:
        """Return the row key of each row."""
        digits = self.packed_row_keys.hex()
        return [digits[start : start + 2 * _ROW_KEY] for start in range(0, len(digits), 2 * _ROW_KEY)]

    def trace(self, position: int) -> bytes:
        """Return the trace of the row at this position."""
        return self.traces[TRACE * position : TRACE * (position + 1)]

    def form(self, position: int) -> str:
        """Return how the row at this position names its data row, `i` or `k`; empty if that is not known."""
        return self.forms[position : position + 1].decode()

    def adds(self, position: int) -> bool:
        """Return whether lines of the row at this position were sent without a uuid, so that they cannot override."""
        return self.unidentified[position : position + 1] == b"\1"

    def uuid_texts(self, start: int = 0, end: int | None = None) -> list[str]:
        """Return the uuids of these lines, by default of all, in canonical form."""
        return uuid_texts(self.uuids[UUID_BYTES * start : None if end is None else UUID_BYTES * end])

    def row_of_uuid(self) -> dict[bytes, int]:
        """Return the index of the row that each uuid belongs to."""
        uuids, start, row_of = self.uuids, 0, {}
        for row, lines in zip(self.rows, self.line_counts, strict=True):
            for _ in range(lines):
                row_of[uuids[start : start + UUID_BYTES]] = row
                start += UUID_BYTES
        return row_of


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(SentLines).decode
