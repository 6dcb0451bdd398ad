"""Celery's consumer, which reconnects often enough to recover chunks within the promised time."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import structlog
from celery.exceptions import WorkerShutdown
from celery.worker.consumer import Consumer as CeleryConsumer

from prelabel_worker.errors import ConfigurationError
from prelabel_worker.runtime import broker
from prelabel_worker.runtime.preflight import ends_worker

_log = structlog.get_logger(__name__)
_REFUSED_SECONDS = 1.0
_ALONE = {"without_gossip": True, "without_mingle": True, "without_heartbeat": True}
"""Celery's workers would talk to each other over Redis's channels; ours do not need it."""


class Consumer(CeleryConsumer):  # type: ignore[misc]
    """A consumer that waits 0.5 to 1 s between attempts to reach the broker; Celery's waits 2, 4, 6 … 30 s."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options, **_ALONE)
        # kombu 5.7 raises it when a message is acknowledged after its connection was closed.
        self.connection_errors = (*self.connection_errors, AttributeError)  # type: ignore[has-type]
        self._was_connected = False

    def ensure_connected(self, conn: Any) -> Any:
        """Connect and return the connection; kombu takes the waits between attempts only as arguments."""
        connect = partial(conn.ensure_connection, interval_start=0.5, interval_step=0.5, interval_max=1)

        def ensure(errback: Callable[..., Any], *args: Any, **options: Any) -> Any:
            return connect(partial(self._refused, errback), *args, **options)

        conn.ensure_connection = ensure
        try:
            connected = super().ensure_connected(conn)
        except broker.ERRORS as error:
            self._end_if_refused(error)
            raise
        self._was_connected = True
        return connected

    def _refused(self, errback: Callable[..., Any], error: Exception, *args: Any) -> Any:
        self._end_if_refused(error)
        return errback(error, *args)

    def _end_if_refused(self, error: Exception) -> None:
        """End the worker if the broker refuses it for good, unless it was connected before: then it keeps trying."""
        if not self._was_connected and ends_worker(error):
            raise WorkerShutdown(ConfigurationError.exit_code)

    def on_connection_error_before_connected(self, exc: Exception) -> None:
        """Handle the error as Celery does; wait a moment if the broker refuses."""
        super().on_connection_error_before_connected(exc)
        self._wait_for_refusal(exc)

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Give up the connection; wait a moment if the broker refuses.

        kombu 5.7 may fail to close a connection that is half closed, which would end the worker.
        """
        try:
            super().on_connection_error_after_connected(exc)
        except Exception as error:
            _log.warning("broker.not_closed", error=type(error).__name__, detail=str(error))
        self._wait_for_refusal(exc)

    def _wait_for_refusal(self, error: Exception) -> None:
        """Wait if the broker can be reached but refuses: Celery would ask it again at once."""
        if isinstance(error, self.channel_errors):
            time.sleep(_REFUSED_SECONDS)
