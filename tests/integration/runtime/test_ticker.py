"""What the tick knows of the queue, against a real broker."""

from prelabel_worker.runtime.app import create_app
from prelabel_worker.runtime.roles import QUEUES
from prelabel_worker.runtime.ticker import _waiting_hints
from prelabel_worker.settings import load_settings


def test_hints_that_nobody_took_are_counted(redis_url: str, prefix: str) -> None:
    """Otherwise every tick would send as if the queue were empty, and a worker that takes no hints would look idle."""
    app = create_app(load_settings(redis_url=redis_url, key_prefix=prefix))
    with app.producer_or_acquire() as producer:
        before = _waiting_hints(producer.channel, QUEUES["submit"])
        for _ in range(3):
            app.send_task("prelabel.group", ["p"], producer=producer)

        assert (before, _waiting_hints(producer.channel, QUEUES["submit"])) == (0, 3)
    app.close()
