"""A stream of NATS JetStream, read by a durable pull consumer (extra `nats`)."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import TimeoutError as NotInTime
from typing import Any, TypeVar

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from prelabel.bridges.feed import Delivery, SourceAway, deliver

T = TypeVar("T")
_ANSWER_SECONDS = 10.0
_HOLD_SHARE = 3


class JetStream:
    """The messages of a subject. Processes that share a durable consumer share the work.

    The client lives on a thread of its own, so that it answers the server while the bridge works or waits.
    """

    def __init__(
        self,
        url: str,
        subject: str,
        durable: str,
        *,
        credentials: str | None = None,
        ack_seconds: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._subject = subject
        self._durable = durable
        self._credentials = credentials
        self._ack_seconds = ack_seconds
        self._clock = clock
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="prelabel-nats", daemon=True)
        self._thread.start()
        self._client: Client | None = None
        self._subscription: Any = None
        self._in_flight: dict[str, Msg] = {}
        self._held = clock()
        self._drained = False
        self._error = ""

    def read(self, max_records: int, seconds: float) -> list[Delivery]:
        """Return messages in the order of the stream, as far as none is delivered again."""
        self._drained = False
        messages = self._do(self._fetch(max_records, seconds), seconds + _ANSWER_SECONDS)
        self._drained = not messages
        deliveries = [self._delivery(message) for message in messages]
        self._in_flight.update((delivery.identity, delivery.token) for delivery in deliveries)
        return deliveries

    def drained(self) -> bool:
        """Return whether the stream had nothing more."""
        return self._drained

    def acknowledge(self, groups: Sequence[Sequence[Delivery]]) -> None:
        """Acknowledge each message, and wait until the server has all acknowledgements."""
        deliveries = [delivery for group in groups for delivery in group]
        self._do(self._ack([delivery.token for delivery in deliveries]), _ANSWER_SECONDS)
        for delivery in deliveries:
            self._in_flight.pop(delivery.identity, None)

    def hold(self) -> None:
        """Start the time anew after which the server delivers the messages again."""
        if self._clock() - self._held >= self._ack_seconds / _HOLD_SHARE:
            self._held = self._clock()
            self._do(self._work_on(list(self._in_flight.values())), _ANSWER_SECONDS)

    def close(self) -> None:
        """Close the connection."""
        try:
            if self._client is not None:
                self._do(self._client.close(), _ANSWER_SECONDS)
        except SourceAway:
            pass  # the process ends anyway
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_ANSWER_SECONDS)
            if not self._thread.is_alive():
                self._loop.close()

    def _do(self, work: Coroutine[Any, Any, T], seconds: float) -> T:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(seconds)
        except (nats.errors.Error, OSError, NotInTime) as error:
            future.cancel()
            words = str(error) or self._error or type(error).__name__
            raise SourceAway(f"NATS for {self._subject}: {words}") from None

    async def _fetch(self, max_records: int, seconds: float) -> list[Msg]:
        if self._subscription is None:
            await self._subscribe()
        try:
            return list(await self._subscription.fetch(max_records, timeout=seconds))
        except TimeoutError:  # nats-py raises its own or the built-in one, depending on when its time is over
            if self._client is not None and not self._client.is_connected:
                raise nats.errors.ConnectionClosedError from None
            return []

    async def _subscribe(self) -> None:
        if self._client is None:
            self._client = await nats.connect(
                self._url, error_cb=self._note, user_credentials=self._credentials, name="prelabel-bridge",
                max_reconnect_attempts=-1, allow_reconnect=True, connect_timeout=5,
            )  # fmt: skip
        config = ConsumerConfig(
            durable_name=self._durable, ack_policy=AckPolicy.EXPLICIT, deliver_policy=DeliverPolicy.ALL,
            ack_wait=self._ack_seconds, max_deliver=-1,
        )  # fmt: skip
        stream = self._client.jetstream()
        self._subscription = await stream.pull_subscribe(self._subject, durable=self._durable, config=config)

    async def _ack(self, messages: list[Msg]) -> None:
        for message in messages:
            if not message.is_acked:
                await message.ack()
        if self._client is not None:
            await self._client.flush()

    async def _work_on(self, messages: list[Msg]) -> None:
        for message in messages:
            if not message.is_acked:
                await message.in_progress()

    async def _note(self, error: Exception) -> None:
        self._error = str(error)

    def _delivery(self, message: Msg) -> Delivery:
        facts = message.metadata
        sequence = facts.sequence.stream
        header = {name.lower(): value for name, value in (message.headers or {}).items()}
        record = {"subject": message.subject, "stream": facts.stream, "sequence": sequence}
        identity = f"nats:{facts.stream}:{sequence}"
        return deliver(f"{facts.stream} at {sequence}", identity, message, message.data, header, record)
