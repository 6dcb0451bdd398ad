"""Publishers with a mapping: Redis has each row in every project that it is routed to."""

import asyncio
from typing import Any

import orjson
import pytest
import redis

from prelabel import AsyncPublisher, Publisher
from prelabel.mapping import PredictionMapping
from prelabel.mapping.file import mapping_of
from tests.support.publishing import waiting


def mapping() -> PredictionMapping:
    return mapping_of({
        "global_key": "{body.file}",
        "routes": [{"empty": True, "leave_out": True}, {"below": 0.5, "projects": ["review", "second"]},
                   {"project": "rest"}],
        "output": {"box": "boxes", "box_format": "xyxy", "class": "vessel", "score": "scores"},
    })  # fmt: skip


OUTPUTS: list[dict[str, Any]] = [
    {"file": "a", "boxes": [[1, 2, 3, 4]], "scores": [0.4]},
    {"file": "b", "boxes": [[1, 2, 3, 4]], "scores": [0.9]},
    {"file": "c", "boxes": [], "scores": []},
]


@pytest.mark.parametrize("kind", [Publisher, AsyncPublisher])
def test_the_outputs_of_a_model_arrive_in_the_projects_of_their_routes(
    redis_url: str, client: "redis.Redis", prefix: str, kind: type[Any]
) -> None:
    async def awaited() -> list[str]:
        async with AsyncPublisher(redis_url, key_prefix=prefix, mapping=mapping()) as publisher:
            return [await publisher.publish(output) for output in OUTPUTS]

    if kind is AsyncPublisher:
        ids = asyncio.run(awaited())
    else:
        with Publisher(redis_url, key_prefix=prefix, mapping=mapping()) as publisher:
            ids = [publisher.publish(output) for output in OUTPUTS]

    rows = {
        project: [
            (row["dataRow"]["globalKey"], row["messageId"])
            for row in map(orjson.loads, waiting(client, prefix, project))
        ]
        for project in ("review", "second", "rest")
    }
    assert rows == {"review": [("a", ids[0])], "second": [("a", ids[0])], "rest": [("b", ids[1])]}
    assert ids[2] == ""
