"""Rows of a chunk, and what became of them. Pure."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import msgspec

from prelabel_worker.chunks.held_state import HeldState


@dataclass(slots=True)
class ChunkRow:
    """One message of a chunk: where it stands, when it arrived, and its bytes; `reason` is what it was held for."""

    index: int
    seq: int
    lane: int
    raw: bytes
    held_id: str = ""
    superseded: bool = False
    reason: str = ""


@dataclass(slots=True)
class Unreadable:
    """A frame whose rows cannot be read: one dead letter that weighs them all."""

    index: int
    rows: int
    seq: int
    lane: int
    raw: bytes
    held_id: str
    problem: str


class RowOutcome(msgspec.Struct, frozen=True):
    """What becomes of a row that is not simply imported. Fields and names are those of commit_rows.lua."""

    name: Literal["held", "superseded", "skipped", "cleared"]
    #: Its place in the chunk.
    index: int
    #: Rows from there on that share the outcome: those of a frame that could not be read.
    rows: int = 1
    #: The id it is held by, or was; empty for a row that never was.
    held_id: str = ""
    #: Of a row that is `held`.
    state: HeldState | None = None
    #: The details and the message of a row that is `held`.
    body: bytes = b""
    #: What the row can be found by in the history, where it could be read; no matter of the script.
    trace: bytes = b""

    @property
    def in_history(self) -> str:
        """The outcome's name in the history: the reason of a row that is held."""
        return self.state.reason if self.state else self.name


@dataclass(slots=True)
class Slice:
    """What one commit says of a chunk: the rows before `after`, from where the last commit ended.

    `imported` of them are; `outcomes` are the others', `superseding` the (row key, arrival number) of messages that
    Labelbox has, `marks` the digests of imported rows that a policy needs to know again,
    `annotation_counts` the (row key, packed counts) of imported rows without a policy, `entries` what the history keeps
    of all these rows.
    """

    after: int
    imported: int = 0
    outcomes: list[RowOutcome] = field(default_factory=list)
    superseding: list[tuple[str, int]] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)
    annotation_counts: list[tuple[str, bytes]] = field(default_factory=list)
    entries: list[bytes] = field(default_factory=list)


class Committed(NamedTuple):
    """What a commit of rows found: those that wait in the inbox, if it was the chunk's last; and what is left.

    `leftover_rows` were imported with less than Labelbox has of them: `leftovers` annotations.
    """

    waiting: int | None
    leftover_rows: int
    leftovers: int
