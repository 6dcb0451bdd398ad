"""The usual first attempt: a Celery task for each row, which validates it and appends its NDJSON to a list."""

import os
from functools import cache

import redis
from celery import Celery

from prelabel_worker.ontology.ontology import Ontology
from prelabel_worker.rendering.row_builder import RowBuilder

app = Celery("task_per_row", broker=os.environ["BENCHMARK_BROKER"])
app.conf.update(task_ignore_result=True, task_acks_late=True)
CLASSES = ["car", "truck", "bus", "person", "bicycle", "vessel", "buoy", "crane", "dog", "sign"]


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


@app.task
def label(message: str) -> None:
    client().rpush("ndjson", builder().build(message.encode()).lines)
