"""A publisher for request handlers: trouble is counted and logged, never raised, and nothing waits for Redis."""

import asyncio
import inspect
import logging
import os
import threading
import time
import weakref
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, ParamSpec, TypeVar, cast

from prelabel.errors import BufferFull, MessageError, PrelabelError
from prelabel.printing import printable
from prelabel.publishing.publisher import Publisher

if TYPE_CHECKING:
    from prelabel.validation.gate import Message

_P = ParamSpec("_P")
_R = TypeVar("_R")
_Trouble = Literal["refused", "full", "failed"]
_log = logging.getLogger("prelabel.serving")
_LOG_SECONDS = 10.0
_CLOSE_SECONDS = 10.0
_SHOWN = 500


class Counts(NamedTuple):
    """What became of the predictions of this process."""

    #: Accepted by the publisher, or left out by its mapping.
    accepted: int
    #: No right messages; the log names the field, what was found and what was expected.
    refused: int
    #: Not accepted, since the buffer was full.
    full: int
    #: Not accepted for another reason, such as an error of the function that makes messages.
    failed: int


class ServingPublisher:
    """Publishes predictions beside the answers of a model server.

    A call never raises an error of ours or of the function that makes messages, and never waits for Redis: a request is
    answered as if nothing was published. What was not accepted is counted in `counts` and logged, each kind of trouble
    at most once in ten seconds.

    Safe to share between threads, and after a fork or in the process that gets it pickled, as with Ray Serve. Errors of
    the options are raised at once, when the server starts.

    Args:
        publisher: a publisher that was made with `when_full="raise"`, such as a recording publisher in a test. By
            default one is made.
        options: the options of `Publisher`, except `when_full`. Set a `spool_dir`: without it, a full buffer while
            Redis is away loses predictions. With `mapping`, what is published may be the output of a model.

    """

    def __init__(self, publisher: Publisher | None = None, **options: Any) -> None:
        if publisher is not None and options:
            raise ValueError(f"expected a publisher or options, found both: {', '.join(options)}")
        self._publisher = publisher or Publisher(when_full="raise", **options)
        self._counts: Counter[str] = Counter()
        #: For each kind of trouble, when it was logged last, and how often it came since.
        self._logged: dict[_Trouble, tuple[float, int]] = {}
        self._lock = threading.Lock()
        _ALL.add(self)

    @property
    def counts(self) -> Counts:
        """Return what became of the predictions so far."""
        with self._lock:
            return Counts(*(self._counts[name] for name in Counts._fields))

    def publish(self, message: "Message") -> str:
        """Publish a message, and return its id; an empty string if it was left out or not accepted."""
        try:
            message_id = self._publisher.publish(message)
        except Exception as error:
            self._trouble(error)
            return ""
        with self._lock:
            self._counts["accepted"] += 1
        return message_id

    def publish_from(self, make: Callable[_P, Any], *args: _P.args, **kwargs: _P.kwargs) -> None:
        """Call `make`, and publish the message or the messages that it returns; none for None."""
        try:
            messages = list(_each(make(*args, **kwargs)))
        except Exception as error:
            self._trouble(error)
            return
        for message in messages:
            self.publish(message)

    def publishes(self, make: Callable[..., Any]) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
        """Decorate a request handler, a function or an `async def`: publish when it has returned.

        `make(result, *args, **kwargs)` gets what the handler returned and was called with, and returns a message,
        several, or None. It runs before the answer is sent: let it take no longer than the answer may.
        """

        def decorate(handler: Callable[_P, _R]) -> Callable[_P, _R]:
            if inspect.isgeneratorfunction(handler) or inspect.isasyncgenfunction(handler):
                raise TypeError(
                    f"{handler.__qualname__}: expected a handler that returns, found one that yields: "
                    "call publish in it"
                )
            if inspect.iscoroutinefunction(handler):

                @wraps(handler)
                async def answer_later(*args: _P.args, **kwargs: _P.kwargs) -> Any:
                    result = await handler(*args, **kwargs)
                    self.publish_from(make, result, *args, **kwargs)
                    return result

                return cast("Callable[_P, _R]", answer_later)

            @wraps(handler)
            def answer(*args: _P.args, **kwargs: _P.kwargs) -> _R:
                result = handler(*args, **kwargs)
                self.publish_from(make, result, *args, **kwargs)
                return result

            return answer

        return decorate

    @asynccontextmanager
    async def lifespan(self, app: object) -> AsyncIterator[None]:
        """Close at the end of an ASGI application: `FastAPI(lifespan=predictions.lifespan)`."""
        try:
            yield
        finally:
            await asyncio.to_thread(self.close)

    def close(self, timeout: float = _CLOSE_SECONDS) -> None:
        """Hand the rows over and stop; log how many are lost if neither Redis nor the disk takes them in time."""
        try:
            self._publisher.close(timeout)
        except PrelabelError as error:
            _log.error("predictions are lost at the end: %s", printable(str(error)))

    def _trouble(self, error: Exception) -> None:
        kind: _Trouble = "full" if isinstance(error, BufferFull) else "failed"
        if isinstance(error, MessageError):
            kind = "refused"
        now = time.monotonic()
        with self._lock:
            self._counts[kind] += 1
            at, count = self._logged.get(kind, (-_LOG_SECONDS, 0))
            is_due = now - at >= _LOG_SECONDS
            self._logged[kind] = (now, 0) if is_due else (at, count + 1)
        if is_due:
            words = printable(f"{type(error).__name__}: {error}"[:_SHOWN])
            _log.warning("a prediction was not published: %s (%d more since the last such line)", words, count)

    def __reduce__(self) -> tuple[Any, ...]:
        # The counts are those of a process.
        return type(self), (self._publisher,)

    def forked(self) -> None:
        """Begin to count anew in a forked child, where a lock that another thread held stays locked."""
        self._lock = threading.Lock()
        self._counts, self._logged = Counter(), {}


def _each(made: Any) -> Iterator[Any]:
    if isinstance(made, list | tuple | Iterator):
        yield from made
    elif made is not None:
        yield made


_ALL: "weakref.WeakSet[ServingPublisher]" = weakref.WeakSet()


def _start_anew_in_child() -> None:
    for publisher in list(_ALL):
        publisher.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew_in_child)
