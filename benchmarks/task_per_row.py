"""The usual first attempt: a Celery task for each row, which validates it and appends its NDJSON to a list."""

import os

from celery import Celery
from row_rendering import append

app = Celery("task_per_row", broker=os.environ["BENCHMARK_BROKER"])
app.conf.update(task_ignore_result=True, task_acks_late=True)


@app.task
def label(message: str) -> None:
    append([message])
