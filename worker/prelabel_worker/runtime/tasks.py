"""The stages as Celery tasks. A message is a hint: it names a project or chunks to look at, and carries no data."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import redis
import structlog
from celery import Celery
from kombu.exceptions import OperationalError

from prelabel.wire.client import is_away
from prelabel_worker.runtime import roles
from prelabel_worker.runtime.clients import Runtime
from prelabel_worker.runtime.hints import Hints
from prelabel_worker.stages.expire import expire
from prelabel_worker.stages.group import group, retry_due
from prelabel_worker.stages.poll import poll
from prelabel_worker.stages.settle import settle
from prelabel_worker.stages.submit import submit

_log = structlog.get_logger(__name__)
_DETAIL_CHARACTERS = 200
_STAGES: dict[str, Callable[..., object]] = {
    "group": group,
    "retry": retry_due,
    "expire": expire,
    "submit": submit,
    "poll": lambda context, running: poll(context, [(project_id, chunk_id) for project_id, chunk_id in running]),
    "settle": settle,
}


@contextmanager
def _dropped_in_trouble(stage: str) -> Iterator[None]:
    """Drop the task when Redis or the broker cannot work. Nothing is lost: its lease ends, and its timer is set."""
    try:
        yield
    except (redis.RedisError, OperationalError) as error:
        if not isinstance(error, OperationalError) and not is_away(error):
            raise
        _log.warning("task.dropped", stage=stage, error=type(error).__name__, detail=str(error)[:_DETAIL_CHARACTERS])


def register(app: Celery, runtime: Runtime, hints: Hints) -> None:
    """Give the app one task for each stage."""

    def run(stage: str, *args: Any) -> None:
        with _dropped_in_trouble(stage):
            _STAGES[stage](runtime.context(), *args)

    def task(stage: str) -> Callable[..., None]:
        def run_both(*args: Any) -> None:
            own_stages = roles.stages_of(roles.role_of(app.amqp.queues.consume_from))
            with hints.keeping(own_stages) as kept:
                run(stage, *args)
            for follow_up, *names in kept:
                run(follow_up, *names)

        return run_both

    for stage in _STAGES:
        app.task(task(stage), name=f"prelabel.{stage}")
