"""The rows of a chunk → the file of an import, and the outcomes of the rows that do not go into it. No I/O."""

from bisect import bisect_left
from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from itertools import compress, count

from prelabel.errors import MessageError, NotInOntology, Reason
from prelabel_worker.chunks.annotation_counts import Packer
from prelabel_worker.chunks.held_rows import Origin, Problem, RowFacts, facts_of, held_frame, held_row
from prelabel_worker.chunks.history import trace_of
from prelabel_worker.chunks.imported_rows import digests_of
from prelabel_worker.chunks.rows import ChunkRow, RowBlock, RowOutcome, Unreadable
from prelabel_worker.chunks.sent_lines import SentLines
from prelabel_worker.rendering.built_rows import BuiltRow, BuiltRows
from prelabel_worker.rendering.given_uuids import GivenUuids
from prelabel_worker.rendering.row_builder import RowBuilder


@dataclass(slots=True)
class Built:
    """A file ready to be sent, and the rows set aside on the way to it."""

    content: Sequence[bytes] = ()
    """The file in pieces: the lines of each row. One piece would be a second copy of the largest part of a chunk."""
    sent: SentLines = field(default_factory=SentLines)
    set_aside: list[RowOutcome] = field(default_factory=list)
    emptied: list[RowOutcome] = field(default_factory=list)
    """The rows whose messages have no annotations. Once `set_aside` is committed, they supersede older held rows."""
    not_in_ontology: int = 0
    """Number of rows that do not fit the ontology or the media type, which may have changed since they were fetched."""
    slow: int = 0
    """Number of annotations in the file that Labelbox imports slowly. The frames' headers may have said less."""

    def count(self, name: str) -> int:
        """Return the number of rows that were set aside with this outcome."""
        return sum(outcome.rows for outcome in (*self.set_aside, *self.emptied) if outcome.name == name)


WasImported = Callable[[Sequence[int]], set[int]]
"""Returns those of these digests (see identity.row_digest) whose rows were imported before."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The outcome of rows that were imported before: `skip` or `dead-letter`. Without a policy they override."""

    name: str
    was_imported: WasImported


Rows = Iterable[RowBlock | ChunkRow | Unreadable]


def build(rows: Rows, builder: RowBuilder, origin: Origin, policy: Policy | None = None) -> Built:
    """Build the file of the valid rows; set aside, in this order, the others.

    They are the invalid rows, among them those that give a uuid of another row, then the rows that a newer message
    supersedes, then those that the policy excludes. Messages without annotations are `emptied`.
    """
    build = _Build(builder, origin, policy)
    for part in rows:
        if isinstance(part, RowBlock):
            build.add_block(part)
        elif isinstance(part, Unreadable):
            build.set_aside.append(held_frame(part, origin))
        else:
            build.add_row(part)
    return build.end()


@dataclass(slots=True)
class _Columns:
    """The rows that can be imported. The entries at one position of all lists belong to one row."""

    #: Index in the chunk.
    index: list[int] = field(default_factory=list)
    #: Arrival number.
    seq: list[int] = field(default_factory=list)
    #: See `identity.packed_row_key`.
    row_key: list[bytes] = field(default_factory=list)
    #: See `history.trace_of`.
    trace: list[bytes] = field(default_factory=list)
    #: `i` or `k`, see `SentLines.forms`.
    form: list[str] = field(default_factory=list)
    #: NDJSON.
    lines: list[bytes] = field(default_factory=list)
    #: 16 bytes for each line.
    uuids: list[bytes] = field(default_factory=list)
    #: See `BuiltRow.adds`.
    adds: list[bool] = field(default_factory=list)
    #: See `BuiltRow.slow`.
    slow: list[int] = field(default_factory=list)
    #: Number of lines.
    line_count: list[int] = field(default_factory=list)
    #: Numbers of annotations by feature, as `Packer.row` packs them.
    counts: list[bytes] = field(default_factory=list)

    def extend(self, index: Iterable[int], seq: Iterable[int], built: BuiltRows, packer: Packer) -> None:
        """Add these rows."""
        self.index += index
        self.seq += seq
        self.row_key += built.row_key
        self.trace += map(trace_of, built.data_row_key, built.message_id)
        self.form += [key[0] for key in built.data_row_key]
        self.lines += built.lines
        self.uuids += built.packed_uuids
        self.adds += built.adds
        self.slow += built.slow
        self.line_count += built.line_count
        self.counts += map(packer.row, built.model, built.counts, built.line_count)

    def without(self, positions: Collection[int]) -> "_Columns":
        """Return the rows that are not at these positions."""
        if not positions:
            return self
        dropped = set(positions)
        keep = [position not in dropped for position in range(len(self.index))]
        return _Columns(*[list(compress(getattr(self, column.name), keep)) for column in fields(self)])


class _Build:
    """The file of a chunk while it is built."""

    def __init__(self, builder: RowBuilder, origin: Origin, policy: Policy | None) -> None:
        self._builder = builder
        self._origin = origin
        self._policy = policy
        self._good = _Columns()
        self._packer = Packer()
        # Rows whose messages may be needed once all rows are built, by index: held ones, those that give uuids and,
        # with a policy, all.
        self._rows: dict[int, ChunkRow] = {}
        self._giving: list[tuple[ChunkRow, BuiltRow]] = []
        # The models of messages without annotations, by index.
        self._empty: dict[int, str] = {}
        self._not_in_ontology = 0
        self.set_aside: list[RowOutcome] = []

    def add_block(self, block: RowBlock) -> None:
        """Build the rows of a block."""
        built = self._builder.build_all(block.messages)
        kept = range(len(built.place)) if self._policy else built.explicit
        for position in kept:
            self._keep(block.row(built.place[position]), built.row(position))
        self._add(built, block.row, block.index, block.seq)

    def add_row(self, row: ChunkRow) -> None:
        """Build a row that may have been held before."""
        if row.superseded:
            facts = facts_of(row.raw)
            self.set_aside.append(_superseded(row.index, row.held_id, trace_of(facts.data_row_key, facts.message_id)))
            return
        built = self._builder.build_all((row.raw,))
        if built.place:
            self._keep(row, built.row(0))
        self._add(built, lambda _: row, row.index, row.seq)

    def _add(self, built: BuiltRows, row_at: Callable[[int], ChunkRow], index: int, seq: int) -> None:
        """Add what was built of rows whose indexes and arrival numbers count up from these."""
        for place, error in built.refused:
            self._refuse(row_at(place), error)
        if 0 in built.line_count:
            none = zip(built.place, built.model, built.line_count, strict=True)
            self._empty |= {index + place: model for place, model, lines in none if not lines}
        self._good.extend([index + at for at in built.place], [seq + at for at in built.place], built, self._packer)

    def end(self) -> Built:
        """Return what was built, once all rows are added."""
        good = self._each_uuid_of_one_row(self._good)
        good = self._supersede(good)
        good, emptied = self._without_empty(good)
        if self._policy is not None:
            good = self._apply(self._policy, good)
        return Built(
            content=good.lines,
            sent=_sent_lines(good, self._packer),
            set_aside=self.set_aside,
            emptied=emptied,
            not_in_ontology=self._not_in_ontology,
            slow=sum(good.slow),
        )

    def _keep(self, row: ChunkRow, ready: BuiltRow) -> None:
        self._rows[row.index] = row
        if ready.explicit:
            self._giving.append((row, ready))

    def _refuse(self, row: ChunkRow, error: MessageError) -> None:
        self._not_in_ontology += isinstance(error, NotInOntology)
        self._hold(row, Problem(error.reason, error.details()))

    def _hold(self, row: ChunkRow, problem: Problem) -> None:
        self.set_aside.append(held_row(row, problem, self._origin, facts_of(row.raw)))

    def _each_uuid_of_one_row(self, good: _Columns) -> _Columns:
        """Set aside rows that give a uuid which an earlier row gives too, as the check of a file does."""
        given, refused = GivenUuids(), []
        for row, ready in sorted(self._giving, key=lambda pair: pair[0].seq):
            try:
                given.claim(("", ready.data_row_key, ready.model), ready.explicit)
            except MessageError as error:
                refused.append(bisect_left(good.index, row.index))
                self._hold(row, Problem(error.reason, error.details()))
        return good.without(refused)

    def _supersede(self, good: _Columns) -> _Columns:
        if len(set(good.row_key)) == len(good.row_key):
            return good
        _, superseded = newest(zip(count(), good.seq, good.row_key))
        for position in superseded:
            index = good.index[position]
            self.set_aside.append(_superseded(index, self._held_id(index), good.trace[position]))
        return good.without(superseded)

    def _without_empty(self, good: _Columns) -> tuple[_Columns, list[RowOutcome]]:
        if not self._empty:
            return good, []
        empty = [position for position, index in enumerate(good.index) if index in self._empty]
        outcomes = [
            RowOutcome(
                "skipped",
                good.index[position],
                held_id=self._held_id(good.index[position]),
                trace=good.trace[position],
                empty_of=self._empty[good.index[position]],
                supersedes=good.row_key[position].hex(),
            )
            for position in empty
        ]
        return good.without(empty), outcomes

    def _apply(self, policy: Policy, good: _Columns) -> _Columns:
        digests = digests_of(b"".join(good.row_key))
        known = policy.was_imported(digests)
        excluded = [position for position, digest in enumerate(digests) if digest in known]
        for position in excluded:
            index = good.index[position]
            if policy.name == "skip":
                trace = good.trace[position]
                self.set_aside.append(RowOutcome("skipped", index, 1, self._held_id(index), trace=trace))
            else:
                self._hold(self._rows[index], _imported_before())
        return good.without(excluded)

    def _held_id(self, index: int) -> str:
        return self._rows[index].held_id if index in self._rows else ""


def _sent_lines(rows: _Columns, packer: Packer) -> SentLines:
    return SentLines(
        rows=tuple(rows.index),
        line_counts=tuple(rows.line_count),
        traces=b"".join(rows.trace),
        packed_row_keys=b"".join(rows.row_key),
        uuids=b"".join(rows.uuids),
        forms="".join(rows.form).encode(),
        unidentified=bytes(rows.adds),
        counts=packer.column(rows.counts),
        annotation_counts=(b"",) * len(rows.index),
    )


def newest(rows: Iterable[tuple[int, int, Hashable]]) -> tuple[list[int], list[int]]:
    """Split rows into those that stay and those that a newer message supersedes; return the indexes of both.

    A row is (index, arrival number, what it shares with messages of the same data row and model).
    """
    best: dict[Hashable, tuple[int, int]] = {}
    superseded: list[int] = []
    for index, seq, key in rows:
        other = best.get(key)
        if other is None:
            best[key] = (seq, index)
        elif (seq, index) > other:
            superseded.append(other[1])
            best[key] = (seq, index)
        else:
            superseded.append(index)
    return sorted(index for _, index in best.values()), sorted(superseded)


def _imported_before() -> Problem:
    return Problem(
        Reason.EXISTING,
        {
            "path": "dataRow",
            "found": "a data row that this model has imported pre-labels for",
            "expected": "one without, since the project's policy is dead-letter",
        },
    )


def _superseded(index: int, held_id: str, trace: bytes) -> RowOutcome:
    return RowOutcome("superseded", index, 1, held_id, trace=trace)


__all__ = ["Built", "RowFacts", "build"]
