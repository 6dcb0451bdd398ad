"""What a bridge needs to know of a source: `Feed`, and the records that it delivers."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from prelabel.errors import PrelabelError, found_value
from prelabel.mapping import Incoming
from prelabel.messages import MAX_ID

MAX_RECORD_BYTES = 16 * 1024 * 1024
"""Maximum bytes of a record: more than a message may have, since a model's output is longer than its message."""


class SourceAway(PrelabelError):
    """The source does not answer, or refuses; the bridge tries again."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A record that a source delivered, read as far as it can be read."""

    #: Where the record is, for a person who looks for it.
    where: str
    #: Which record of which source it is; the same at every delivery.
    identity: str
    #: What the source needs to acknowledge the record.
    token: Any
    #: The record's bytes, for the file of bad records.
    raw: bytes
    #: The record, or None if it cannot be read.
    incoming: Incoming | None
    #: Why it cannot be read.
    problem: str = ""


class Feed(Protocol):
    """A source of records. All methods but `close` raise SourceAway.

    A feed delivers every record at least once. A record that a process has not acknowledged when it ends, however that
    happens, is delivered again: to the next process, or to another one that shares the work.
    """

    def read(self, max_records: int, seconds: float) -> list[Delivery]:
        """Return the next records, waiting up to `seconds` for the first; none if there were none."""
        ...

    def drained(self) -> bool:
        """Return whether the last `read` returned nothing because the source has nothing more at this moment."""
        ...

    def acknowledge(self, groups: Sequence[Sequence[Delivery]]) -> None:
        """Tell the source that these records need not be delivered again.

        The records of one group became one message. Where the source can only say "all before this one", it may not cut
        a group in two.
        """
        ...

    def hold(self) -> None:
        """Tell the source that the records that are not acknowledged yet are still being worked on; called often."""
        ...

    def close(self) -> None:
        """Leave the source. Records that are not acknowledged are delivered again."""
        ...


def deliver(
    where: str,
    identity: str,
    token: Any,
    raw: bytes,
    header: Mapping[str, str] | None = None,
    record: Mapping[str, Any] | None = None,
) -> Delivery:
    """Return a record with these bytes, which should be JSON."""
    problem, body = "", None
    if len(raw) > MAX_RECORD_BYTES:
        problem = f"expected at most {MAX_RECORD_BYTES:,} bytes, found {len(raw):,}"
    elif not raw.strip():
        problem = "expected JSON, found nothing"
    else:
        try:
            body = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            problem = f"expected JSON: {error}"
    if problem:
        return unreadable(where, identity, token, raw, problem)
    return Delivery(where, identity, token, raw, Incoming(body, header or {}, record=record or {}))


def unreadable(where: str, identity: str, token: Any, raw: bytes, problem: str) -> Delivery:
    """Return a record that cannot be read, and why."""
    return Delivery(where, identity, token, raw, None, problem)


def text_of(value: Any) -> str:
    """Return the text of a header or a key, whatever its bytes are."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else "" if value is None else str(value)


def message_id(identity: str, number: int) -> str:
    """Return the id of the n-th message that a record becomes: the same for every delivery of the record."""
    whole = f"{identity}.{number}" if number else identity
    if len(whole) <= MAX_ID and whole.isprintable():
        return whole
    digest = hashlib.blake2b(whole.encode("utf-8", "replace"), digest_size=24).hexdigest()
    return f"{identity.partition(':')[0]}:{digest}"


def decoded(text: Any, what: str) -> Any:
    """Return the value of JSON that stands in a text. Raises ValueError."""
    if not isinstance(text, str | bytes):
        raise ValueError(f"{what}: expected a text with JSON, found {found_value(text)}")
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"{what}: expected JSON: {error}") from None


def as_bytes(value: Any) -> bytes:
    """Return a value as JSON."""
    return json.dumps(value, default=text_of).encode()
