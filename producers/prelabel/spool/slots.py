"""Slots divide the spools of a folder among the processes that share it.

The process that owns slot n locks `<spool_dir>/<n>/lock` (flock); `<spool_dir>/<n>/projects/<project>/` are its spools,
and `<spool_dir>/<n>/journal/` is its journal. A process takes the lowest slot that no other process owns, and with it
what a former owner left there. The kernel releases the lock when the process ends, however that happens.
"""

import os
import weakref
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from prelabel.spool.files import EXPIRED, ProjectSpool, make_folder

_LOCK, _PROJECTS, _JOURNAL = "lock", "projects", "journal"


class Slot:
    """A slot that this process owns."""

    def __init__(self, folder: Path, handle: int) -> None:
        self.folder = folder
        self._handle: int | None = handle
        _OPEN.add(self)

    def spool(self, project_id: str, max_bytes: int) -> ProjectSpool:
        """Open the spool of a project in this slot."""
        return ProjectSpool(projects_folder(self.folder) / project_id, max_bytes)

    def expired(self, project_id: str, max_bytes: int) -> ProjectSpool:
        """Open the spool of a project's frames that are too old to be sent."""
        return ProjectSpool(projects_folder(self.folder) / project_id / EXPIRED, max_bytes)

    @property
    def journal(self) -> Path:
        """The folder of the journal of its publisher; see `prelabel.publishing.journal`."""
        return journal_folder(self.folder)

    def projects(self) -> list[str]:
        """Return the projects that have a folder here, most of them empty."""
        return [path.name for path in project_folders(self.folder)]

    def release(self) -> None:
        """Let another process take the slot. In a forked child this forgets the slot, and the parent keeps the lock."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def take_slot(spool_dir: Path) -> Slot:
    """Take the lowest slot that no process owns. Raises OSError if the folder cannot be written."""
    return next(take_slots(spool_dir))


def take_slots(spool_dir: Path) -> Iterator[Slot]:
    """Take one slot after the other that no process owns, lowest first, without end. Raises OSError as `take_slot`."""
    make_folder(spool_dir)
    for number in count():
        slot = _try_slot(spool_dir / str(number))
        if slot is not None:
            yield slot


def take_leftovers(spool_dir: Path, *, expired_too: bool = False) -> Iterator[Slot]:
    """Take the slots that have rows to send and whose processes have ended; `expired_too` counts expired frames."""
    for folder in slot_folders(spool_dir):
        in_spools = any(_has_frames(path, expired_too) for path in project_folders(folder))
        if in_spools or any(journal_folder(folder).glob("*")):
            slot = _try_slot(folder)
            if slot is not None:
                yield slot


def slot_folders(spool_dir: Path) -> list[Path]:
    """Return the folders of the slots, by number."""
    return sorted((path for path in spool_dir.glob("*") if path.name.isdecimal()), key=lambda path: int(path.name))


def project_folders(slot_folder: Path) -> list[Path]:
    """Return the folders of a slot's spools, one for each project; most are empty."""
    return sorted(path for path in projects_folder(slot_folder).glob("*") if path.is_dir())


def projects_folder(slot_folder: Path) -> Path:
    """Return the folder that has the folders of a slot's spools."""
    return slot_folder / _PROJECTS


def journal_folder(slot_folder: Path) -> Path:
    """Return the folder of a slot's journal; usually missing."""
    return slot_folder / _JOURNAL


def is_owned(slot_folder: Path) -> bool:
    """Return whether a process owns the slot now."""
    slot = _try_slot(slot_folder)
    if slot is not None:
        slot.release()
    return slot is None


def _has_frames(spool_folder: Path, expired_too: bool) -> bool:
    """Return whether a spool has frames, without opening it."""
    return any(spool_folder.glob("*.frames")) or (expired_too and any(spool_folder.glob(f"{EXPIRED}/*.frames")))


def _try_slot(folder: Path) -> Slot | None:
    """Take a slot; return None if a process owns it."""
    import fcntl  # imported here, since Windows has no fcntl, and publishers without a spool work there

    make_folder(folder)
    handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return Slot(folder, handle)


_OPEN: "weakref.WeakSet[Slot]" = weakref.WeakSet()


def _forget_in_child() -> None:
    """Close the locks that a forked child shares with its parent: a child that lives longer must not keep the slot."""
    for slot in list(_OPEN):
        slot.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
