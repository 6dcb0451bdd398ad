"""Takes the rows of one request: each is read, mapped, checked and handed to the publisher, or gets the reason."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from prelabel.errors import BufferFull, MessageError
from prelabel.gateway.bodies import Line, too_long
from prelabel.gateway.events import Event
from prelabel.gateway.inference import decoded
from prelabel.gateway.problems import Problem
from prelabel.gateway.publisher import GatewayPublisher
from prelabel.gateway.results import Results
from prelabel.gateway.settings import Limits
from prelabel.mapping import Incoming, PredictionMapping
from prelabel.mapping.mapping import key_of
from prelabel.validation.gate import Prepared

_ROWS_AT_ONCE = 256
"""Rows after which other requests get their turn."""

Read = Callable[[int, bytes], list[Prepared]]
"""Returns the checked messages of a row, given its number and bytes. Raises MessageError."""


class Intake:
    """The rows of one request."""

    def __init__(self, publisher: GatewayPublisher, read: Read, limits: Limits, results: Results) -> None:
        self._publisher = publisher
        self._read = read
        self._limits = limits
        self._taken = 0
        #: Projects without room: their later rows must not overtake the first that was not taken.
        self._full: set[str] = set()
        self._results = results

    async def take(self, row: int, raw: Line) -> None:
        """Take a row. Raises Problem when there are too many."""
        self._taken += 1
        if self._taken > self._limits.rows:
            raise Problem(413, f"a request may have {self._limits.rows:,} rows: send the rows behind them in another")
        if self._taken % _ROWS_AT_ONCE == 0:
            await asyncio.sleep(0)
        try:
            if raw is None:
                raise too_long()
            prepared = self._read(row, raw)
        except MessageError as error:
            self._results.refused(row, error)
            return
        if prepared:
            await self._accept(row, prepared)
        else:
            self._results.left_out(row)

    async def _accept(self, row: int, prepared: list[Prepared]) -> None:
        projects: tuple[str, ...] = (prepared[0].project_id,)
        if len(prepared) > 1:
            projects = tuple([message.project_id for message in prepared])
        if self._full and not self._full.isdisjoint(projects):
            self._results.not_taken(row)
            return
        try:
            for message in prepared:
                await self._publisher.accept(message)
        except BufferFull:
            self._full.update(projects)
            self._results.not_taken(row)
        else:
            self._results.accepted(row, [message.message_id for message in prepared], projects)


def reader_of_messages(
    publisher: GatewayPublisher, mapping: PredictionMapping | None, headers: Mapping[str, str]
) -> Read:
    """Return how rows become messages: by the mapping, or as they are without one."""
    if mapping is None:
        return lambda _row, raw: [publisher.check(raw)]

    def read(row: int, raw: bytes) -> list[Prepared]:
        messages = mapping.messages(Incoming(decoded(raw, headers), headers, record={"line": str(row)}))
        return [publisher.check(message) for message in messages]

    return read


def reader_of_events(
    publisher: GatewayPublisher, mapping: PredictionMapping | None, event_of: Callable[[bytes], Event]
) -> Read:
    """Return how events become messages: by the mapping, with an id of the event's own."""
    known = mapping or PredictionMapping()

    def read(_row: int, raw: bytes) -> list[Prepared]:
        event = event_of(raw)
        if event.is_request:
            return []
        return [publisher.check(message) for message in _identified(known.messages(event.incoming), event.message_id)]

    return read


def _identified(messages: list[dict[str, Any]], message_id: str) -> Iterator[dict[str, Any]]:
    """Yield messages with the id of their event; those of further data rows of a batch have a number behind it."""
    rows: dict[str, int] = {}
    for message in messages:
        row = rows.setdefault(key_of(message), len(rows))
        own = f"{message_id}.{row}" if row else message_id
        yield message if message.get("messageId") is not None else {**message, "messageId": own}
