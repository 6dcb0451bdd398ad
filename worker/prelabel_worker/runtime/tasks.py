"""The stages as Celery tasks. A message is a hint: it names projects or chunks to look at, and carries no data."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import redis
import structlog
from celery import Celery
from kombu.exceptions import OperationalError

from prelabel.wire.client import is_away
from prelabel_worker.runtime.clients import Runtime
from prelabel_worker.runtime.hints import entries_of, hint_of, run_each
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
    task = partial(app.task, shared=False)  # they work for this runtime: no other app of the process may have them

    def run(stage: str, names: Sequence[str], of_entry: Callable[..., object]) -> None:
        """Run a stage for each entry that a hint names."""

        def give(entries: Sequence[tuple[str, ...]]) -> None:
            rest = hint_of(stage, entries)
            app.send_task(f"prelabel.{stage}", rest.args)

        with _dropped_in_trouble(stage):
            run_each(entries_of(stage, names), partial(of_entry, runtime.context()), give)

    @task(name="prelabel.group")  # type: ignore[untyped-decorator]
    def _group(*project_ids: str) -> None:
        run("group", project_ids, group)

    @task(name="prelabel.retry")  # type: ignore[untyped-decorator]
    def _retry(*project_ids: str) -> None:
        run("retry", project_ids, retry_due)

    @task(name="prelabel.expire")  # type: ignore[untyped-decorator]
    def _expire(*project_ids: str) -> None:
        run("expire", project_ids, expire)

    @task(name="prelabel.submit")  # type: ignore[untyped-decorator]
    def _submit(*projects_and_chunks: str) -> None:
        run("submit", projects_and_chunks, submit)

    @task(name="prelabel.poll")  # type: ignore[untyped-decorator]
    def _poll(running: list[list[str]]) -> None:
        with _dropped_in_trouble("poll"):
            poll(runtime.context(), [(project_id, chunk_id) for project_id, chunk_id in running])

    @task(name="prelabel.settle")  # type: ignore[untyped-decorator]
    def _settle(*projects_and_chunks: str) -> None:
        run("settle", projects_and_chunks, settle)
