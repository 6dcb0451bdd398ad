"""A gateway: what it publishes with, who may publish, and its figures."""

import asyncio
import logging
from dataclasses import dataclass, field

from prelabel.access_tokens import Tokens
from prelabel.errors import RedisUnavailable
from prelabel.gateway.metrics import Metrics
from prelabel.gateway.publisher import GatewayPublisher
from prelabel.gateway.settings import Settings

_log = logging.getLogger("prelabel.gateway")
_LOOK_SECONDS = 1.0


@dataclass
class Gateway:
    """One gateway, which one event loop serves."""

    settings: Settings
    tokens: Tokens[str]
    publisher: GatewayPublisher
    metrics: Metrics = field(default_factory=Metrics)
    #: Whether it ends: what comes now is to be sent again, to the next gateway.
    stopping: bool = False
    #: Why rows are lost, if the end of the process loses some.
    lost: str = ""

    async def watch_redis(self) -> None:
        """Log when Redis stops to accept rows, and when it accepts them again."""
        was_away = False
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            away = self.publisher.redis_is_away
            if away and not was_away:
                log(logging.WARNING, "gateway.redis_away", cause=self.publisher.redis_cause)
            elif was_away and not away:
                log(logging.INFO, "gateway.redis_back", rows_on_disk=self.publisher.spooled_rows)
            was_away = away

    async def close(self, seconds: float) -> None:
        """Hand over all rows to Redis or to the disk; `lost` says so if that is not possible in time."""
        self.stopping = True
        try:
            await self.publisher.close(seconds)
        except RedisUnavailable as error:
            self.lost = str(error)
            log(logging.ERROR, "gateway.rows_lost", cause=self.lost)
        else:
            log(logging.INFO, "gateway.stopped", rows_on_disk=self.publisher.spooled_rows)

    def gauges(self) -> dict[str, tuple[str, float]]:
        """Return the values of now for the metrics: meaning and value by name."""
        publisher = self.publisher
        return {
            "memory_rows": ("Rows in memory, which a crash would lose.", publisher.rows_in_memory),
            "spooled_rows": ("Rows on the disk that Redis does not have.", publisher.spooled_rows),
            "redis_up": ("1 unless Redis did not accept the last send.", int(not publisher.redis_is_away)),
        }


def log(level: int, event: str, **fields: object) -> None:
    """Log an event with fields; none of them may come from a body."""
    _log.log(level, event, extra={"fields": {"event": event, **fields}})
