"""Writes files that survive a power cut."""

import os
from pathlib import Path


def write_durably(file: Path, content: bytes) -> None:
    """Write a whole file and, if needed, its folder; a killed process leaves the complete file or none."""
    file.parent.mkdir(exist_ok=True)
    partial = file.with_name(f".{file.name}")
    with partial.open("wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
    partial.rename(file)
    for folder in (file.parent, file.parent.parent):
        descriptor = os.open(folder, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
