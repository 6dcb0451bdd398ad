"""What a peer does with a row: the same validation and rendering as a worker of ours, and a list as the end of it."""

import os
from functools import cache

import redis
from five_boxes import CLASSES

from prelabel_worker.ontology.ontology import Ontology
from prelabel_worker.rendering.row_builder import RowBuilder


@cache
def builder() -> RowBuilder:
    tools = [
        {"tool": "rectangle", "name": name, "featureSchemaId": f"c{at:024d}", "classifications": []}
        for at, name in enumerate(CLASSES)
    ]
    return RowBuilder("p0", Ontology.from_normalized({"tools": tools, "classifications": []}, "IMAGE"))


@cache
def client() -> "redis.Redis":
    return redis.Redis.from_url(os.environ["BENCHMARK_REDIS"])


def append(messages: list[str]) -> None:
    """Append the lines of each message to the list."""
    rows = builder().build_all([message.encode() for message in messages])
    for _, error in rows.refused:
        raise error
    client().rpush("ndjson", *rows.lines)
