"""A worker takes hints again although its Redis died while it had some in hand."""

from pathlib import Path

import pytest
from celery import Celery
from kombu import Queue
from kombu.message import Message

from prelabel_worker.runtime import broker
from prelabel_worker.settings import load_settings
from tests.support.redis_server import start_redis


@pytest.mark.parametrize("answer", ["ack", "reject"])
def test_the_end_of_a_task_gives_its_credit_back_without_redis(answer: str, tmp_path: Path) -> None:
    """Without credit a worker requests no hint and never notices a lost connection."""
    server = start_redis(tmp_path, "--save", "")
    app = Celery(set_as_current=False)
    app.conf.update(broker.configuration(load_settings(redis_url=f"unix://{tmp_path}/redis.sock?db=0")))
    taken: list[Message] = []
    with app.connection_for_read() as connection:
        queue = Queue("q")
        with connection.Producer() as producer:
            for number in range(2):
                producer.publish({"n": number}, routing_key="q", exchange="", declare=[queue])
        with connection.Consumer([queue], callbacks=[lambda _, message: taken.append(message)]) as consumer:
            consumer.qos(prefetch_count=2)
            while len(taken) < 2:
                connection.drain_events(timeout=10)
            channel = connection.default_channel
            assert not channel.qos.can_consume()
            server.kill()
            server.wait()

            for message in taken:
                message.ack() if answer == "ack" else message.reject()

            assert channel.qos.can_consume()
            connection.collect()
