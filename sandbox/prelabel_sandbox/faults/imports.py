"""Faults in processing imports and in serving their files."""

from typing import Any

from prelabel_sandbox.faults.fault import AtLeast1, Fault, Status


class ImportFault(Fault):
    """A fault in processing imports; each import that it affects counts as one use."""


class RowFailure(ImportFault, tag="row-failure"):
    """Refuse lines whose data row's key or id contains `match` and whose number is a multiple of `every`."""

    match: str = ""
    every: AtLeast1 = 1
    error: str = "InvalidAnnotation"
    message: str = "injected"

    def refuses(self, number: int, data_row: dict[str, Any]) -> bool:
        """Return whether to refuse a line; lines count from 1."""
        return number % self.every == 0 and any(self.match in value for value in data_row.values() if value)


class FailedImport(ImportFault, tag="failed-import"):
    """End an import as FAILED, with an error file unless `error_file` is false, if any row of it contains `match`."""

    match: str = ""
    message: str = "the import could not be processed"
    error_file: bool = True


class StuckRunning(ImportFault, tag="stuck-running"):
    """Keep an import RUNNING while the fault lasts or until faults are cleared. Later imports overtake it."""


class LostStatusLines(ImportFault, tag="lost-status-lines"):
    """Leave every n-th line out of the status file."""

    every: AtLeast1 = 2


class DoubledStatusLines(ImportFault, tag="doubled-status-lines"):
    """Repeat every n-th line of the status file, with this status."""

    every: AtLeast1 = 2
    status: str = "FAILURE"


class OddState(Fault, tag="odd-state"):
    """Answer a look-up of an import with an unknown state."""

    state: str = "PAUSED"


class FileFault(Fault, tag="file-status"):
    """Answer a request for a status, error or input file with this HTTP status, or cut the connection half way."""

    status: Status = 403
    cut: bool = False
