"""Read several projects and survive each of them."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from prelabel_worker.cli.shared.terminal import say
from prelabel_worker.errors import ProjectUnreadable
from prelabel_worker.quarantine.quarantine import readable

T = TypeVar("T")


@contextmanager
def reading(project_id: str) -> Iterator[None]:
    """Read one project of several: one whose keys cannot be read is named, and the command resumes with the others."""
    try:
        with readable(project_id):
            yield
    except ProjectUnreadable as error:
        say(str(error))


def of_each(projects: Iterable[str], read: Callable[[str], Iterable[T]]) -> Iterator[T]:
    """Yield what is read of each project; one whose keys cannot be read is named, and left out from there."""
    for project_id in projects:
        with reading(project_id):
            yield from read(project_id)
