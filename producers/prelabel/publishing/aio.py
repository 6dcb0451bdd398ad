"""The publisher for asyncio: the same arguments, checks and promises; compression, network and disk off the loop."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self, Unpack

from prelabel.errors import RedisUnavailable
from prelabel.messages import Model
from prelabel.publishing.publisher import CLOSE_SECONDS, Publisher, PublisherOptions
from prelabel.validation.gate import Message, Prepared


@dataclass
class _Turns:
    """Who waits for room in one project's buffer, first come first served."""

    waiting: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class AsyncPublisher:
    """A `Publisher` to await: takes the same arguments, keeps the same promises, and never holds up the event loop.

    Messages published one after the other are sent in this order, awaited one by one or gathered. A `publish()` that
    is cancelled has not taken its message; a `flush()` that is cancelled leaves the rows on their way. For one event
    loop; threads publish through a `Publisher`.
    """

    def __init__(self, redis_url: str, **options: Unpack[PublisherOptions]) -> None:
        self._publisher = Publisher(redis_url, **options)
        self._turns: dict[str, _Turns] = {}

    async def publish(
        self, message: Message, *, project_id: str | None = None, model: Model | str | None = None
    ) -> str:
        """Take a message and return its id; while the buffer is full, await room for up to `block_seconds`.

        The message may be a label of Labelbox's SDK, as in `Publisher.publish`.
        Raises MessageError, BufferFull or PublisherClosed, as `Publisher.publish` does; nothing was taken then.
        """
        prepared = self._publisher._prepare(message, project_id, model)
        if prepared.project_id in self._turns or not self._publisher._offer(prepared, 0.0):
            await self._wait_for_room(prepared)
        return prepared.message_id

    async def flush(self, timeout: float | None = None) -> None:
        """Return when Redis has every message published before this call. Raises as `Publisher.flush` does."""
        flush = self._publisher._begin_flush()
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._until(flush.is_over)
        if flush.left():
            raise RedisUnavailable(self._publisher._trouble(flush.left()))
        self._publisher._tell_of_set_aside()

    async def close(self, timeout: float = CLOSE_SECONDS) -> None:
        """Flush and stop, in a thread. Raises as `Publisher.close` does; goes on when it is cancelled."""
        await asyncio.to_thread(self._publisher.close, timeout)

    @property
    def spooled_rows(self) -> int:
        """Rows that are on the disk, and that Redis does not have yet as far as is known."""
        return self._publisher.spooled_rows

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _wait_for_room(self, prepared: Prepared) -> None:
        """Queue behind those who came first; between taking the message and returning nothing is awaited."""
        project_id = prepared.project_id
        turns = self._turns.setdefault(project_id, _Turns())
        turns.waiting += 1
        try:
            async with asyncio.timeout(self._publisher._block_seconds), turns.lock:
                await self._until(lambda: self._publisher._offer(prepared, 0.0))
        except TimeoutError:
            raise self._publisher._no_room(project_id) from None
        finally:
            turns.waiting -= 1
            if not turns.waiting:
                del self._turns[project_id]

    async def _until(self, done: Callable[[], bool]) -> None:
        loop, changed = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(changed.set)

        stop = self._publisher._listen(wake)
        try:
            while not done():
                await changed.wait()
                changed.clear()
        finally:
            stop()
