"""The errors of workers and commands; errors of requests to Labelbox are in `labelbox/errors.py`.

PrelabelError
├─ LeaseLost                  another worker may have the chunk: commit nothing
├─ PurgeEnded                 somebody ended the purge of the project: discard nothing more
├─ ProjectUnreadable          a Redis key of one project cannot be read; other projects are not affected
└─ ConfigurationError         the settings cannot be used; the message names all problems
"""

from prelabel.errors import PrelabelError
from prelabel.printing import command


class LeaseLost(PrelabelError):
    """Another worker may have the chunk: commit nothing of it."""


class PurgeEnded(PrelabelError):
    """No purge of the project is under way any more: discard nothing more of it."""


class ConfigurationError(PrelabelError):
    """The settings cannot be used."""

    exit_code = 2


class ProjectUnreadable(PrelabelError):
    """A Redis key of a project cannot be read: its type is wrong, or it holds a value that prelabel never writes."""

    def __init__(self, project_id: str, problem: str) -> None:
        super().__init__(f"project {project_id} cannot be read: {problem}; see {command('doctor', project=project_id)}")
        self.problem = problem
