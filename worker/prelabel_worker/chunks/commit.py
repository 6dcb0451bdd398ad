"""What commit_rows.lua is given: one argument with named fields, and beside it what is no text. Pure.

JSON, since it is as fast in Lua as MessagePack, whose bytes Redis's cmsgpack cannot read; those are arguments of their
own.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from prelabel_worker.chunks.held_state import HeldState
from prelabel_worker.chunks.rows import RowOutcome, Slice
from prelabel_worker.rendering.identity import shape_digest


class CommitOutcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """What becomes of a row that is not simply imported: the fields of `RowOutcome` that are text."""

    name: str
    index: int
    rows: int
    held_id: str
    state: HeldState | None = None


class Kept(NamedTuple):
    """For how long, in ms, and how much is remembered of what is committed."""

    #: The history, and what is known of imported rows.
    history_ms: int
    #: Maximum bytes of a project's history.
    history_bytes: int
    #: Ids of settled frames.
    frame_memory_ms: int


class Commit(msgspec.Struct, frozen=True):
    """One slice of a chunk's outcomes, and what the script has to know of the settings."""

    #: Where the last commit ended: the chunk's cursor, else nothing is committed.
    cursor: int
    #: Where this one ends.
    after: int
    #: Rows in between that are imported.
    imported: int
    #: Whether no row is left: the chunk ends.
    finish: bool
    #: What becomes of the other rows.
    outcomes: Sequence[CommitOutcome]
    #: Row key and arrival number of messages that Labelbox has: older held ones are superseded.
    superseding: Sequence[tuple[str, int]]
    #: Bytes of the packed counts of each imported row that is compared with the one before.
    count_sizes: Sequence[int]
    #: Digests of imported rows that a policy needs to know again; as text, since Lua's numbers have 53 bits.
    marks: Sequence[str]
    #: See `Kept`.
    history_ms: int
    #: See `Kept`.
    history_bytes: int
    #: See `Kept`.
    frame_memory_ms: int


_encode = msgspec.json.Encoder().encode


def arguments(part: Slice, cursor: int, record: bytes, kept: Kept, *, finish: bool) -> list[bytes]:
    """Return the commit and what is no text, in the order of the script's contract.

    `record` is the whole chunk's for the history; without `finish` it is not known yet, and the entries are kept.
    """
    commit = Commit(
        cursor=cursor,
        after=part.after,
        imported=part.imported,
        finish=finish,
        outcomes=[_text_of(outcome) for outcome in part.outcomes],
        superseding=part.superseding,
        count_sizes=[len(counts) for _, counts in part.annotation_counts],
        marks=[str(mark) for mark in part.marks],
        **kept._asdict(),
    )
    digests = b"".join([shape_digest(row_key) for row_key, _ in part.annotation_counts])
    packed = b"".join([counts for _, counts in part.annotation_counts])
    bodies = [outcome.body for outcome in part.outcomes if outcome.state is not None]
    return [_encode(commit), record if finish else b"".join(part.entries), digests, packed, *bodies]


def _text_of(outcome: RowOutcome) -> CommitOutcome:
    return CommitOutcome(outcome.name, outcome.index, outcome.rows, outcome.held_id, outcome.state)
