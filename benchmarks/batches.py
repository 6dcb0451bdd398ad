"""The second attempt: celery-batches, which gathers up to 500 tasks in a worker's memory and runs them as one.

Its workers run in an environment of their own (peers.py), since it needs Celery below 5.7.
"""

import os

from celery import Celery
from celery_batches import Batches, SimpleRequest
from peers import FLUSH_EVERY
from row_rendering import append

app = Celery("batches", broker=os.environ["BENCHMARK_BROKER"])
# A worker reserves a batch while it works on another one, and leaves the rest to the others.
app.conf.update(task_ignore_result=True, task_acks_late=True, worker_prefetch_multiplier=2 * FLUSH_EVERY)


@app.task(base=Batches, flush_every=FLUSH_EVERY, flush_interval=1)
def label(requests: list[SimpleRequest]) -> None:
    append([request.args[0] for request in requests])
