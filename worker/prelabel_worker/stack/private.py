"""Folders and files of the stack, for their owner alone: they hold passwords, a key and rows."""

import os
from pathlib import Path

UMASK = 0o077
"""For child processes: what they make is for their owner alone."""


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, for its owner alone; tighten one that exists and is ours."""
    for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)
    _tighten(folder)


def tighten(folder: Path) -> None:
    """Take everybody else's rights from a folder and all it holds. What belongs to another user stays as it is."""
    _tighten(folder)
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            _tighten(Path(parent, name))


def _tighten(path: Path) -> None:
    """Tighten a file or folder, unless it has gone meanwhile. A link is left alone: it may lead anywhere."""
    try:
        status = path.lstat()
        if status.st_uid == os.geteuid() and status.st_mode & UMASK and not path.is_symlink():
            path.chmod(status.st_mode & 0o700)
    except FileNotFoundError:
        pass
