"""The stages as Celery tasks. A message is a hint: it names what to look at, and carries nothing."""

from celery import Celery

from prelabel_worker.runtime import Runtime
from prelabel_worker.stages.expire import expire
from prelabel_worker.stages.group import group, heal
from prelabel_worker.stages.poll import poll
from prelabel_worker.stages.settle import settle
from prelabel_worker.stages.submit import submit


def register(app: Celery, runtime: Runtime) -> None:
    """Give the app one task for each stage."""

    @app.task(name="prelabel.group")  # type: ignore[untyped-decorator]
    def _group(project_id: str) -> None:
        group(runtime.tools(), project_id)

    @app.task(name="prelabel.heal")  # type: ignore[untyped-decorator]
    def _heal(project_id: str) -> None:
        heal(runtime.tools(), project_id)

    @app.task(name="prelabel.expire")  # type: ignore[untyped-decorator]
    def _expire(project_id: str) -> None:
        expire(runtime.tools(), project_id)

    @app.task(name="prelabel.submit")  # type: ignore[untyped-decorator]
    def _submit(project_id: str, chunk_id: str) -> None:
        submit(runtime.tools(), project_id, chunk_id)

    @app.task(name="prelabel.poll")  # type: ignore[untyped-decorator]
    def _poll(running: list[list[str]]) -> None:
        poll(runtime.tools(), [(project_id, chunk_id) for project_id, chunk_id in running])

    @app.task(name="prelabel.settle")  # type: ignore[untyped-decorator]
    def _settle(project_id: str, chunk_id: str) -> None:
        settle(runtime.tools(), project_id, chunk_id)
