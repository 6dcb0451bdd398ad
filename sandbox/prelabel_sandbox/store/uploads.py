"""Uploaded files and their addresses: manifests, and assets that were local files."""

import secrets
import shutil
import time
from pathlib import Path

from prelabel_sandbox.store.database import Database
from prelabel_sandbox.store.durable import write_durably


class Uploads:
    """The uploads, kept in the database and in a folder. Anyone who has the address of one may read it."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder
        folder.mkdir(exist_ok=True)
        self._sweep()

    def keep(self, filename: str, content: bytes) -> str:
        """Store a file and return the secret part of its address."""
        secret = secrets.token_urlsafe(24)
        write_durably(self._folder / secret / "content", content)
        with self._database.transaction() as connection:
            connection.execute("INSERT INTO uploads VALUES (?, ?, ?)", (secret, filename, time.time()))
        return secret

    def find(self, secret: str) -> tuple[str, Path] | None:
        """Return the name with which a file was uploaded, and its path, or None."""
        row = self._database.one("SELECT filename FROM uploads WHERE secret = ?", secret)
        return (row[0], self._folder / secret / "content") if row else None

    def _sweep(self) -> None:
        """Remove files whose upload was not completed."""
        known = {row[0] for row in self._database.all("SELECT secret FROM uploads")}
        for folder in self._folder.iterdir():
            if folder.name not in known:
                shutil.rmtree(folder)
