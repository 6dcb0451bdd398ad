"""The outcomes of settled rows: one compressed record for each chunk, kept for a while. No I/O.

A record is one line of JSON about the chunk and its import, and after it the rows, zstd-compressed by column: arrival
numbers and times as differences, outcomes, then two digests of 6 bytes a row, by which a row is found from its data
row or its message id. That is about 14 bytes a row. The odds that any of a hundred million rows shares the digest that
is looked for are 1 in 3 million. Where a policy remembers imported rows, their digests follow, 8 bytes a row: undoing
the import removes them from the policy's memory. The annotation counts of the import's rows follow, compressed by
themselves (see annotation_counts.py): the previous release, which does not know them, reads the columns before them.

The rows that were sent come first, in the order in which they were sent, then the others.
"""

import hashlib
import struct
import sys
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import sub
from typing import NamedTuple

import msgspec
import zstandard

from prelabel.errors import Reason
from prelabel_worker.chunks.annotation_counts import AnnotationCounts, Counted
from prelabel_worker.chunks.chunk import Chunk, Item
from prelabel_worker.chunks.rows import NO_ANNOTATIONS, RowOutcome
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
    NO_ANNOTATIONS,
)
_NUMBER = {name: number for number, name in enumerate(OUTCOMES)}
_MODEL = 255
"""In place of an outcome's number: the entry is no row of its own, but has the model of an empty message."""
_EMPTIED = struct.Struct(f">I{DIGEST}s")


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
    #: Bytes of the compressed rows, behind which the annotation counts begin; 0 if nothing is behind them.
    rows_bytes: int = 0
    #: Bytes of the models of empty messages, with which the record ends.
    emptied_bytes: int = 0


read_head = msgspec.json.Decoder(RecordHead).decode
"""Decode the first line of a record. Raises ValueError for a line that no worker wrote."""


def trace_of(data_row_key: str, message_id: str | None) -> bytes:
    """Return the digests by which a row is found."""
    return digest_of(data_row_key) + digest_of(message_id or "")


def digest_of(text: str) -> bytes:
    """Return the digest of a data row key (`i:<id>`, `k:<global key>`) or a message id."""
    digest = _EMPTY.copy()  # a third cheaper than a new one
    digest.update(text.encode())
    return digest.digest()


_EMPTY = hashlib.blake2b(digest_size=DIGEST)


class Arrival(NamedTuple):
    """When a row arrived."""

    #: Its arrival number.
    seq: int
    #: When its frame was made, by the producer's clock in Unix ms; 0 for a row that was held.
    made_ms: int


def arrivals(items: Sequence[Item]) -> list[Arrival]:
    """Return the arrival of each row of a chunk."""
    return list(map(Arrival, *_arrival_columns(items)))


def _arrival_columns(items: Sequence[Item]) -> tuple[list[int], list[int]]:
    """Return the arrival number of each row of a chunk, and when its frame was made."""
    seqs: list[int] = []
    made: list[int] = []
    for item in items:
        made_ms = int(item.id[:12], 16) if item.kind == "f" else 0  # a frame's id is a UUIDv7
        seqs += range(item.seq + item.low, item.seq + item.high)
        made += [made_ms] * (item.high - item.low)
    return seqs, made


def entry(arrival: Arrival, outcome: str, trace: bytes) -> bytes:
    """Return the entry of a row: `outcome` is the reason why it is held, or another name in `OUTCOMES`."""
    return _ENTRY.pack(*arrival, _NUMBER[outcome], trace or NO_TRACE)


def set_aside(items: Sequence[Item], outcomes: Iterable[RowOutcome]) -> bytes:
    """Return the entries of rows with these outcomes; a frame that could not be read has one for each of its rows."""
    arrived = arrivals(items)
    entries = [
        entry(arrived[at], outcome.in_history, outcome.trace)
        for outcome in outcomes
        if outcome.name != "cleared"
        for at in range(outcome.index, outcome.index + outcome.rows)
    ]
    entries += [
        _ENTRY.pack(arrived[outcome.index].seq, 0, _MODEL, digest_of(outcome.empty_of))
        for outcome in outcomes
        if outcome.empty_of is not None
    ]
    return b"".join(entries)


class SentRows(NamedTuple):
    """The rows of an import, in the order in which they were sent."""

    #: Index of each row in its chunk.
    rows: Sequence[int] = ()
    #: The traces of the rows.
    traces: bytes = b""
    #: Their annotation counts, see annotation_counts.py; empty if they are not known.
    annotation_counts: bytes = b""
    #: The outcomes of those that are not imported, by position.
    outcomes: Mapping[int, str] = {}


NOT_SENT = SentRows()
"""The rows of a chunk without an import."""


class _Rows:
    """The rows of a record, in columns."""

    def __init__(self) -> None:
        self.seqs: list[int] = []
        self.made_ms: list[int] = []
        self.outcomes = bytearray()
        self.traces: list[bytes] = []

    def add_sent(self, items: Sequence[Item], sent: SentRows, earlier: Mapping[int, int]) -> None:
        """Add the rows that were sent. `earlier` has the number of an earlier outcome by arrival number."""
        seqs, made_ms = _arrival_columns(items)
        if len(sent.rows) == len(seqs):
            self.seqs, self.made_ms = seqs, made_ms
        else:
            self.seqs, self.made_ms = [seqs[index] for index in sent.rows], [made_ms[index] for index in sent.rows]
        self.outcomes = bytearray(len(sent.rows))
        self.traces.append(sent.traces)
        for position, outcome in sent.outcomes.items():
            self.outcomes[position] = _NUMBER[outcome]
        if earlier:
            for position, seq in enumerate(self.seqs):
                self.outcomes[position] = earlier.get(seq, self.outcomes[position])

    def add_entries(self, entries: Iterable[tuple[int, int, int, bytes]]) -> None:
        """Add the rows of these entries: arrival number, time of the frame, number of the outcome, trace."""
        for seq, made_ms, number, trace in entries:
            self.seqs.append(seq)
            self.made_ms.append(made_ms)
            self.outcomes.append(number)
            self.traces.append(trace)

    def emptied(self, models: Mapping[int, bytes]) -> bytes:
        """Return the places of empty messages and the digests of their models, compressed; nothing without any.

        `models` has the digests by arrival number.
        """
        if not models:
            return b""
        places = (_EMPTIED.pack(at, models[seq]) for at, seq in enumerate(self.seqs) if seq in models)
        return zstandard.ZstdCompressor(level=_LEVEL).compress(b"".join(places))

    def pack(self, marks: Sequence[int]) -> bytes:
        """Return the columns of a record, compressed."""
        traces = b"".join(self.traces)
        columns = (
            _big_endian(map(sub, self.seqs, [0, *self.seqs])),
            _big_endian(map(sub, self.made_ms, [0, *self.made_ms])),
            self.outcomes,
            _every(traces, 0),
            _every(traces, DIGEST),
            _big_endian(marks),
        )
        return zstandard.ZstdCompressor(level=_LEVEL).compress(b"".join(columns))


def _big_endian(numbers: Iterable[int]) -> bytes:
    """Return signed numbers in 8 bytes each."""
    column = array("q", numbers)
    if sys.byteorder == "little":
        column.byteswap()
    return column.tobytes()


def _every(traces: bytes, first: int) -> bytes:
    """Return the digest that begins at this byte of each trace."""
    column = bytearray(len(traces) // TRACE * DIGEST)
    for at in range(DIGEST):
        column[at::DIGEST] = traces[first + at :: TRACE]
    return bytes(column)


def record_of(
    chunk: Chunk,
    entries: bytes,
    sent: SentRows = NOT_SENT,
    *,
    annotations: int = 0,
    refused: int = 0,
    marks: Sequence[int] = (),
) -> bytes:
    """Return the record of a chunk. A row is in `sent`, or has an entry; the counts are of the import's annotations.

    A row that was sent has an entry too if an earlier commit gave it another outcome than `imported`.
    `marks` are the digests of its imported rows that a policy remembers (see identity.row_digest).
    """
    rows, others = _Rows(), sorted(_ENTRY.iter_unpack(entries))
    models = {seq: trace[:DIGEST] for seq, _, number, trace in others if number == _MODEL}
    others = [other for other in others if other[2] != _MODEL]
    rows.add_sent(chunk.items, sent, {seq: number for seq, _, number, _ in others})
    if others:
        were_sent = set(rows.seqs)
        rows.add_entries(entry for entry in others if entry[0] not in were_sent)
    packed, counts, emptied = rows.pack(marks), sent.annotation_counts, rows.emptied(models)
    head = RecordHead(
        chunk=chunk.id,
        name=chunk.name,
        import_id=chunk.import_id,
        verdict=chunk.verdict.value if chunk.verdict else "",
        rows=len(rows.seqs),
        outcomes={OUTCOMES[number]: count for number, count in Counter(rows.outcomes).items()},
        annotations=annotations,
        refused=refused,
        attempts=chunk.attempt,
        cut_ms=chunk.cut_ms,
        submitted_ms=chunk.running_ms,
        account=chunk.account,
        submit_as=chunk.submit_as.value,
        rows_bytes=len(packed) if counts or emptied else 0,
        emptied_bytes=len(emptied),
    )
    return msgspec.json.encode(head) + b"\n" + packed + counts + emptied


class Emptied(NamedTuple):
    """A message without annotations, which supersedes the earlier ones of its data row and model."""

    #: The digest of the model's name.
    model: bytes


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

    def counted(self, data_row: bytes) -> list[Counted]:
        """Return the annotation counts of imported rows with this digest of their data row, as far as it has them."""
        if not self.head.rows_bytes:
            return []
        size, body = self.head.rows, self._body()
        outcomes, digests = body[16 * size : 17 * size], body[17 * size : (17 + DIGEST) * size]
        places = [place for place in _places(digests, data_row) if outcomes[place] == _NUMBER["imported"]]
        if not places:
            return []
        counts = AnnotationCounts(self._packed[self.head.rows_bytes :])
        return [counts.of(place) for place in places]

    def emptied(self, data_row: bytes) -> list[Emptied]:
        """Return the messages without annotations with this digest of their data row."""
        if not self.head.emptied_bytes:
            return []
        size, body = self.head.rows, self._body()
        places = set(_places(body[17 * size : (17 + DIGEST) * size], data_row))
        emptied = _unpacked(self._packed[-self.head.emptied_bytes :], self.head.chunk)
        return [Emptied(model) for place, model in _EMPTIED.iter_unpack(emptied) if place in places]

    def rows(self) -> Iterator[TracedRow]:
        """Yield all rows."""
        size, body = self.head.rows, self._body()
        messages = 17 * size + DIGEST * size
        for at, seq in enumerate(accumulate(struct.unpack_from(f">{size}q", body))):
            place = messages + DIGEST * at
            yield TracedRow(seq, _name(body[16 * size + at]), body[place : place + DIGEST])

    def _body(self) -> bytes:
        return _unpacked(self._packed, self.head.chunk)


def _unpacked(packed: bytes, chunk_id: str) -> bytes:
    # zstandard allocates the size that the content declares, whatever limit it gets: check that size first.
    if zstandard.frame_content_size(packed) > _MAX_BODY:
        raise ValueError(f"the record of chunk {chunk_id} is larger than any")
    return zstandard.ZstdDecompressor(max_window_size=_MAX_BODY).decompress(packed, max_output_size=_MAX_BODY)


def _name(number: int) -> str:
    return OUTCOMES[number] if number < len(OUTCOMES) else "unknown"  # of a newer worker


def _places(column: bytes, digest: bytes) -> Iterator[int]:
    at = column.find(digest)
    while at >= 0:
        if at % DIGEST == 0:
            yield at // DIGEST
        at = column.find(digest, at + 1)
