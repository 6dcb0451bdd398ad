"""Celery's consumer when its broker breaks off."""

from typing import Any

from kombu import Connection

from prelabel_worker.runtime.app import create_app
from prelabel_worker.runtime.consumer import Consumer
from prelabel_worker.settings import load_settings


class HalfClosed(Connection):  # type: ignore[misc]
    """What kombu 5.7 leaves of a connection whose clean-up met a server that had just died."""

    def collect(self, socket_timeout: Any = None) -> None:
        pass

    def close(self) -> None:
        raise AttributeError("'NoneType' object has no attribute 'hostname'")


def test_a_connection_that_cannot_be_closed_does_not_end_the_worker() -> None:
    consumer = Consumer.__new__(Consumer)
    consumer.app = create_app(load_settings(redis_url="redis://localhost:1/0"))
    consumer.channel_errors, consumer.connection = (), HalfClosed("memory://")

    consumer.on_connection_error_after_connected(ConnectionResetError())

    assert consumer.connection is None
