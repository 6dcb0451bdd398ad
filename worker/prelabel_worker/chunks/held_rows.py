"""Rows that are held outside a chunk: their state, their details, and the message as it came. No I/O.

The state is defined in held_state.py. The body is one line of JSON, the details, and then the message byte for byte.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from prelabel.errors import Reason
from prelabel.validation.readable import facts_of_message
from prelabel_worker.chunks.fingerprint import fingerprint
from prelabel_worker.chunks.held_state import HeldState
from prelabel_worker.chunks.history import trace_of
from prelabel_worker.chunks.rows import ChunkRow, RowOutcome, Unreadable
from prelabel_worker.rendering import identity


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row is held: the reason, and details that a program can read."""

    reason: Reason
    details: Mapping[str, Any]

    def fingerprint(self, facts: "RowFacts") -> str:
        """Return what dead letters are grouped by: the same for all rows with this cause."""
        return fingerprint(self.reason, self.details, (facts.data_row_key[2:], facts.message_id or ""))


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a row was when it was held."""

    stage: str
    chunk_id: str
    import_name: str = ""


@dataclass(frozen=True, slots=True)
class RowFacts:
    """Facts that a message states about itself; empty where it cannot be read."""

    row_key: str = ""
    data_row_key: str = ""
    model: str = ""
    message_id: str | None = None
    slow: int = 0


def held_row(
    row: ChunkRow,
    problem: Problem,
    origin: Origin,
    facts: RowFacts,
    retry_in_ms: int | None = None,
    *,
    retrying: bool = False,
) -> RowOutcome:
    """Return the outcome of a row that is held: tried again after a delay, retried up to the horizon, or dead."""
    state = HeldState(
        seq=row.seq,
        lane=row.lane,
        weight=1,
        bytes=len(row.raw),
        slow=facts.slow,
        reason=problem.reason.value,
        group=problem.fingerprint(facts),
        row=facts.row_key or None,
        message=facts.message_id or None,
        due=retry_in_ms,
        retrying=retrying,
        published=row.published_ms,
    )
    details = {
        **problem.details,
        "messageId": facts.message_id,
        "dataRow": facts.data_row_key,
        "model": facts.model,
        **_origin(origin),
    }
    held_id = row.held_id or str(row.seq)
    trace = trace_of(facts.data_row_key, facts.message_id)
    return RowOutcome("held", row.index, 1, held_id, state, orjson.dumps(details) + b"\n" + row.raw, trace)


def held_frame(frame: Unreadable, origin: Origin) -> RowOutcome:
    """Return the outcome of a frame that cannot be read: one dead letter that counts as all its rows."""
    details = {"path": "", "found": frame.problem, "expected": "a frame that can be read"}
    problem = Problem(Reason.UNREADABLE_FRAME, details)
    state = HeldState(
        seq=frame.seq,
        lane=frame.lane,
        weight=frame.rows,
        bytes=len(frame.raw),
        slow=0,
        reason=problem.reason.value,
        group=problem.fingerprint(RowFacts()),
        published=frame.published_ms,
    )
    body = orjson.dumps({**details, **_origin(origin)}) + b"\n" + frame.raw
    return RowOutcome("held", frame.index, frame.rows, frame.held_id, state, body)


def _origin(origin: Origin) -> dict[str, str]:
    return {"stage": origin.stage, "chunk": origin.chunk_id, "import": origin.import_name}


def split_body(body: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the details and the message of a stored body."""
    details, _, payload = body.partition(b"\n")
    return orjson.loads(details), payload


def facts_of(raw: bytes) -> RowFacts:
    """Return what can be read of a refused message: enough to find it again and to supersede it."""
    facts = facts_of_message(raw)
    key = "".join(f"{'i' if form == 'id' else 'k'}:{value}" for form, value in (facts.data_row or {}).items())
    row_key = identity.row_key(key, facts.model) if key and facts.model is not None else ""
    return RowFacts(row_key, key, facts.model or "", facts.message_id)
