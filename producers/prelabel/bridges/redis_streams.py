"""A Redis stream, read in a consumer group, as DeepStream and Redpanda Connect write one."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import redis

from prelabel.bridges.feed import Delivery, SourceAway, as_bytes, deliver, text_of, unreadable
from prelabel.wire.client import Client, explained, node_of, remedy_of

BODY_FIELDS = ("metadata", "body", "payload", "data")
"""Fields that hold the record, unless one is named: DeepStream's and Redpanda Connect's, then usual ones."""
_HOLD_SHARE = 3


class RedisStream:
    """The records of one stream that a consumer group gives to this consumer.

    First come the records that this consumer got before it ended; then new ones, and those that other consumers have
    not acknowledged for `claim_seconds`.
    """

    def __init__(
        self,
        client: Client,
        place: str,
        stream: str,
        group: str,
        consumer: str,
        *,
        field: str | None = None,
        claim_seconds: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._place = place
        self._stream = stream
        self._group = group
        self._consumer = consumer
        self._field = field
        self._claim_seconds = claim_seconds
        self._clock = clock
        #: Where to continue with the records that this consumer has already got; None when there are no more.
        self._own: str | None = "0"
        self._in_flight: set[str] = set()
        self._drained = False
        self._claimed = self._held = clock()
        self._more_to_claim = True
        self._cursor = "0-0"

    def read(self, max_records: int, seconds: float) -> list[Delivery]:
        """Return records in the order of the stream, except those of consumers that ended."""
        self._drained = False
        with self._errors():
            if self._own is not None:
                deliveries = self._own_records(max_records)
            elif self._more_to_claim or self._clock() - self._claimed >= self._claim_seconds / 2:
                deliveries = self._claim(max_records)
            else:
                deliveries = self._new_records(max_records, seconds)
                self._drained = not deliveries
        self._in_flight.update(delivery.token for delivery in deliveries)
        return deliveries

    def drained(self) -> bool:
        """Return whether there was nothing new and nothing to claim."""
        return self._drained

    def acknowledge(self, groups: Sequence[Sequence[Delivery]]) -> None:
        """Acknowledge records: those of a group in one command."""
        ids = [delivery.token for group in groups for delivery in group]
        with self._errors():
            self._server.xack(self._stream, self._group, *ids)
        self._in_flight.difference_update(ids)

    def hold(self) -> None:
        """Start the time anew after which another consumer claims the records."""
        if self._in_flight and self._clock() - self._held >= self._claim_seconds / _HOLD_SHARE:
            self._held = self._clock()
            with self._errors():
                self._server.xclaim(
                    self._stream, self._group, self._consumer, 0, list(self._in_flight), justid=True
                )  # fmt: skip

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    @property
    def _server(self) -> Client:
        return node_of(self._client, self._stream)

    def _own_records(self, max_records: int) -> list[Delivery]:
        entries = self._read_group(self._own or "0", max_records, None)
        self._own = entries[-1][0] if entries else None
        return self._deliveries(entries)

    def _new_records(self, max_records: int, seconds: float) -> list[Delivery]:
        return self._deliveries(self._read_group(">", max_records, max(1, int(seconds * 1000))))

    def _claim(self, max_records: int) -> list[Delivery]:
        idle = int(self._claim_seconds * 1000)
        answer = self._server.xautoclaim(
            self._stream, self._group, self._consumer, idle, self._cursor, count=max_records
        )  # fmt: skip
        self._cursor = text_of(answer[0])
        self._more_to_claim = self._cursor != "0-0"
        self._claimed = self._clock()
        gone = [(text_of(name), None) for name in answer[2]] if len(answer) > 2 else []
        return self._deliveries([*_entries(answer[1]), *gone])

    def _read_group(self, after: str, max_records: int, block: int | None) -> list[tuple[str, Any]]:
        try:
            answer = self._server.xreadgroup(
                self._group, self._consumer, {self._stream: after}, count=max_records, block=block
            )  # fmt: skip
        except redis.ResponseError as error:
            if not str(error).startswith("NOGROUP"):
                raise
            self._create_group()
            return []
        return _entries(_of_stream(answer))

    def _create_group(self) -> None:
        try:
            self._server.xgroup_create(self._stream, self._group, "0", mkstream=True)
        except redis.ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise

    def _deliveries(self, entries: Iterable[tuple[str, Any]]) -> list[Delivery]:
        return [self._delivery(name, fields) for name, fields in entries if name not in self._in_flight]

    def _delivery(self, name: str, fields: Mapping[Any, Any] | None) -> Delivery:
        where, identity = f"{self._stream} {name}", f"redis:{self._stream}:{name}"
        if not fields:
            problem = "the stream was trimmed before the record was read: give it a greater maximum length"
            return unreadable(where, identity, name, b"", problem)
        texts = {text_of(key): value for key, value in fields.items()}
        at = self._field or next((key for key in BODY_FIELDS if key in texts), None)
        if at is None and len(texts) == 1:
            at = next(iter(texts))
        if at not in texts:
            expected = f"the field {self._field}" if self._field else f"one of {', '.join(BODY_FIELDS)}, or --field"
            raw = as_bytes({key: text_of(value) for key, value in texts.items()})
            return unreadable(where, identity, name, raw, f"expected {expected}, found {', '.join(sorted(texts))}")
        header = {key.lower(): text_of(value) for key, value in texts.items() if key != at}
        return deliver(where, identity, name, texts[at], header, {"stream": self._stream, "id": name})

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except redis.ResponseError as error:
            if str(error).startswith("NOGROUP"):
                self._create_group()
            self._own = "0"
            raise SourceAway(f"{self._place} {explained(error, remedy_of(error))}") from None
        except (redis.RedisError, OSError) as error:
            # An answer with records may be lost: the server counts them as delivered, so they are asked for again.
            self._own = "0"
            raise SourceAway(f"{self._place} {explained(error, remedy_of(error))}") from None


def _of_stream(answer: Any) -> Any:
    """Return the entries of the one stream that was asked for: RESP2 answers with a list, RESP3 with a map."""
    if not answer:
        return []
    if isinstance(answer, Mapping):
        entries = next(iter(answer.values()))
        return entries[0] if len(entries) == 1 and isinstance(entries[0], list) else entries
    return answer[0][1]


def _entries(entries: Iterable[Any]) -> list[tuple[str, Any]]:
    return [(text_of(entry[0]), entry[1]) for entry in entries if entry and entry[0] is not None]
