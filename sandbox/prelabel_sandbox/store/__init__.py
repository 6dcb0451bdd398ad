"""The sandbox's state, in one folder. A killed process loses no import whose request was answered."""

import os
from pathlib import Path

from prelabel_sandbox.store.account_rows import AccountRows
from prelabel_sandbox.store.batches import Batches
from prelabel_sandbox.store.browsing import Browsing
from prelabel_sandbox.store.catalog import Catalog
from prelabel_sandbox.store.database import Database
from prelabel_sandbox.store.datasets import Datasets
from prelabel_sandbox.store.exports import Exports
from prelabel_sandbox.store.feature_schemas import FeatureSchemas
from prelabel_sandbox.store.imports import Import, Imports
from prelabel_sandbox.store.ontologies import Ontologies
from prelabel_sandbox.store.pre_labels import PreLabels
from prelabel_sandbox.store.projects import Projects
from prelabel_sandbox.store.row_content import RowContent
from prelabel_sandbox.store.row_index import RowIndex
from prelabel_sandbox.store.tasks import Tasks
from prelabel_sandbox.store.uploads import Uploads
from prelabel_sandbox.store.workflow import Workflow


def _tighten(folder: Path) -> None:
    """Remove other users' access to files that an earlier release wrote: they may hold secrets."""
    for path in (*folder.glob("state.sqlite3*"), folder / "imports", folder / "uploads", folder / "exports"):
        if path.exists() and path.stat().st_uid == os.geteuid():
            path.chmod(path.stat().st_mode & 0o700)


class Store:
    """The state of a sandbox. Safe to share between threads; one process at a time may use it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        _tighten(folder)
        self._database = Database(folder / "state.sqlite3")
        self.ontologies = Ontologies(self._database)
        self.feature_schemas = FeatureSchemas(self._database)
        self.projects = Projects(self._database)
        self.imports = Imports(self._database, folder / "imports")
        self.tasks = Tasks(self._database)
        self.datasets = Datasets(self._database)
        self.catalog = Catalog(self._database, self.tasks)
        self.account_rows = AccountRows(self._database)
        self.batches = Batches(self._database, self.tasks)
        self.uploads = Uploads(self._database, folder / "uploads")
        self.pre_labels = PreLabels(self._database, self.imports, "pre_labels")
        self.labels = PreLabels(self._database, self.imports, "labels")
        self.workflow = Workflow(self._database, self.projects, self.labels)
        self.row_index = RowIndex(self._database, self.imports, self.projects)
        self.row_content = RowContent(self._database, self.projects, self.imports, self.labels, self.row_index)
        self.exports = Exports(folder / "exports")
        self.browsing = Browsing(self._database, self.projects, self.imports, self.row_index)

    def content_of(self, item: Import) -> PreLabels:
        """Return the part of the store that keeps an import's lines."""
        return self.labels if item.kind == "label" else self.pre_labels

    def close(self) -> None:
        """Close the database."""
        self.row_index.close()
        self._database.close()
