"""The outcomes of settled rows: one compressed record for each chunk, kept for a while. No I/O.

A record is one line of JSON about the chunk and its import, and after it the rows, zstd-compressed by column: arrival
numbers and times as differences, outcomes, then two digests of 6 bytes a row, by which a row is found from its data
row or its message id. That is about 14 bytes a row. The odds that any of a hundred million rows shares the digest that
is looked for are 1 in 3 million. Where a policy remembers imported rows, their digests follow, 8 bytes a row: undoing
the import removes them from the policy's memory.
"""

import hashlib
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

import msgspec
import zstandard

from prelabel.errors import Reason
from prelabel_worker.chunks.chunk import Chunk, Item
from prelabel_worker.chunks.rows import RowOutcome
from prelabel_worker.labelbox.types import SubmitAs

DIGEST = 6
TRACE = 2 * DIGEST
"""Bytes of a row's trace: the digests of its data row and of its message id."""
NO_TRACE = bytes(TRACE)
HEAD_BYTES = 4096
"""A record's first line is never longer."""
_ENTRY = struct.Struct(f">QQB{TRACE}s")
_LEVEL = 3
_MAX_BODY = 64 * 1024 * 1024

# The number of an outcome is its place here, in records that are kept: append only.
OUTCOMES: tuple[str, ...] = (
    "imported",
    "superseded",
    "skipped",
    Reason.MALFORMED_JSON.value,
    Reason.MALFORMED_MESSAGE.value,
    Reason.MESSAGE_TOO_LARGE.value,
    Reason.TOO_DEEP.value,
    Reason.INVALID_ANNOTATION.value,
    Reason.DUPLICATE_UUID.value,
    Reason.BROKEN_RELATIONSHIP.value,
    Reason.TOO_MANY_ANNOTATIONS.value,
    Reason.GATE_DISAGREES.value,
    Reason.WRONG_PROJECT.value,
    Reason.DATA_ROW_FORM.value,
    Reason.MEDIA_TYPE.value,
    Reason.UNKNOWN_FEATURE.value,
    Reason.AMBIGUOUS_NAME.value,
    Reason.WRONG_KIND.value,
    Reason.UNKNOWN_OPTION.value,
    Reason.WRONG_ANSWER.value,
    Reason.WRONG_NESTING.value,
    Reason.UNREADABLE_FRAME.value,
    Reason.REFUSED.value,
    Reason.DATA_ROW_NOT_FOUND.value,
    Reason.NO_VERDICT.value,
    Reason.FILE_REFUSED.value,
    Reason.IMPORT_FAILED.value,
    Reason.IMPORT_LOST.value,
    Reason.IMPORT_TIMEOUT.value,
    Reason.EXISTING.value,
    Reason.UPLOAD_FAILED.value,
    Reason.PRE_LABELS_ONLY.value,
    "discarded",
    Reason.UNREADABLE_RECORD.value,
    Reason.GROUND_TRUTH_ONLY.value,
)
_NUMBER = {name: number for number, name in enumerate(OUTCOMES)}


class RecordHead(msgspec.Struct, frozen=True, rename="camel"):
    """The first line of a record, as JSON: what became of a chunk and its import."""

    #: The chunk's id.
    chunk: str
    #: The import's name; empty when no row was sent.
    name: str
    #: Labelbox's id of it.
    import_id: str
    #: How it ended, see `chunk.Verdict`; empty when no row was sent.
    verdict: str
    #: Rows of the chunk.
    rows: int
    #: Rows by outcome.
    outcomes: dict[str, int]
    #: Annotations of the import.
    annotations: int
    #: Annotations that Labelbox refused.
    refused: int
    #: Number of the try that was the last.
    attempts: int
    #: When the chunk was cut, in ms.
    cut_ms: int
    #: When Labelbox took the import, in ms; 0 when no row was sent.
    submitted_ms: int
    #: The account that it was sent with.
    account: str = ""
    #: What it was imported as, see `SubmitAs`.
    submit_as: str = msgspec.field(name="as", default=SubmitAs.PRE_LABELS.value)


read_head = msgspec.json.Decoder(RecordHead).decode
"""Decode the first line of a record. Raises ValueError for a line that no worker wrote."""


def trace_of(data_row_key: str, message_id: str | None) -> bytes:
    """Return the digests by which a row is found."""
    return digest_of(data_row_key) + digest_of(message_id or "")


def digest_of(text: str) -> bytes:
    """Return the digest of a data row key (`i:<id>`, `k:<global key>`) or a message id."""
    return hashlib.blake2b(text.encode(), digest_size=DIGEST).digest()


class Arrival(NamedTuple):
    """When a row arrived."""

    #: Its arrival number.
    seq: int
    #: When its frame was made, by the producer's clock in Unix ms; 0 for a row that was held.
    made_ms: int


def arrivals(items: Sequence[Item]) -> list[Arrival]:
    """Return the arrival of each row of a chunk."""
    arrived: list[Arrival] = []
    for item in items:
        made_ms = int(item.id[:12], 16) if item.kind == "f" else 0  # a frame's id is a UUIDv7
        arrived += [Arrival(item.seq + at, made_ms) for at in range(item.low, item.high)]
    return arrived


def entry(arrival: Arrival, outcome: str, trace: bytes) -> bytes:
    """Return the entry of a row: `outcome` is the reason why it is held, or another name in `OUTCOMES`."""
    return _ENTRY.pack(*arrival, _NUMBER[outcome], trace or NO_TRACE)


def set_aside(items: Sequence[Item], outcomes: Iterable[RowOutcome]) -> bytes:
    """Return the entries of rows with these outcomes; a frame that could not be read has one for each of its rows."""
    arrived = arrivals(items)
    return b"".join(
        entry(arrived[at], outcome.in_history, outcome.trace)
        for outcome in outcomes
        if outcome.name != "cleared"
        for at in range(outcome.index, outcome.index + outcome.rows)
    )


def record_of(
    chunk: Chunk, entries: bytes, *, annotations: int = 0, refused: int = 0, marks: Sequence[int] = ()
) -> bytes:
    """Return the record of a chunk all of whose rows have an entry; the counts are of the import's annotations.

    `marks` are the digests of its imported rows that a policy remembers (see identity.row_digest).
    """
    rows = sorted(_ENTRY.iter_unpack(entries))
    counts: dict[str, int] = {}
    for _, _, number, _ in rows:
        counts[OUTCOMES[number]] = counts.get(OUTCOMES[number], 0) + 1
    head = RecordHead(
        chunk=chunk.id,
        name=chunk.name,
        import_id=chunk.import_id,
        verdict=chunk.verdict.value if chunk.verdict else "",
        rows=len(rows),
        outcomes=counts,
        annotations=annotations,
        refused=refused,
        attempts=chunk.attempt,
        cut_ms=chunk.cut_ms,
        submitted_ms=chunk.running_ms,
        account=chunk.account,
        submit_as=chunk.submit_as.value,
    )
    return msgspec.json.encode(head) + b"\n" + _pack(rows, marks)


def _pack(rows: list[tuple[int, int, int, bytes]], marks: Sequence[int]) -> bytes:
    size = len(rows)
    traces = b"".join(trace for _, _, _, trace in rows)
    columns = (
        struct.pack(f">{size}q", *_differences(seq for seq, _, _, _ in rows)),
        struct.pack(f">{size}q", *_differences(made_ms for _, made_ms, _, _ in rows)),
        bytes(number for _, _, number, _ in rows),
        b"".join(traces[at : at + DIGEST] for at in range(0, len(traces), TRACE)),
        b"".join(traces[at : at + DIGEST] for at in range(DIGEST, len(traces), TRACE)),
        struct.pack(f">{len(marks)}q", *marks),
    )
    return zstandard.ZstdCompressor(level=_LEVEL).compress(b"".join(columns))


def _differences(numbers: Iterable[int]) -> Iterator[int]:
    before = 0
    for number in numbers:
        yield number - before
        before = number


class SettledRow(NamedTuple):
    """A row of a record."""

    arrival: Arrival
    outcome: str


class TracedRow(NamedTuple):
    """A row of a record, with the digest of its message id (see `digest_of`)."""

    seq: int
    outcome: str
    message: bytes


@dataclass(frozen=True, slots=True)
class Record:
    """A record that was read; its rows are unpacked on demand."""

    head: RecordHead
    _packed: bytes

    @classmethod
    def from_bytes(cls, data: bytes) -> "Record":
        """Read what `record_of` wrote; `HEAD_BYTES` of it are enough for the head."""
        head, _, packed = data.partition(b"\n")
        return cls(read_head(head), packed)

    def find(self, *, data_row: bytes | None = None, message: bytes | None = None) -> list[SettledRow]:
        """Return the rows with this digest of their data row key, or of their message id."""
        size, body = self.head.rows, self._body()
        start = 17 * size + (0 if data_row is not None else DIGEST * size)
        places = list(_places(body[start : start + DIGEST * size], data_row or message or b""))
        if not places:
            return []
        seqs = list(accumulate(struct.unpack_from(f">{size}q", body)))
        made = list(accumulate(struct.unpack_from(f">{size}q", body, 8 * size)))
        return [SettledRow(Arrival(seqs[at], made[at]), _name(body[16 * size + at])) for at in places]

    def marks(self) -> list[int]:
        """Return the digests of imported rows that a policy remembers; none without a policy."""
        marks = self._body()[(17 + TRACE) * self.head.rows :]
        return list(struct.unpack(f">{len(marks) // 8}q", marks))

    def rows(self) -> Iterator[TracedRow]:
        """Yield all rows in the order of their arrival."""
        size, body = self.head.rows, self._body()
        messages = 17 * size + DIGEST * size
        for at, seq in enumerate(accumulate(struct.unpack_from(f">{size}q", body))):
            place = messages + DIGEST * at
            yield TracedRow(seq, _name(body[16 * size + at]), body[place : place + DIGEST])

    def _body(self) -> bytes:
        # zstandard allocates the size that the content declares, whatever limit it gets: check that size first.
        if zstandard.frame_content_size(self._packed) > _MAX_BODY:
            raise ValueError(f"the record of chunk {self.head.chunk} is larger than any")
        return zstandard.ZstdDecompressor(max_window_size=_MAX_BODY).decompress(self._packed, max_output_size=_MAX_BODY)


def _name(number: int) -> str:
    return OUTCOMES[number] if number < len(OUTCOMES) else "unknown"  # of a newer worker


def _places(column: bytes, digest: bytes) -> Iterator[int]:
    at = column.find(digest)
    while at >= 0:
        if at % DIGEST == 0:
            yield at // DIGEST
        at = column.find(digest, at + 1)
