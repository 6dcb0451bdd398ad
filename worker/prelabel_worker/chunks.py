"""A chunk: its states, its rows by reference, and the pure rules about them."""

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, NamedTuple

from prelabel.frame import MAX_FRAME_ROWS

_TRACE = 12  # bytes, see history.py
_KEY = 16  # bytes, see identity.row_key
_UUID = 16  # bytes
KNOWN_VERSION = 2
"""Newest version of a chunk that this release knows; frames are still of version 1 (docs/architecture.md, versions).

A chunk is of version 2 when its rows are imported as ground truth: a release before would import them as pre-labels.
"""


class SubmitAs(StrEnum):
    """What rows are imported as. The same lines, another root field of Labelbox's API."""

    PRE_LABELS = "pre-labels"
    GROUND_TRUTH = "ground-truth"


class State(StrEnum):
    """Where a chunk is. `split` and settled chunks no longer exist."""

    OPEN = "open"
    SUBMITTING = "submitting"
    WAITING = "waiting"
    UNCERTAIN = "uncertain"
    RUNNING = "running"


class Verdict(StrEnum):
    """How an import ended: Labelbox's two states, and two that mean it never will."""

    FINISHED = "FINISHED"
    FAILED = "FAILED"
    LOST = "lost"
    OVERDUE = "overdue"


@dataclass(frozen=True, slots=True)
class Defect:
    """A defect that a stage met with a chunk: which one in a row, where, and what; nothing of an answer or a row."""

    count: int
    what: str
    stuck: bool


class Item(NamedTuple):
    """Rows `low` to `high` (exclusive) of a frame (`f`) or a held row (`h`); `seq` is the arrival number of row 0."""

    kind: Literal["f", "h"]
    id: str
    low: int
    high: int
    seq: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk as its holder took it up. Fields of the hash `chunk:<id>`; times are Redis's, in ms.

    `account` is the one its import was sent with or, before that, the project's; '' for the settings' own; likewise
    `submit_as`. `policy` is
    the project's for rows that were imported before: `skip`, `dead-letter`, or '' for override. `origin` is the chunk
    that a bisection began with, `origin_rows` its rows: of a chunk that was cut they are its own. `failures` are in a
    row; `unanswered` its uploads without an answer, `misses` the look-ups in a row that did not find its import,
    `odd_state` a state of its import that nobody knows.
    """

    project_id: str
    id: str
    token: str
    taken_ms: int
    state: State
    lanes: tuple[int, ...]
    rows: int
    items: tuple[Item, ...]
    cut_ms: int
    attempt: int
    failures: int
    cursor: int
    settled: int
    aside: int
    name: str
    import_id: str
    maybe_until_ms: int
    running_ms: int
    permit_ms: int
    verdict: Verdict | None
    status_url: str
    error_url: str
    account: str
    submit_as: SubmitAs
    policy: str
    origin: str
    origin_rows: int
    unanswered: int
    misses: int
    odd_state: str
    #: Number of defects in a row that its stage met; of which the last is recorded in the hash as `defect`.
    defects: int = 0

    @property
    def pending(self) -> int:
        """Rows of this chunk that have no outcome yet."""
        return self.rows - self.aside - self.settled


def chunk_from_fields(project_id: str, chunk_id: str, token: str, now_ms: int, fields: Mapping[bytes, bytes]) -> Chunk:
    """Read the hash of a chunk."""
    text = {name.decode(): value.decode() for name, value in fields.items()}

    def number(name: str) -> int:
        return int(float(text.get(name) or 0))

    return Chunk(
        project_id=project_id,
        id=chunk_id,
        token=token,
        taken_ms=now_ms,
        state=State(text["state"]),
        lanes=tuple(int(lane) for lane in text["lanes"].split()),
        rows=number("rows"),
        items=tuple(_items(text["items"])),
        cut_ms=number("cutMs"),
        attempt=number("attempt"),
        failures=number("failures"),
        cursor=number("cursor"),
        settled=number("settled"),
        aside=number("aside"),
        name=text.get("name", ""),
        import_id=text.get("importId", ""),
        maybe_until_ms=number("maybeUntil"),
        running_ms=number("runningMs"),
        permit_ms=number("permitMs"),
        verdict=Verdict(text["verdict"]) if text.get("verdict") else None,
        status_url=text.get("statusUrl", ""),
        error_url=text.get("errorUrl", ""),
        account=text.get("account", ""),
        submit_as=SubmitAs(text.get("submitAs") or SubmitAs.PRE_LABELS),
        policy=text.get("policy", ""),
        origin=text.get("origin", chunk_id),
        origin_rows=number("originRows") or number("rows"),
        unanswered=number("unanswered"),
        misses=number("misses"),
        odd_state=text.get("oddState", ""),
        defects=number("defects"),
    )


def _items(text: str) -> Iterator[Item]:
    for line in text.splitlines():
        kind, item_id, low, high, seq = line.split(" ")
        # An entry written past publish.lua may claim any number, and stages walk the rows.
        if not 0 <= int(low) <= int(high) <= MAX_FRAME_ROWS:
            raise ValueError(f"rows of an item: expected 0 to {MAX_FRAME_ROWS}")
        yield Item("h" if kind == "h" else "f", item_id, int(low), int(high), int(seq))


@dataclass(slots=True)
class ChunkRow:
    """One message of a chunk: where it stands, when it arrived, and its bytes; `reason` is what it was held for."""

    index: int
    seq: int
    lane: int
    raw: bytes
    held_id: str = ""
    struck: bool = False
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


@dataclass(frozen=True, slots=True)
class RowOutcome:
    """What becomes of a row that is not simply imported. Names are those of commit_rows.lua.

    `trace` is what the row can be found by in the history, where it could be read.
    """

    name: Literal["held", "superseded", "skipped", "cleared"]
    index: int
    rows: int = 1
    held_id: str = ""
    state: Mapping[str, Any] = field(default_factory=dict)
    body: bytes = b""
    trace: bytes = b""


@dataclass(slots=True)
class Slice:
    """What one commit says of a chunk: the rows before `after`, from where the last commit ended.

    `imported` of them are; `outcomes` are the others', `strikes` the (row key, arrival number) of messages that
    Labelbox has, `marks` the digests of imported rows that a policy needs to know again, `shapes` the (row key, shape)
    of imported rows without a policy, `entries` what the history keeps of all these rows.
    """

    after: int
    imported: int = 0
    outcomes: list[RowOutcome] = field(default_factory=list)
    strikes: list[tuple[str, int]] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)
    shapes: list[tuple[str, bytes]] = field(default_factory=list)
    entries: list[bytes] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class SentLines:
    """The uuids of an import's lines, by row: what its status file will be matched with; each row's trace and row key.

    And its shape (see shapes.py), which imports that an older worker recorded do not have. Kept while the import runs,
    because a later build may derive other lines: the ontology may have changed.
    """

    rows: tuple[int, ...] = ()
    counts: tuple[int, ...] = ()
    traces: tuple[bytes, ...] = ()
    keys: tuple[str, ...] = ()
    uuids: bytes = b""
    shapes: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, built: Iterable[tuple[int, list[bytes], bytes, str]]) -> "SentLines":
        """From (row index, its uuids of 16 bytes each, its trace of 12, its row key)."""
        rows = list(built)
        return cls(
            tuple(index for index, _, _, _ in rows),
            tuple(len(uuids) for _, uuids, _, _ in rows),
            tuple(trace for _, _, trace, _ in rows),
            tuple(key for _, _, _, key in rows),
            b"".join(uuid for _, uuids, _, _ in rows for uuid in uuids),
        )

    def to_bytes(self) -> bytes:
        """The number of rows, their indexes, line counts, traces and row keys, the uuids, then the shapes.

        Big-endian; a shape after its length, in a byte. An older worker, which knows of no shapes, reads the rest.
        """
        size = len(self.rows)
        numbers = struct.pack(f">I{size}I{size}I", size, *self.rows, *self.counts)
        shapes = b"".join([bytes((len(shape),)) + shape for shape in self.shapes])
        return numbers + b"".join(self.traces) + bytes.fromhex("".join(self.keys)) + self.uuids + shapes

    @classmethod
    def from_bytes(cls, data: bytes) -> "SentLines":
        """Inverse of `to_bytes`."""
        (size,) = struct.unpack_from(">I", data)
        numbers = struct.unpack_from(f">{2 * size}I", data, 4)
        at = 4 + 8 * size
        keys = at + _TRACE * size
        uuids = keys + _KEY * size
        traces = tuple(data[start : start + _TRACE] for start in range(at, keys, _TRACE))
        digits = data[keys:uuids].hex()
        row_keys = tuple(digits[start : start + 2 * _KEY] for start in range(0, len(digits), 2 * _KEY))
        shapes = uuids + _UUID * sum(numbers[size:])
        return cls(numbers[:size], numbers[size:], traces, row_keys, data[uuids:shapes], _shapes(data[shapes:]))

    def all_uuids(self) -> set[bytes]:
        """Every uuid that was sent."""
        uuids = self.uuids
        return {uuids[at : at + 16] for at in range(0, len(uuids), 16)}

    def row_of_uuid(self) -> dict[bytes, int]:
        """Which row each uuid belongs to."""
        uuids, position, found = self.uuids, 0, {}
        for row, count in zip(self.rows, self.counts, strict=True):
            for _ in range(count):
                found[uuids[position : position + 16]] = row
                position += 16
        return found


def _shapes(data: bytes) -> tuple[bytes, ...]:
    found, at = [], 0
    while at < len(data):
        end = at + 1 + data[at]
        found.append(data[at + 1 : end])
        at = end
    return tuple(found)


def newest(rows: Iterable[tuple[int, int, tuple[str, str]]]) -> tuple[list[int], list[int]]:
    """Of (index, arrival number, (data row, model)): the rows that stay and those a newer one supersedes."""
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


def middle(rows: int) -> int:
    """Where a chunk is split: half way, above 16 rows on the nearest multiple of 8 (see split.lua).

    The nearest, so that a row stands alone after no more than log2(rows) splits, rounded up.
    """
    return (rows + 8) // 16 * 8 if rows > 16 else rows // 2
