"""A chunk: its states, its rows by reference, and the pure rules about them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, NamedTuple

from prelabel.wire.frame import MAX_FRAME_ROWS
from prelabel_worker.labelbox.types import SubmitAs

KNOWN_VERSION = 2
"""Newest version of a chunk that this release knows; frames are still of version 1.

See docs/explanation/data-model.md#the-frame. A chunk is of version 2 when its rows are imported as ground truth: a
release before would import them as pre-labels.
"""


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
    """Read the hash of a chunk. Raises ValueError, LookupError or ArithmeticError for what no worker writes.

    Stages and scripts walk its rows and its cursor, so these are within what its items have.
    """
    text = {name.decode(): value.decode() for name, value in fields.items()}

    def number(name: str) -> int:
        return int(float(text.get(name) or 0))

    items = tuple(_items(text["items"]))
    rows = sum(item.high - item.low for item in items)
    if number("rows") != rows:
        raise ValueError(f"rows: expected {rows}, the rows of its items")
    if not 0 <= number("cursor") <= rows:
        raise ValueError(f"cursor: expected 0 to {rows}")
    return Chunk(
        project_id=project_id,
        id=chunk_id,
        token=token,
        taken_ms=now_ms,
        state=State(text["state"]),
        lanes=tuple(int(lane) for lane in text["lanes"].split()),
        rows=rows,
        items=items,
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
        origin_rows=number("originRows") or rows,
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


def middle(rows: int) -> int:
    """Where a chunk is split: half way, above 16 rows on the nearest multiple of 8 (see split.lua).

    The nearest, so that a row stands alone after no more than log2(rows) splits, rounded up.
    """
    return (rows + 8) // 16 * 8 if rows > 16 else rows // 2
