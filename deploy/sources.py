"""The committed files of the project, in a folder of their own."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]


def unpack(commit: str, folder: Path) -> bool:
    """Unpack the files of a commit into a new folder; return False where git does not know the commit."""
    folder.mkdir()
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=False)  # noqa: S603, S607
    if archive.returncode:
        return False
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)  # noqa: S603, S607
    return True
