"""Faults of the processing of imports and of the fetching of their files."""

from typing import Any

from prelabel_sandbox.faults.fault import AtLeast1, Fault, Status


class ImportFault(Fault):
    """Applies to the processing of imports; once is one import."""


class RowFailure(ImportFault, tag="row-failure"):
    """Refuse lines: those whose data row's key or id contains `match`, and of those every n-th of the file."""

    match: str = ""
    every: AtLeast1 = 1
    error: str = "InvalidAnnotation"
    message: str = "injected"

    def refuses(self, number: int, data_row: dict[str, Any]) -> bool:
        """Whether this line is one of them; lines count from 1."""
        return number % self.every == 0 and any(self.match in value for value in data_row.values() if value)


class FailedImport(ImportFault, tag="failed-import"):
    """An import whose file contains `match` ends FAILED: one poison row is enough. The error file says why, if any."""

    match: str = ""
    message: str = "the import could not be processed"
    error_file: bool = True


class StuckRunning(ImportFault, tag="stuck-running"):
    """The import stays RUNNING: while the fault lasts, or until faults are cleared. Later ones pass it."""


class LostStatusLines(ImportFault, tag="lost-status-lines"):
    """Leave every n-th line out of the status file."""

    every: AtLeast1 = 2


class DoubledStatusLines(ImportFault, tag="doubled-status-lines"):
    """Say every n-th line a second time, with this status."""

    every: AtLeast1 = 2
    status: str = "FAILURE"


class OddState(Fault, tag="odd-state"):
    """Answer a look-up of an import with a state that nobody knows."""

    state: str = "PAUSED"


class FileFault(Fault, tag="file-status"):
    """Answer the fetching of a status, error or input file with a status, or cut the connection half way."""

    status: Status = 403
    cut: bool = False
