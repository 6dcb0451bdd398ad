"""The asyncio publisher: the promises of the threaded one, without holding up the event loop."""

import asyncio
import inspect
import json
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import redis

from prelabel import AsyncPublisher, BufferFull, MessageError, Publisher, PublisherClosed, RedisUnavailable
from tests.support.publishing import message, published, waiting
from tests.support.redis_server import start_redis

NOWHERE = "redis://127.0.0.1:1/0"


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(main(), 60))


def test_redis_has_a_message_when_flush_returns(redis_url: str, client: "redis.Redis", prefix: str) -> None:
    async def main() -> None:
        async with AsyncPublisher(redis_url, key_prefix=prefix, linger_seconds=3600) as publisher:
            assert await publisher.publish(message("a")) == "a"
            assert published(client, prefix) == 0
            await publisher.flush(10)
            assert published(client, prefix) == 1
            await publisher.publish(message("b"))
        assert published(client, prefix) == 2

    run(main)


def test_the_async_publisher_takes_the_arguments_of_the_sync_publisher() -> None:
    assert inspect.signature(AsyncPublisher) == inspect.signature(Publisher)


def test_a_wrong_message_is_refused_at_once(prefix: str) -> None:
    async def main() -> None:
        publisher = AsyncPublisher(NOWHERE, key_prefix=prefix)
        with pytest.raises(MessageError, match=r"annotations\[0\]"):
            await publisher.publish(message("a") | {"annotations": [{"name": "b"}]})
        await publisher.close()
        with pytest.raises(PublisherClosed):
            await publisher.publish(message("a"))

    run(main)


def test_gathered_publishes_keep_their_order_through_a_buffer_that_is_full_again_and_again(
    redis_url: str, client: "redis.Redis", prefix: str
) -> None:
    async def main() -> None:
        async with AsyncPublisher(redis_url, key_prefix=prefix, max_rows=10, linger_seconds=0.001) as publisher:
            bodies = (message("one data row") | {"messageId": f"{n:04d}"} for n in range(500))
            await asyncio.gather(*(publisher.publish(body) for body in bodies))

    run(main)
    assert [int(json.loads(raw)["messageId"]) for raw in waiting(client, prefix)] == list(range(500))


def test_waiting_publishes_get_room_in_their_order(redis_url: str, client: "redis.Redis", prefix: str) -> None:
    """This holds even for a message that comes after room is free and before the waiting publish wakes up."""

    async def main() -> None:
        async with AsyncPublisher(redis_url, key_prefix=prefix, max_rows=1, linger_seconds=3600) as publisher:
            await publisher.publish(message("k") | {"messageId": "0"})
            waiter = asyncio.create_task(publisher.publish(message("k") | {"messageId": "1"}))
            await asyncio.sleep(0)
            outboxes = publisher._core.outboxes
            outboxes.max_rows = 10  # room, and nobody was told yet
            late = asyncio.create_task(publisher.publish(message("k") | {"messageId": "2"}))
            await asyncio.sleep(0)
            with outboxes.changed:
                outboxes.notify()
            await asyncio.gather(waiter, late)

    run(main)
    assert [json.loads(raw)["messageId"] for raw in waiting(client, prefix)] == ["0", "1", "2"]


def test_waiting_for_room_leaves_the_loop_to_others_and_ends_in_buffer_full(prefix: str) -> None:
    async def main() -> None:
        publisher = AsyncPublisher(NOWHERE, key_prefix=prefix, max_rows=1, block_seconds=0.3)
        await publisher.publish(message("a"))
        waiter = asyncio.create_task(publisher.publish(message("b")))
        turns = 0
        while not waiter.done():
            await asyncio.sleep(0)
            turns += 1
        with pytest.raises(BufferFull, match="1 row "):
            await waiter
        assert turns > 100
        await publisher.publish(message("of another project", "q"))
        with pytest.raises(RedisUnavailable, match="2 rows"):
            await publisher.close(0.1)

    run(main)


def test_a_full_buffer_raises_at_once_if_when_full_is_raise(prefix: str) -> None:
    async def main() -> None:
        publisher = AsyncPublisher(NOWHERE, key_prefix=prefix, max_rows=1, when_full="raise")
        await publisher.publish(message("a"))
        started = time.monotonic()
        with pytest.raises(BufferFull):
            await publisher.publish(message("b"))
        assert time.monotonic() - started < 0.2
        with pytest.raises(RedisUnavailable):
            await publisher.close(0.1)

    run(main)


def test_a_cancelled_publish_has_not_taken_its_message_and_gives_up_its_turn(tmp_path: Path) -> None:
    async def main() -> None:
        publisher = AsyncPublisher(f"unix://{tmp_path}/redis.sock", max_rows=1, linger_seconds=0.001)
        await publisher.publish(message("first"))
        cancelled = asyncio.create_task(publisher.publish(message("cancelled")))
        behind = asyncio.create_task(publisher.publish(message("behind")))
        await asyncio.sleep(0)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        with pytest.raises(RedisUnavailable, match="1 row "):
            await publisher.flush(0.05)
        server = await asyncio.to_thread(start_redis, tmp_path)
        try:
            await behind
            await publisher.close()
            client = redis.Redis(unix_socket_path=str(tmp_path / "redis.sock"))
            assert sorted(json.loads(raw)["messageId"] for raw in waiting(client, "prelabel")) == ["behind", "first"]
            client.close()
        finally:
            server.kill()
            server.wait()

    run(main)


def test_those_who_wait_are_told_when_it_closes(prefix: str) -> None:
    async def main() -> None:
        publisher = AsyncPublisher(NOWHERE, key_prefix=prefix, max_rows=1)
        await publisher.publish(message("a"))
        waiter = asyncio.create_task(publisher.publish(message("b")))
        await asyncio.sleep(0)
        with pytest.raises(RedisUnavailable):
            await publisher.close(0.1)
        with pytest.raises(PublisherClosed):
            await waiter

    run(main)


def test_with_a_spool_closing_hands_rows_to_the_disk(prefix: str, tmp_path: Path) -> None:
    async def main() -> None:
        publisher = AsyncPublisher(NOWHERE, key_prefix=prefix, spool_dir=tmp_path)
        for n in range(100):
            await publisher.publish(message(f"k{n}"))
        await publisher.close()
        assert publisher.spooled_rows == 100

    run(main)
