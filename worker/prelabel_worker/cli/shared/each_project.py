"""Read several projects; one that cannot be read does not stop the others."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from prelabel_worker.cli.shared.terminal import say
from prelabel_worker.errors import ProjectUnreadable
from prelabel_worker.quarantine.quarantine import readable

T = TypeVar("T")


@contextmanager
def reading(project_id: str) -> Iterator[None]:
    """Read one project of several: when its keys cannot be read, print why, so that the command reads the others."""
    try:
        with readable(project_id):
            yield
    except ProjectUnreadable as error:
        say(str(error))


def of_each(projects: Iterable[str], read: Callable[[str], Iterable[T]]) -> Iterator[T]:
    """Yield what `read` yields for each project; when a project's keys cannot be read, print why and skip its rest."""
    for project_id in projects:
        with reading(project_id):
            yield from read(project_id)
