"""Celery's consumer, with a reconnect that stays within the recovery bound."""

from functools import partial
from typing import Any

from celery.worker.consumer import Consumer as CeleryConsumer


class Consumer(CeleryConsumer):  # type: ignore[misc]
    """Celery waits 2, 4, 6 … 30 s between attempts to reach its broker; this one half a second to one."""

    def ensure_connected(self, conn: Any) -> Any:
        """Return a connected connection; kombu takes these waits as arguments only."""
        conn.ensure_connection = partial(conn.ensure_connection, interval_start=0.5, interval_step=0.5, interval_max=1)
        return super().ensure_connected(conn)
