"""What the sandbox has accepted, in one folder: an answered import survives a killed process."""

from pathlib import Path

from prelabel_sandbox.store.browsing import Browsing
from prelabel_sandbox.store.database import Database
from prelabel_sandbox.store.imports import Imports
from prelabel_sandbox.store.pre_labels import PreLabels
from prelabel_sandbox.store.projects import Projects
from prelabel_sandbox.store.row_index import RowIndex


class Store:
    """The state of a sandbox. Safe to share between threads; of one process at a time."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._database = Database(folder / "state.sqlite3")
        self.projects = Projects(self._database)
        self.imports = Imports(self._database, folder / "imports")
        self.pre_labels = PreLabels(self._database, self.imports)
        self.row_index = RowIndex(self._database, self.imports, self.projects)
        self.browsing = Browsing(self._database, self.projects, self.imports, self.row_index)

    def close(self) -> None:
        """Close the database."""
        self.row_index.close()
        self._database.close()
