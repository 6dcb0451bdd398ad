"""The rows of a chunk → the file of an import, and the outcomes of the rows that do not go into it. No I/O."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from prelabel.errors import MessageError, NotInOntology, Reason
from prelabel_worker.chunks.annotation_counts import Counted, pack
from prelabel_worker.chunks.held_rows import Origin, Problem, RowFacts, facts_of, held_frame, held_row
from prelabel_worker.chunks.history import trace_of
from prelabel_worker.chunks.rows import ChunkRow, RowOutcome, Unreadable
from prelabel_worker.chunks.sent_lines import SentLines
from prelabel_worker.rendering.given_uuids import GivenUuids
from prelabel_worker.rendering.identity import row_digest, row_key
from prelabel_worker.rendering.row_builder import BuiltRow, RowBuilder


@dataclass(slots=True)
class Built:
    """A file ready to be sent, and the rows set aside on the way to it."""

    content: bytes = b""
    sent: SentLines = field(default_factory=SentLines)
    set_aside: list[RowOutcome] = field(default_factory=list)
    not_in_ontology: int = 0
    """Number of rows that do not fit the ontology or the media type, which may have changed since they were fetched."""
    slow: int = 0
    """Number of annotations in the file that Labelbox imports slowly. The frames' headers may have said less."""

    def count(self, name: str) -> int:
        """Return the number of rows that were set aside with this outcome."""
        return sum(outcome.rows for outcome in self.set_aside if outcome.name == name)


WasImported = Callable[[Sequence[int]], set[int]]
"""Returns those of these digests (see identity.row_digest) whose rows were imported before."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The outcome of rows that were imported before: `skip` or `dead-letter`. Without a policy they override."""

    name: str
    was_imported: WasImported


def build(
    rows: Iterable[ChunkRow | Unreadable], builder: RowBuilder, origin: Origin, policy: Policy | None = None
) -> Built:
    """Build the file of the valid rows; set aside, in this order, the others.

    They are the invalid rows, among them those that give a uuid of another row, then the rows that a newer message
    supersedes, then those that the policy excludes.
    """
    built = Built()
    good: list[tuple[ChunkRow, BuiltRow]] = []
    for row in rows:
        if isinstance(row, Unreadable):
            built.set_aside.append(held_frame(row, origin))
            continue
        if row.superseded:
            facts = facts_of(row.raw)
            built.set_aside.append(_superseded(row, trace_of(facts.data_row_key, facts.message_id)))
            continue
        try:
            ready = builder.build(row.raw)
        except MessageError as error:
            built.not_in_ontology += isinstance(error, NotInOntology)
            built.set_aside.append(held_row(row, Problem(error.reason, error.details()), origin, facts_of(row.raw)))
            continue
        good.append((row, ready))
    kept = _supersede(built, _each_uuid_of_one_row(built, good, origin))
    if policy is not None:
        kept = _apply(policy, built, kept, origin)
    built.slow = sum(ready.slow for _, ready in kept)
    built.content = b"".join([ready.lines for _, ready in kept])
    built.sent = _sent_lines(kept)
    return built


def _sent_lines(kept: list[tuple[ChunkRow, BuiltRow]]) -> SentLines:
    return SentLines(
        rows=tuple([row.index for row, _ in kept]),
        line_counts=tuple([len(ready.uuids) for _, ready in kept]),
        traces=b"".join([trace_of(ready.data_row_key, ready.message_id) for _, ready in kept]),
        packed_row_keys=bytes.fromhex("".join([row_key(ready.data_row_key, ready.model) for _, ready in kept])),
        uuids=b"".join([uuid for _, ready in kept for uuid in ready.uuids]),
        forms="".join([ready.data_row_key[0] for _, ready in kept]).encode(),
        unidentified=bytes([ready.adds for _, ready in kept]),
        counts=pack([Counted(ready.model, ready.counts, len(ready.uuids)) for _, ready in kept]),
        annotation_counts=(b"",) * len(kept),
    )


def newest(rows: Iterable[tuple[int, int, tuple[str, str]]]) -> tuple[list[int], list[int]]:
    """Split rows into those that stay and those that a newer message supersedes; return the indexes of both.

    A row is (index, arrival number, (data row, model)).
    """
    best: dict[tuple[str, str], tuple[int, int]] = {}
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


def _each_uuid_of_one_row(
    built: Built, good: list[tuple[ChunkRow, BuiltRow]], origin: Origin
) -> list[tuple[ChunkRow, BuiltRow]]:
    """Set aside the rows that give a uuid which a row that arrived earlier gives too, as the check of a file does."""
    given, refused = GivenUuids(), set()
    giving = [(row, ready) for row, ready in good if ready.explicit]
    for row, ready in sorted(giving, key=lambda pair: pair[0].seq):
        try:
            given.claim(("", ready.data_row_key, ready.model), ready.explicit)
        except MessageError as error:
            refused.add(row.index)
            built.set_aside.append(held_row(row, Problem(error.reason, error.details()), origin, facts_of(row.raw)))
    return [(row, ready) for row, ready in good if row.index not in refused]


def _supersede(built: Built, good: list[tuple[ChunkRow, BuiltRow]]) -> list[tuple[ChunkRow, BuiltRow]]:
    stay, gone = newest((at, row.seq, (ready.data_row_key, ready.model)) for at, (row, ready) in enumerate(good))
    for at in gone:
        row, ready = good[at]
        built.set_aside.append(_superseded(row, trace_of(ready.data_row_key, ready.message_id)))
    return [good[at] for at in stay]


def _apply(
    policy: Policy, built: Built, kept: list[tuple[ChunkRow, BuiltRow]], origin: Origin
) -> list[tuple[ChunkRow, BuiltRow]]:
    digests = [row_digest(row_key(ready.data_row_key, ready.model)) for _, ready in kept]
    known = policy.was_imported(digests)
    rest = []
    for (row, ready), digest in zip(kept, digests, strict=True):
        if digest not in known:
            rest.append((row, ready))
        elif policy.name == "skip":
            trace = trace_of(ready.data_row_key, ready.message_id)
            built.set_aside.append(RowOutcome("skipped", row.index, 1, row.held_id, trace=trace))
        else:
            built.set_aside.append(held_row(row, _imported_before(), origin, facts_of(row.raw)))
    return rest


def _imported_before() -> Problem:
    return Problem(
        Reason.EXISTING,
        {
            "path": "dataRow",
            "found": "a data row that this model has imported pre-labels for",
            "expected": "one without, since the project's policy is dead-letter",
        },
    )


def _superseded(row: ChunkRow, trace: bytes) -> RowOutcome:
    return RowOutcome("superseded", row.index, 1, row.held_id, trace=trace)


__all__ = ["Built", "RowFacts", "build"]
