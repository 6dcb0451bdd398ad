"""Rows of a chunk and their outcomes. No I/O."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import msgspec

from prelabel_worker.chunks.freshness import Freshness
from prelabel_worker.chunks.held_state import HeldState
from prelabel_worker.chunks.imported_rows import POLICY_MEMORY, Memory

NO_ANNOTATIONS = "no-annotations"
"""What the history calls a row that is skipped because its message has no annotations."""


@dataclass(slots=True)
class ChunkRow:
    """One message of a chunk."""

    #: Its place in the chunk.
    index: int
    #: Its arrival number.
    seq: int
    #: Its lane.
    lane: int
    #: The message as the producer sent it.
    raw: bytes
    #: Its id among the held rows; empty for a row that was never held.
    held_id: str = ""
    #: Whether Labelbox has a newer message of its data row and model.
    superseded: bool = False
    #: The reason for which it was last held; empty for a row that was never held.
    reason: str = ""
    #: When it was published, in ms of Redis's clock; 0 if that is not known.
    published_ms: int = 0


@dataclass(slots=True)
class RowBlock:
    """Messages of one frame that follow each other in a chunk: an object for each row would cost more than reading it.

    Their places in the chunk, and their arrival numbers, count up from those of the first.
    """

    #: Place of the first message in the chunk.
    index: int
    #: Arrival number of the first message.
    seq: int
    #: The lane of all.
    lane: int
    #: The messages as the producer sent them.
    messages: list[bytes]
    #: When they were published, in ms of Redis's clock; 0 if that is not known.
    published_ms: int = 0

    def row(self, position: int) -> ChunkRow:
        """Return the message at this position of the block as a row."""
        seq, raw = self.seq + position, self.messages[position]
        return ChunkRow(self.index + position, seq, self.lane, raw, published_ms=self.published_ms)

    def rows(self) -> Iterator[ChunkRow]:
        """Yield all messages as rows."""
        return map(self.row, range(len(self.messages)))


@dataclass(slots=True)
class Unreadable:
    """A frame whose rows cannot be read: it becomes one dead letter that counts as all of them."""

    #: Place of its first row in the chunk.
    index: int
    #: Number of its rows.
    rows: int
    #: Arrival number of its first row.
    seq: int
    #: Its lane.
    lane: int
    #: The frame as it is in Redis.
    raw: bytes
    #: Its id among the held rows.
    held_id: str
    #: Why it cannot be read.
    problem: str
    #: When it was published, in ms of Redis's clock; 0 if that is not known.
    published_ms: int = 0


class RowOutcome(msgspec.Struct, frozen=True):
    """The outcome of a row that is not simply imported. Names and fields are those of commit_rows.lua."""

    name: Literal["held", "superseded", "skipped", "discarded", "cleared"]
    #: Its place in the chunk.
    index: int
    #: Number of rows from there on that share the outcome: more than 1 for a frame that could not be read.
    rows: int = 1
    #: Its id among the held rows; empty for a row that was never held.
    held_id: str = ""
    #: The state of a row that is `held`.
    state: HeldState | None = None
    #: Details and message of a row that is `held`.
    body: bytes = b""
    #: By which the row is found in the history; empty where it could not be read. The script does not see it.
    trace: bytes = b""
    #: The model of a message without annotations, which is `skipped`; None for every other row.
    empty_of: str | None = None
    #: The row key whose older held rows it supersedes; empty if there are none.
    supersedes: str = ""

    @property
    def in_history(self) -> str:
        """The outcome's name in the history; for a held row, the reason."""
        if self.empty_of is not None:
            return NO_ANNOTATIONS
        return self.state.reason if self.state else self.name


@dataclass(slots=True)
class Slice:
    """The rows of one commit: from the end of the last commit up to `after`."""

    #: Index behind the last row.
    after: int
    #: Number of rows that are imported.
    imported: int = 0
    #: Outcomes of the other rows.
    outcomes: list[RowOutcome] = field(default_factory=list)
    #: Row key and arrival number of messages that Labelbox has: older held ones are superseded.
    superseding: list[tuple[str, int]] = field(default_factory=list)
    #: Digests of imported rows that are remembered, see `identity.row_digest`.
    marks: list[int] = field(default_factory=list)
    #: Digests of imported rows with lines that cannot override; they are remembered too.
    adding: list[int] = field(default_factory=list)
    #: In which memory they are remembered.
    memory: Memory = POLICY_MEMORY
    #: How the imported rows name their data rows: `i` by id, `k` by global key.
    forms: set[str] = field(default_factory=set)
    #: What the history keeps of the other rows.
    entries: list[bytes] = field(default_factory=list)
    #: How long the rows that are imported took since they were published.
    freshness: Freshness = field(default_factory=Freshness)

    @property
    def aside(self) -> int:
        """Number of rows that it sets aside."""
        return sum(outcome.rows for outcome in self.outcomes if outcome.name != "cleared")


class Committed(NamedTuple):
    """The answer to a commit."""

    #: Number of rows that wait in the inbox, if this commit ended the chunk.
    waiting: int | None
    #: 1 if this commit made the project one that has imported rows by id and by global key, else 0.
    mixed: int
