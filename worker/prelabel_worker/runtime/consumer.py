"""Celery's consumer, with a reconnect that stays within the recovery bound."""

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
"""Workers know each other by the state alone. What Celery's workers tell each other would need Redis's channels."""


class Consumer(CeleryConsumer):  # type: ignore[misc]
    """Celery waits 2, 4, 6 … 30 s between attempts to reach its broker; this one half a second to one."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options, **_ALONE)
        # An acknowledgement that comes late, for a message of a connection that is closed, breaks so in kombu 5.7.
        self.connection_errors = (*self.connection_errors, AttributeError)  # type: ignore[has-type]
        self._was_connected = False

    def ensure_connected(self, conn: Any) -> Any:
        """Return a connected connection; kombu takes these waits as arguments only."""
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
        """End a worker whose broker was away at its start and refuses it for good; one that worked keeps trying."""
        if not self._was_connected and ends_worker(error):
            raise WorkerShutdown(ConfigurationError.exit_code)

    def on_connection_error_before_connected(self, exc: Exception) -> None:
        """Wait for a broker that refuses."""
        super().on_connection_error_before_connected(exc)
        self._wait_for_refusal(exc)

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Give the connection up, and wait for a broker that refuses.

        kombu 5.7 may break on closing what is half closed already, which would end the worker.
        """
        try:
            super().on_connection_error_after_connected(exc)
        except Exception as error:
            _log.warning("broker.not_closed", error=type(error).__name__, detail=str(error))
        self._wait_for_refusal(exc)

    def _wait_for_refusal(self, error: Exception) -> None:
        """A broker that can be reached and refuses would be asked again at once."""
        if isinstance(error, self.channel_errors):
            time.sleep(_REFUSED_SECONDS)
