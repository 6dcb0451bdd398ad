"""What the tick knows of the queue, against a real broker, and how it ends."""

from types import SimpleNamespace

import redis

from prelabel_worker.presence import living
from prelabel_worker.runtime.app import create_app
from prelabel_worker.runtime.roles import QUEUES
from prelabel_worker.runtime.ticker import Ticker, _waiting_hints
from prelabel_worker.settings import load_settings
from tests.support.waiting import wait_for


def test_hints_that_nobody_took_are_counted(redis_url: str, prefix: str) -> None:
    """Otherwise every tick would send as if the queue were empty, and a worker that takes no hints would look idle."""
    app = create_app(load_settings(redis_url=redis_url, key_prefix=prefix))
    with app.producer_or_acquire() as producer:
        before = _waiting_hints(producer.channel, QUEUES["submit"])
        for _ in range(3):
            app.send_task("prelabel.group", ["p"], producer=producer)

        assert (before, _waiting_hints(producer.channel, QUEUES["submit"])) == (0, 3)
    app.close()


def test_a_worker_whose_tick_has_stopped_is_announced_no_more(
    client: "redis.Redis", redis_url: str, prefix: str
) -> None:
    """Otherwise the process may end first, and people are told that a worker died."""
    app = create_app(load_settings(redis_url=redis_url, key_prefix=prefix))
    worker = SimpleNamespace(app=app, hostname="worker@h", concurrency=1)
    ticker = Ticker(worker)
    ticker.start(worker)
    wait_for(lambda: living(client, prefix), "the worker to be announced")

    ticker.stop(worker)

    assert living(client, prefix) == []
    app.close()
