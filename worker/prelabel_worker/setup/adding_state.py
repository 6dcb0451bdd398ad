"""The progress of adding data rows: a small file beside the rows, from which the same command resumes.

Global keys alone would make a repeat safe, but as long as the first run. The dataset must be remembered, since the API
has no look-up of a dataset by name: without this file, each repeat would make another dataset of the same name.
"""

import hashlib
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import orjson

from prelabel import private_files
from prelabel.errors import PrelabelError


class UnusableState(PrelabelError):
    """The state file cannot be used; the message names it."""


@dataclass(slots=True)
class AddingState:
    """How far one file of rows has been added to one dataset."""

    #: The dataset's id; empty before it is known.
    dataset_id: str = ""
    #: Whether a dataset may have been made whose id is not known.
    creating: bool = False
    #: Size and time of the file of rows, which tell whether it has changed.
    rows: str = ""
    #: The number of the last line that is done.
    line: int = 0
    #: How many rows were added.
    added: int = 0
    #: How many rows existed before.
    existing: int = 0
    #: How many rows were not added.
    failed: int = 0
    #: Whether a part is in flight.
    flying: bool = False
    #: The task of the part in flight, once known.
    task: str = ""
    #: How many rows of the part in flight existed before.
    flying_existing: int = 0
    #: The path of the report.
    report: str = ""
    #: The length of the report when `line` was done.
    report_bytes: int = 0
    #: Whether the whole file is done.
    done: bool = False


class StateFile:
    """The state of adding one file of rows to one dataset of one account."""

    def __init__(self, rows: Path, *target: str) -> None:
        digest = hashlib.blake2b("\0".join(target).encode(), digest_size=4).hexdigest()
        self.path = rows.with_name(f".{rows.name}.{digest}.prelabel.json")
        self._rows = rows

    def load(self) -> AddingState:
        """Return the state of the last run; if that ended or the rows have changed, a new state that has its dataset.

        Raises UnusableState.
        """
        try:
            saved = orjson.loads(self.path.read_bytes())
            state = AddingState(**{field.name: saved[field.name] for field in fields(AddingState)})
        except FileNotFoundError:
            return AddingState(rows=self._stamp())
        except (OSError, orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise UnusableState(f"{self.path} cannot be used ({type(error).__name__}): remove it") from None
        if state.done or state.rows != self._stamp():
            return AddingState(state.dataset_id, state.creating, self._stamp(), report=state.report)
        return state

    def save(self, state: AddingState, **changes: Any) -> AddingState:
        """Save the state with these changes, durably and all at once, and return it. Raises OSError."""
        changed = replace(state, **changes)
        private_files.replace(self.path, orjson.dumps(asdict(changed)))
        return changed

    def _stamp(self) -> str:
        status = self._rows.stat()
        return f"{status.st_size} {status.st_mtime_ns}"
