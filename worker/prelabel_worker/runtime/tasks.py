"""The stages as Celery tasks. A message is a hint: it names a project or chunks to look at, and carries no data."""

from collections.abc import Iterator
from contextlib import contextmanager

import redis
import structlog
from celery import Celery
from kombu.exceptions import OperationalError

from prelabel.wire.client import is_away
from prelabel_worker.runtime.clients import Runtime
from prelabel_worker.stages.expire import expire
from prelabel_worker.stages.group import group, retry_due
from prelabel_worker.stages.poll import poll
from prelabel_worker.stages.settle import settle
from prelabel_worker.stages.submit import submit

_log = structlog.get_logger(__name__)
_DETAIL_CHARACTERS = 200


@contextmanager
def _dropped_in_trouble(stage: str) -> Iterator[None]:
    """Drop the task when Redis or the broker cannot work. Nothing is lost: its lease ends, and its timer is set."""
    try:
        yield
    except (redis.RedisError, OperationalError) as error:
        if not isinstance(error, OperationalError) and not is_away(error):
            raise
        _log.warning("task.dropped", stage=stage, error=type(error).__name__, detail=str(error)[:_DETAIL_CHARACTERS])


def register(app: Celery, runtime: Runtime) -> None:
    """Give the app one task for each stage."""

    @app.task(name="prelabel.group")  # type: ignore[untyped-decorator]
    def _group(project_id: str) -> None:
        with _dropped_in_trouble("group"):
            group(runtime.context(), project_id)

    @app.task(name="prelabel.retry")  # type: ignore[untyped-decorator]
    def _retry(project_id: str) -> None:
        with _dropped_in_trouble("retry"):
            retry_due(runtime.context(), project_id)

    @app.task(name="prelabel.expire")  # type: ignore[untyped-decorator]
    def _expire(project_id: str) -> None:
        with _dropped_in_trouble("expire"):
            expire(runtime.context(), project_id)

    @app.task(name="prelabel.submit")  # type: ignore[untyped-decorator]
    def _submit(project_id: str, chunk_id: str) -> None:
        with _dropped_in_trouble("submit"):
            submit(runtime.context(), project_id, chunk_id)

    @app.task(name="prelabel.poll")  # type: ignore[untyped-decorator]
    def _poll(running: list[list[str]]) -> None:
        with _dropped_in_trouble("poll"):
            poll(runtime.context(), [(project_id, chunk_id) for project_id, chunk_id in running])

    @app.task(name="prelabel.settle")  # type: ignore[untyped-decorator]
    def _settle(project_id: str, chunk_id: str) -> None:
        with _dropped_in_trouble("settle"):
            settle(runtime.context(), project_id, chunk_id)
