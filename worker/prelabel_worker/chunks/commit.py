"""The arguments of commit_rows.lua: one with named fields as JSON, and beside it the bytes that are no text. No I/O.

JSON is as fast in Lua as MessagePack. Redis's cmsgpack cannot read the byte strings that Python's encoder writes, so
MessagePack would not save the arguments of bytes.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from prelabel_worker.chunks.held_state import HeldState
from prelabel_worker.chunks.rows import RowOutcome, Slice


class CommitOutcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """The outcome of a row that is not simply imported: the fields of `RowOutcome` that are text."""

    name: str
    index: int
    rows: int
    held_id: str
    state: HeldState | None = None


class Kept(NamedTuple):
    """How long, in ms, and how much the project remembers of committed rows."""

    #: Lifetime of the history and of the digests of imported rows.
    history_ms: int
    #: Maximum bytes of a project's history.
    history_bytes: int
    #: Lifetime of the ids of settled frames.
    frame_memory_ms: int


class Commit(msgspec.Struct, frozen=True):
    """One slice of a chunk's outcomes, and the settings that the script needs."""

    #: Index at which the last commit ended; unless the chunk's cursor is there, nothing is committed.
    cursor: int
    #: Rows set aside by all commits so far; unless they are as many, nothing is committed: one of those was lost.
    aside: int
    #: Index at which this commit ends.
    after: int
    #: Number of rows in between that are imported.
    imported: int
    #: Whether no row is left: the chunk ends.
    finish: bool
    #: Outcomes of the other rows.
    outcomes: Sequence[CommitOutcome]
    #: Row key and arrival number of messages that Labelbox has: older held ones are superseded.
    superseding: Sequence[tuple[str, int]]
    #: The memory in which digests of imported rows are remembered, see imported_rows.py.
    memory: str
    #: Each remembered row that comes back counts as so many.
    one_in: int
    #: How the imported rows name their data rows: `i`, `k` or `ik`; empty if none is imported.
    forms: str
    #: How long imported rows took since they were published: number of rows by bucket, see freshness.py.
    fresh: Mapping[str, int]
    #: See `Kept`.
    history_ms: int
    #: See `Kept`.
    history_bytes: int
    #: See `Kept`.
    frame_memory_ms: int


HELD_TOGETHER = 50
"""Number of rows in one commit that become held rows, or were: each costs Redis about 20 microseconds."""
_MOST_COST, _HELD_COST = 200, 200 // HELD_TOGETHER


def in_parts(outcomes: Iterable[RowOutcome]) -> Iterator[list[RowOutcome]]:
    """Yield outcomes in parts for one commit each, which takes Redis about a millisecond."""
    part: list[RowOutcome] = []
    cost = 0
    for outcome in outcomes:
        part.append(outcome)
        cost += _HELD_COST if outcome.state or outcome.held_id or outcome.supersedes else 1
        if cost >= _MOST_COST:
            yield part
            part, cost = [], 0
    if part:
        yield part


_encode = msgspec.json.Encoder().encode


def arguments(part: Slice, cursor: int, aside: int, record: bytes, kept: Kept, *, finish: bool) -> list[bytes]:
    """Return the arguments in the order of the script's contract.

    `record` is the history's record of the whole chunk. Before the last slice (`finish`) there is none, and the
    entries of the slice are kept instead.
    """
    commit = Commit(
        cursor=cursor,
        aside=aside,
        after=part.after,
        imported=part.imported,
        finish=finish,
        outcomes=[_text_of(outcome) for outcome in part.outcomes],
        superseding=part.superseding,
        memory=part.memory.name,
        one_in=part.memory.one_in,
        forms="".join(sorted(part.forms)),
        fresh=part.freshness.counts,
        **kept._asdict(),
    )
    digests = [part.memory.by_set(digests).encode() for digests in (part.marks, part.adding)]
    bodies = [outcome.body for outcome in part.outcomes if outcome.state is not None]
    return [_encode(commit), record if finish else b"".join(part.entries), *digests, *bodies]


def _text_of(outcome: RowOutcome) -> CommitOutcome:
    return CommitOutcome(outcome.name, outcome.index, outcome.rows, outcome.held_id, outcome.state)
