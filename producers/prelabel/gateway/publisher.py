"""The publisher behind the door: it accepts checked messages, and says where rows are safe."""

import asyncio
from collections.abc import Collection
from contextlib import suppress

from prelabel.gateway.results import Durable
from prelabel.publishing.aio import AsyncPublisher
from prelabel.publishing.outboxes import Flush
from prelabel.validation.gate import Message, Prepared


class GatewayPublisher(AsyncPublisher):
    """Accepts messages in two steps, and waits for the rows of single projects."""

    def check(self, message: Message) -> Prepared:
        """Check a message without accepting it. Raises MessageError."""
        return self._core.prepare(message, None, None)[0]  # one, since the publisher itself has no mapping

    async def accept(self, prepared: Prepared) -> None:
        """Accept a checked message, and wait for room if the buffer is full. Raises BufferFull, PublisherClosed."""
        await self._accept(prepared)

    async def settle(self, projects: Collection[str], seconds: float, *, by_disk: bool) -> dict[str, Durable | None]:
        """Wait until all rows of these projects are in Redis or on the disk; return where those of each project are.

        None stands for rows that are in memory only when the time is over, or when Redis refuses this publisher and
        there is no disk. `by_disk` writes to the disk first, if there is one.
        """
        outboxes = self._core.outboxes
        flushes = {name: outboxes.begin_flush((name,), by_disk=by_disk) for name in projects}

        def safe() -> bool:
            return all(
                not flush.in_memory() or (flush.is_refused() and not self.has_spool) for flush in flushes.values()
            )

        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._until(safe)
        return {name: _place(flush) for name, flush in flushes.items()}

    @property
    def has_spool(self) -> bool:
        """Return whether rows that Redis does not accept go to a disk."""
        return self._core.settings.spool_folder is not None

    @property
    def rows_in_memory(self) -> int:
        """Return the number of rows that a crash would lose."""
        return self._core.outboxes.rows_in_memory()

    @property
    def redis_is_away(self) -> bool:
        """Return whether Redis did not accept the last send, for a cause that concerns all projects."""
        return self._core.outboxes.health.is_away

    @property
    def redis_cause(self) -> str:
        """Return why Redis accepts nothing, without a secret; empty while nothing is wrong."""
        return self._core.outboxes.health.cause


def _place(flush: Flush) -> Durable | None:
    if flush.in_memory():
        return None
    return "disk" if flush.remaining() else "redis"
