"""Publishers for unit tests: they check messages as the real publishers do, and keep them instead of sending them.

    with recording_publisher() as publisher:
        my_code(publisher)
    assert publisher.published("my-project")[0].data_row == GlobalKey("cam-1/000184.jpg")

They need no Redis and start no threads. A message is refused for the same reasons, with the same errors.
"""

import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from prelabel.errors import BufferFull, PrelabelError, PublisherClosed, RedisUnavailable
from prelabel.messages import DataRow, DataRowId, GlobalKey, Model, PredictionMessage
from prelabel.printing import and_more
from prelabel.publishing.aio import AsyncPublisher
from prelabel.publishing.options import Check, is_mapping, whole
from prelabel.publishing.publisher import CLOSE_SECONDS, Publisher
from prelabel.validation.gate import MAX_MESSAGE_BYTES, Message, Prepared, prepare

if TYPE_CHECKING:
    from prelabel.mapping import PredictionMapping

Failure = PrelabelError | type[PrelabelError]
_FAILURE = Check(
    "an error of prelabel, its class, or None",
    lambda value: (
        value is None
        or isinstance(value, PrelabelError)
        or (isinstance(value, type) and issubclass(value, PrelabelError))
    ),
)
_SHOWN = 10


class Recorder:
    """The published messages; the base of both recording publishers.

    `fail_with` is an error, or an error class, that calls raise from now on: `flush` and `close` raise it if it is
    RedisUnavailable, `publish` raises any other. Set it to None to stop. `unflushed` counts the messages published
    since the last flush. A `mapping` applies as in the real publishers.
    """

    def __init__(
        self,
        fail_with: Failure | None = None,
        max_bytes: int = MAX_MESSAGE_BYTES,
        mapping: "PredictionMapping | None" = None,
    ) -> None:
        _FAILURE("fail_with", fail_with)
        is_mapping("mapping", mapping)
        whole(MAX_MESSAGE_BYTES)("max_bytes", max_bytes)
        self.fail_with = fail_with
        self.unflushed = 0
        self._max_bytes = max_bytes
        self._mapping = mapping
        self._messages: list[PredictionMessage] = []
        self._closed = False
        self._lock = threading.Lock()

    def published(self, project_id: str | None = None) -> list[PredictionMessage]:
        """Return the published messages of one project, or of all, in order."""
        with self._lock:
            return [message for message in self._messages if project_id in (None, message.project_id)]

    def assert_published(
        self,
        project_id: str | None = None,
        *,
        data_row: DataRow | str | None = None,
        model: str | None = None,
        count: int | None = None,
    ) -> list[PredictionMessage]:
        """Return the messages of this project, data row (a string is a global key) and model name, in order.

        Raises AssertionError, which lists the published messages, if there are none, or not exactly `count`.
        """
        key = GlobalKey(data_row) if isinstance(data_row, str) else data_row
        messages = [message for message in self.published(project_id) if _fits(message, key, model)]
        if (not messages) if count is None else len(messages) != count:
            filters = {"project": project_id, "data row": key and _key_of(key), "model": model}
            described = ", ".join(f"{name} {value!r}" for name, value in filters.items() if value is not None)
            expected = "at least one message" if count is None else f"{count} messages"
            raise AssertionError(
                f"expected {expected} for {described or 'anything'}, "
                f"found {len(messages)}; published were{_listed(self.published())}"
            )
        return messages

    def assert_nothing_published(self, project_id: str | None = None) -> None:
        """Raise AssertionError, which lists the messages, if any were published for this project, or for any."""
        messages = self.published(project_id)
        if messages:
            raise AssertionError(f"expected no message, published were{_listed(messages)}")

    @property
    def spooled_rows(self) -> int:
        """Return zero, since there is no spool."""
        return 0

    def _take(self, message: Message, project_id: str | None, model: Model | str | None) -> str:
        prepared = self._prepared(message, project_id, model)
        if self.fail_with is not None and not _is_for_flush(self.fail_with):
            raise _instance(self.fail_with)
        parsed = [PredictionMessage.model_validate_json(one.raw, by_alias=True, by_name=False) for one in prepared]
        with self._lock:
            if self._closed:
                raise PublisherClosed("the publisher is closed")
            self._messages += [one.model_copy(update={"data_row": _as_written(one.data_row)}) for one in parsed]
            self.unflushed += len(parsed)
        return prepared[0].message_id if prepared else ""

    def _prepared(self, message: Message, project_id: str | None, model: Model | str | None) -> tuple[Prepared, ...]:
        if self._mapping is None:
            return (prepare(message, project_id=project_id, model=model, max_bytes=self._max_bytes),)
        from prelabel.publishing.mapped import prepare_mapped  # only with a mapping, as in `PublisherCore`

        return prepare_mapped(self._mapping, message, project_id=project_id, model=model, max_bytes=self._max_bytes)

    def _flush(self) -> None:
        if self.fail_with is not None and _is_for_flush(self.fail_with):
            raise _instance(self.fail_with)
        self.unflushed = 0

    def _close(self) -> None:
        if not self._closed:
            self._closed = True
            self._flush()


class RecordingPublisher(Recorder, Publisher):
    """A `Publisher` that keeps messages instead of sending them."""

    def publish(self, message: "Message", *, project_id: str | None = None, model: "Model | str | None" = None) -> str:
        """Check a message as the real publisher does, keep it and return its id."""
        return self._take(message, project_id, model)

    def flush(self, timeout: float | None = None) -> None:
        """Raise `fail_with` if it is RedisUnavailable; there is nothing to wait for."""
        self._flush()

    def close(self, timeout: float = CLOSE_SECONDS) -> None:
        """Take no more messages, and flush."""
        self._close()


class AsyncRecordingPublisher(Recorder, AsyncPublisher):
    """An `AsyncPublisher` that keeps messages instead of sending them."""

    async def publish(
        self, message: "Message", *, project_id: str | None = None, model: "Model | str | None" = None
    ) -> str:
        """Check a message as the real publisher does, keep it and return its id."""
        return self._take(message, project_id, model)

    async def flush(self, timeout: float | None = None) -> None:
        """Raise `fail_with` if it is RedisUnavailable; there is nothing to wait for."""
        self._flush()

    async def close(self, timeout: float = CLOSE_SECONDS) -> None:
        """Take no more messages, and flush."""
        self._close()


@contextmanager
def recording_publisher(
    *,
    fail_with: Failure | None = None,
    max_bytes: int = MAX_MESSAGE_BYTES,
    mapping: "PredictionMapping | None" = None,
) -> Iterator[RecordingPublisher]:
    """Yield a recording publisher, closed at the end of the block; its records can still be read afterwards."""
    with RecordingPublisher(fail_with, max_bytes, mapping) as publisher:
        yield publisher


@asynccontextmanager
async def async_recording_publisher(
    *,
    fail_with: Failure | None = None,
    max_bytes: int = MAX_MESSAGE_BYTES,
    mapping: "PredictionMapping | None" = None,
) -> AsyncIterator[AsyncRecordingPublisher]:
    """Yield a recording publisher for asyncio, closed at the end of the block; its records can still be read then."""
    async with AsyncRecordingPublisher(fail_with, max_bytes, mapping) as publisher:
        yield publisher


def _is_for_flush(failure: Failure) -> bool:
    return (failure if isinstance(failure, type) else type(failure)) is RedisUnavailable


def _instance(failure: Failure) -> PrelabelError:
    if not isinstance(failure, type):
        return failure
    return failure("1 row still waiting for Redis at a test") if failure is BufferFull else failure()


def _as_written(data_row: DataRow) -> DataRow:
    """Return a data row in the class that a test writes, so that the two compare equal."""
    return DataRowId(data_row.id) if data_row.id is not None else GlobalKey(data_row.global_key or "")


def _key_of(data_row: DataRow) -> str:
    return data_row.id or data_row.global_key or ""


def _fits(message: PredictionMessage, data_row: DataRow | None, model: str | None) -> bool:
    if data_row is not None and message.data_row != _as_written(data_row):
        return False
    return model is None or (message.model is not None and message.model.name == model)


def _listed(messages: list[PredictionMessage]) -> str:
    if not messages:
        return ": none"
    lines = [
        f"  {message.project_id}: {_key_of(message.data_row)}"
        f" by {message.model.name if message.model else 'no model'}, {len(message.annotations)} annotations"
        for message in messages[:_SHOWN]
    ]
    return ":\n" + "\n".join([*lines, *(f"  {line}" for line in and_more(len(messages), _SHOWN))])
