"""How far adding data rows has come: a small file beside the rows, so that the same command goes on there.

Global keys alone would make a repeat safe, but not short; and the dataset must be remembered, since the API has no
look-up of a dataset by name: without this file each repeat would make another one of the same name.
"""

import hashlib
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import orjson

from prelabel import private_files
from prelabel.errors import PrelabelError


class UnusableState(PrelabelError):
    """The file cannot be read; it says which."""


@dataclass(slots=True)
class AddingState:
    """`line` is the last one that is done. Of what is in flight: its task, once known, and how many were there before.

    `creating`: a dataset may have been made, and its id is not known.
    """

    dataset_id: str = ""
    creating: bool = False
    rows: str = ""
    line: int = 0
    added: int = 0
    existing: int = 0
    failed: int = 0
    flying: bool = False
    task: str = ""
    flying_existing: int = 0
    report: str = ""
    report_bytes: int = 0
    done: bool = False


class StateFile:
    """The state of adding one file of rows to one dataset of one account."""

    def __init__(self, rows: Path, *target: str) -> None:
        digest = hashlib.blake2b("\0".join(target).encode(), digest_size=4).hexdigest()
        self.path = rows.with_name(f".{rows.name}.{digest}.prelabel.json")
        self._rows = rows

    def load(self) -> AddingState:
        """What the last run left; the same dataset from the beginning when that ended, or the rows are others now.

        Raises UnusableState.
        """
        try:
            said = orjson.loads(self.path.read_bytes())
            state = AddingState(**{each.name: said[each.name] for each in fields(AddingState)})
        except FileNotFoundError:
            return AddingState(rows=self._print())
        except (OSError, orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise UnusableState(f"{self.path} cannot be used ({type(error).__name__}): remove it") from None
        if state.done or state.rows != self._print():
            return AddingState(state.dataset_id, state.creating, self._print())
        return state

    def save(self, state: AddingState, **changes: Any) -> AddingState:
        """Whole or not at all, and on the disk when this returns. Raises OSError."""
        changed = replace(state, **changes)
        private_files.replace(self.path, orjson.dumps(asdict(changed)))
        return changed

    def _print(self) -> str:
        about = self._rows.stat()
        return f"{about.st_size} {about.st_mtime_ns}"
