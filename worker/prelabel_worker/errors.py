"""What can go wrong between a worker and the world; errors of requests to Labelbox are in `labelbox/errors.py`.

PrelabelError
├─ LeaseLost                  another worker may have the chunk: commit nothing
├─ ProjectUnreadable          a key of one project is not what ours is: the others are not concerned
└─ ConfigurationError         at start, all problems in one message
"""

from prelabel.errors import PrelabelError
from prelabel.printing import command


class LeaseLost(PrelabelError):
    """The chunk is no longer this worker's."""


class ConfigurationError(PrelabelError):
    """The settings cannot be used."""

    exit_code = 2


class ProjectUnreadable(PrelabelError):
    """The keys of a project cannot be read: one is of another type, or holds a value that nobody of ours writes."""

    def __init__(self, project_id: str, problem: str) -> None:
        super().__init__(f"project {project_id} cannot be read: {problem}; see {command('doctor', project=project_id)}")
        self.problem = problem
