"""A chunk: its states, its rows by reference, and the pure rules about them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, NamedTuple

from prelabel.wire.frame import MAX_FRAME_ROWS
from prelabel_worker.labelbox.types import SubmitAs

_AGES = re.compile(r"(?:-1|\d{1,15})(?: (?:-1|\d{1,15}))*")
KNOWN_VERSION = 3
"""Newest version of a chunk that this release knows: that of frames which several lanes share.

See docs/explanation/data-model.md#versions.
"""
GROUND_TRUTH_VERSION = 2
"""The version of a chunk whose rows are imported as ground truth: an older release would import them as pre-labels."""


class State(StrEnum):
    """Where a chunk is on its way. A chunk that was split or settled no longer exists."""

    OPEN = "open"
    SUBMITTING = "submitting"
    WAITING = "waiting"
    UNCERTAIN = "uncertain"
    RUNNING = "running"


class Verdict(StrEnum):
    """How an import ended: Labelbox's two final states, and two for imports that will never reach one."""

    FINISHED = "FINISHED"
    FAILED = "FAILED"
    LOST = "lost"
    OVERDUE = "overdue"


@dataclass(frozen=True, slots=True)
class Defect:
    """A defect of ours that a stage met with a chunk. It quotes neither a row nor an answer of Labelbox."""

    #: Number of defects in a row, this one included.
    count: int
    #: The stage, the error's type and its place in the code.
    what: str
    #: Whether the chunk is stuck now: it is looked at less often, and shown to operators.
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
    """A chunk as its holder took it: the hash `chunk:<id>`. All times are Redis's, in milliseconds."""

    #: The project of all its rows.
    project_id: str
    #: The chunk's id, which its import's name contains.
    id: str
    #: The lease's token: only its holder can change the chunk.
    token: str
    #: When this lease was taken.
    taken_ms: int
    #: Where it is on its way.
    state: State
    #: The lanes that it blocks: rows of these lanes wait until it ends.
    lanes: tuple[int, ...]
    #: Number of its rows.
    rows: int
    #: The frames and held rows that its rows are read from.
    items: tuple[Item, ...]
    #: When it was cut from the inbox.
    cut_ms: int
    #: Number of times that it was sent.
    attempt: int
    #: Number of failed requests in a row.
    failures: int
    #: Index of the first row whose outcome is not committed yet; settling resumes there.
    cursor: int
    #: Number of rows that were settled.
    settled: int
    #: Number of rows that got their outcome before the import was sent.
    aside: int
    #: The import's name; empty before it is recorded.
    name: str
    #: Labelbox's id of the import; empty before Labelbox accepted it.
    import_id: str
    #: Until when an upload without an answer may still appear as an import.
    maybe_until_ms: int
    #: When Labelbox accepted the import.
    running_ms: int
    #: The place in the line for a permit; 0 for none.
    permit_ms: int
    #: How the import ended; None while it runs.
    verdict: Verdict | None
    #: Address of the import's status file.
    status_url: str
    #: Address of the file of errors of an import that failed as a whole.
    error_url: str
    #: The account that the import was sent with; before that, the project's. Empty for the account of the settings.
    account: str
    #: What the import makes of its annotations; before it is sent, the project's choice.
    submit_as: SubmitAs
    #: The project's policy for rows that were imported before: `skip`, `dead-letter`, or empty for override.
    policy: str
    #: The chunk that a bisection began with; the chunk's own id without one.
    origin: str
    #: Number of rows of that chunk.
    origin_rows: int
    #: Number of uploads without an answer.
    unanswered: int
    #: Number of look-ups in a row that did not find the import.
    misses: int
    #: A state of the import that this release does not know; empty for none.
    odd_state: str
    #: Number of defects in a row that its stages met; the hash has the last one as `defect`.
    defects: int = 0
    #: Whether its project is being purged: what was not sent must not be sent any more.
    purging: bool = False
    #: For how many ms the rows of an item had been published when the chunk was cut, by item; -1 where that is not
    #: known. Empty if an older release cut the chunk.
    ages_ms: tuple[int, ...] = ()

    @property
    def pending(self) -> int:
        """Rows of this chunk that have no outcome yet."""
        return self.rows - self.aside - self.settled

    def published_ms(self, item: int) -> int:
        """Return when the rows of the item at this place were published; 0 if that is not known."""
        age = self.ages_ms[item] if self.ages_ms else -1
        return self.cut_ms - age if age >= 0 else 0


def chunk_from_fields(project_id: str, chunk_id: str, token: str, now_ms: int, fields: Mapping[bytes, bytes]) -> Chunk:
    """Read the hash of a chunk. Raises ValueError, LookupError or ArithmeticError for a hash that no worker wrote.

    Stages and scripts loop over the rows up to the cursor, so both are checked against the items.
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
        purging=bool(text.get("purging")),
        ages_ms=_ages(text.get("ages", ""), len(items)),
    )


def _items(text: str) -> Iterator[Item]:
    for line in text.splitlines():
        kind, item_id, low, high, seq = line.split(" ")
        # An entry written past publish.lua may claim any number, and stages walk the rows.
        if not 0 <= int(low) <= int(high) <= MAX_FRAME_ROWS:
            raise ValueError(f"rows of an item: expected 0 to {MAX_FRAME_ROWS}")
        yield Item("h" if kind == "h" else "f", item_id, int(low), int(high), int(seq))


def _ages(text: str, items: int) -> tuple[int, ...]:
    """Read the ages of the items. They are for statistics only, so a chunk without all of them has none."""
    if not _AGES.fullmatch(text):
        return ()
    ages = tuple(map(int, text.split(" ")))
    return ages if len(ages) == items else ()


def middle(rows: int) -> int:
    """Return the row at which a chunk is split: in the middle, above 16 rows at the nearest multiple of 8 (split.lua).

    With the nearest multiple a row is alone after at most log2(rows) splits, rounded up.
    """
    return (rows + 8) // 16 * 8 if rows > 16 else rows // 2
