"""Make the stack's folders and files private to their owner: they hold passwords, a key and rows."""

import os
from pathlib import Path

UMASK = 0o077
"""The umask of child processes: the files that they make are private to the owner."""


def make_folder(folder: Path) -> None:
    """Make a private folder, and its parents; make an existing folder of ours private."""
    for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)
    _tighten(folder)


def tighten(folder: Path) -> None:
    """Make a folder and everything in it private, except what belongs to another user."""
    _tighten(folder)
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            _tighten(Path(parent, name))


def _tighten(path: Path) -> None:
    """Make a file or folder private, unless it has been removed. A link is left alone: it may lead anywhere."""
    try:
        status = path.lstat()
        if status.st_uid == os.geteuid() and status.st_mode & UMASK and not path.is_symlink():
            path.chmod(status.st_mode & 0o700)
    except FileNotFoundError:
        pass
