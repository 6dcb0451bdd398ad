"""Labels of Labelbox's SDK through the publishers, as far as Redis."""

import asyncio
import json
from typing import Any

import pytest
import redis

pytest.importorskip("labelbox.types", reason="pip install 'prelabel[labelbox]'", exc_type=ImportError)

from labelbox import types as lb

from prelabel import AsyncPublisher, MessageError, Publisher
from tests.support.publishing import waiting


def a_label(key: str, x: float = 1) -> Any:
    buoy = lb.ObjectAnnotation(name="buoy", value=lb.Point(x=x, y=2))
    return lb.Label(data={"global_key": key}, annotations=[buoy])


def test_a_label_arrives_as_a_message(redis_url: str, client: "redis.Redis", prefix: str) -> None:
    with Publisher(redis_url, key_prefix=prefix) as publisher:
        message_id = publisher.publish(a_label("a"), project_id="p", model="yolo")
        with pytest.raises(MessageError, match=r"annotations\[0\]\.point\.x"):
            publisher.publish(a_label("b", float("nan")), project_id="p", model="yolo")

    (raw,) = waiting(client, prefix)
    assert json.loads(raw) == {
        "messageId": message_id,
        "projectId": "p",
        "dataRow": {"globalKey": "a"},
        "model": {"name": "yolo"},
        "annotations": [{"name": "buoy", "point": {"x": 1.0, "y": 2.0}}],
    }


def test_a_label_arrives_with_asyncio(redis_url: str, client: "redis.Redis", prefix: str) -> None:
    async def main() -> None:
        async with AsyncPublisher(redis_url, key_prefix=prefix) as publisher:
            await publisher.publish(a_label("a"), project_id="p")

    asyncio.run(asyncio.wait_for(main(), 60))

    assert len(waiting(client, prefix)) == 1
