"""Rows that are held outside a chunk: their state, their details, and the message as it came. No I/O.

The state is defined in held_state.py. The body is one line of JSON, the details, and then the message byte for byte.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from prelabel.errors import Reason
from prelabel_worker.chunks.held_state import HeldState
from prelabel_worker.chunks.history import trace_of
from prelabel_worker.chunks.rows import ChunkRow, RowOutcome, Unreadable
from prelabel_worker.rendering import identity

_NUMBERS = re.compile(r"\d+")
_QUOTED_VALUE = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|c[a-z0-9]{24}|\d+")


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row is held: the reason, and details that a program can read."""

    reason: Reason
    details: Mapping[str, Any]

    @property
    def fingerprint(self) -> str:
        """Equal for problems that differ only in numbers, ids and positions: what dead letters are grouped by."""
        shape = [self.reason.value]
        for name in ("path", "expected", "hint"):
            shape.append(_NUMBERS.sub("#", str(self.details.get(name) or "")))
        for error in self.details.get("errors", ())[:1]:
            shape.append(_QUOTED_VALUE.sub("#", f"{error.get('name')} {error.get('message')}"))
        return hashlib.blake2b("\0".join(shape).encode(), digest_size=6).hexdigest()


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
        group=problem.fingerprint,
        row=facts.row_key or None,
        message=facts.message_id or None,
        due=retry_in_ms,
        retrying=retrying,
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
        group=problem.fingerprint,
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
    try:
        message = orjson.loads(raw)
        data_row, model = message.get("dataRow") or {}, message.get("model") or {}
        row_id, global_key = data_row.get("id"), data_row.get("globalKey")
        name, message_id = model.get("name") or "", message.get("messageId")
    except (orjson.JSONDecodeError, AttributeError):
        return RowFacts()
    key = f"i:{row_id}" if isinstance(row_id, str) else f"k:{global_key}" if isinstance(global_key, str) else ""
    if not key or not isinstance(name, str):
        return RowFacts(message_id=message_id if isinstance(message_id, str) else None)
    return RowFacts(identity.row_key(key, name), key, name, message_id if isinstance(message_id, str) else None)
