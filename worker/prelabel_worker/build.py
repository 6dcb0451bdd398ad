"""The rows of a chunk → the file of an import, and what becomes of the rows that do not go into it. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from prelabel.errors import MessageError, Reason
from prelabel_worker.chunks import ChunkRow, RowOutcome, SentLines, Unreadable, newest
from prelabel_worker.history import trace_of
from prelabel_worker.letters import Origin, Problem, RowFacts, facts_of, held_frame, held_row
from prelabel_worker.rows import BuiltRow, RowBuilder


@dataclass(slots=True)
class Built:
    """A file ready to be sent, and the rows set aside on the way to it."""

    content: bytes = b""
    sent: SentLines = field(default_factory=SentLines)
    set_aside: list[RowOutcome] = field(default_factory=list)
    unknown_features: int = 0
    """Rows that name a feature the ontology does not have: it may have changed."""


def build(rows: Iterable[ChunkRow | Unreadable], builder: RowBuilder, origin: Origin) -> Built:
    """Validate every row, set the bad ones aside, then, among the good ones, those a newer message supersedes."""
    built = Built()
    good: list[tuple[ChunkRow, BuiltRow]] = []
    explicit: set[bytes] = set()
    for row in rows:
        if isinstance(row, Unreadable):
            built.set_aside.append(held_frame(row, origin))
            continue
        if row.struck:
            facts = facts_of(row.raw)
            built.set_aside.append(_superseded(row, trace_of(facts.data_row_key, facts.message_id)))
            continue
        try:
            ready = builder.build(row.raw)
        except MessageError as error:
            built.unknown_features += error.reason is Reason.UNKNOWN_FEATURE
            built.set_aside.append(held_row(row, Problem(error.reason, error.details()), origin, facts_of(row.raw)))
            continue
        if ready.explicit and not explicit.isdisjoint(ready.explicit):
            built.set_aside.append(held_row(row, _repeated_uuid(), origin, facts_of(row.raw)))
            continue
        explicit.update(ready.explicit)
        good.append((row, ready))
    _supersede(built, good)
    return built


def _supersede(built: Built, good: list[tuple[ChunkRow, BuiltRow]]) -> None:
    stay, gone = newest((at, row.seq, (ready.data_row_key, ready.model)) for at, (row, ready) in enumerate(good))
    for at in gone:
        row, ready = good[at]
        built.set_aside.append(_superseded(row, trace_of(ready.data_row_key, ready.message_id)))
    kept = [good[at] for at in stay]
    built.content = b"".join([ready.lines for _, ready in kept])
    built.sent = SentLines.of(
        (row.index, ready.uuids, trace_of(ready.data_row_key, ready.message_id)) for row, ready in kept
    )


def _superseded(row: ChunkRow, trace: bytes) -> RowOutcome:
    return RowOutcome("superseded", row.index, 1, row.held_id, trace=trace)


def _repeated_uuid() -> Problem:
    return Problem(
        Reason.DUPLICATE_UUID,
        {
            "path": "annotations",
            "found": "a uuid that an earlier message of the same import gives",
            "expected": "a uuid that is used once in a project",
        },
    )


__all__ = ["Built", "RowFacts", "build"]
