"""The publisher for asyncio: the same arguments, checks and promises as `Publisher`.

Compression, network and disk are left to threads, so that they do not block the event loop.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self

from prelabel.publishing.options import TIMEOUT
from prelabel.publishing.publisher import CLOSE_SECONDS, PublisherBase

if TYPE_CHECKING:
    from prelabel.messages import Model
    from prelabel.validation.gate import Message, Prepared


@dataclass
class _Queue:
    """The tasks that wait for room in one project's buffer, in the order in which they came."""

    waiting: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class AsyncPublisher(PublisherBase):
    """A `Publisher` to await: takes the same arguments, keeps the same promises, and never blocks the event loop.

    Messages published one after the other are sent in this order, whether awaited one by one or gathered. A `publish()`
    that is cancelled has not accepted its message; after a `flush()` that is cancelled, the publisher continues to send
    the rows. Use it in one event loop only; for threads there is `Publisher`.
    """

    @cached_property
    def _queues(self) -> dict[str, _Queue]:
        return {}

    async def publish(
        self, message: "Message", *, project_id: str | None = None, model: "Model | str | None" = None
    ) -> str:
        """Accept a message and return its id; while the buffer is full, await room for up to `block_seconds`.

        The message may be a label of Labelbox's SDK, and a `mapping` applies, as in `Publisher.publish`. Raises
        MessageError, BufferFull or PublisherClosed, as `Publisher.publish` does; then the message was not accepted.
        """
        prepared = self._core.prepare(message, project_id, model)
        for one in prepared:
            await self._accept(one)
        return prepared[0].message_id if prepared else ""

    async def flush(self, timeout: float | None = None) -> None:
        """Wait until Redis has every message published before this call. Raises as `Publisher.flush` does."""
        TIMEOUT("timeout", timeout)
        flush = self._core.outboxes.begin_flush()
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._until(flush.is_over)
        self._core.check_flushed(flush)

    async def close(self, timeout: float = CLOSE_SECONDS) -> None:
        """Flush and stop, in a thread, which continues after a cancellation. Raises as `Publisher.close` does."""
        await asyncio.to_thread(self._core.close, timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _accept(self, prepared: "Prepared") -> None:
        """Accept a checked message; while the buffer is full, wait for room. Raises BufferFull, PublisherClosed."""
        if prepared.project_id in self._queues or not self._core.offer(prepared, 0.0):
            await self._wait_for_room(prepared)

    async def _wait_for_room(self, prepared: "Prepared") -> None:
        """Wait in line for room. After the message is accepted, nothing is awaited, so it cannot be cancelled then."""
        project_id = prepared.project_id
        queue = self._queues.setdefault(project_id, _Queue())
        queue.waiting += 1
        try:
            async with asyncio.timeout(self._core.wait_seconds), queue.lock:
                await self._until(lambda: self._core.offer(prepared, 0.0))
        except TimeoutError:
            raise self._core.buffer_full(project_id) from None
        finally:
            queue.waiting -= 1
            if not queue.waiting:
                del self._queues[project_id]

    async def _until(self, done: Callable[[], bool]) -> None:
        loop, changed = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(changed.set)

        stop = self._core.outboxes.listen(wake)
        try:
            while not done():
                await changed.wait()
                changed.clear()
        finally:
            stop()
