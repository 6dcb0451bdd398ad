"""Who owns which spools of a folder that several processes share.

`<spool_dir>/<n>/lock` is locked (flock) by the process that owns slot n; `<spool_dir>/<n>/projects/<project>/` are its
spools. A process takes the lowest free slot and with it what a former owner left there. The lock is the kernel's: it
goes with the process, however that ends.
"""

import os
import weakref
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from prelabel.spool.files import EXPIRED, ProjectSpool, make_folder

_LOCK, _PROJECTS = "lock", "projects"


class Slot:
    """A slot that this process owns."""

    def __init__(self, folder: Path, handle: int) -> None:
        self.folder = folder
        self._handle: int | None = handle
        _OPEN.add(self)

    def spool(self, project_id: str, max_bytes: int) -> ProjectSpool:
        """The spool of a project in this slot."""
        return ProjectSpool(self.folder / _PROJECTS / project_id, max_bytes)

    def expired(self, project_id: str, max_bytes: int) -> ProjectSpool:
        """What was set aside of it as too old."""
        return ProjectSpool(self.folder / _PROJECTS / project_id / EXPIRED, max_bytes)

    def projects(self) -> list[str]:
        """The projects that have a folder here, most of them empty."""
        return [path.name for path in project_folders(self.folder)]

    def release(self) -> None:
        """Let another process take the slot. In a forked child: forget it, the parent's lock stays."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def take_slot(spool_dir: Path) -> Slot:
    """The lowest slot that nobody owns. Raises OSError when the folder cannot be written."""
    make_folder(spool_dir)
    slots = (_try_slot(spool_dir / str(number)) for number in count())
    return next(slot for slot in slots if slot is not None)


def take_leftovers(spool_dir: Path, *, expired_too: bool = False) -> Iterator[Slot]:
    """Slots that nobody owns and that have something to send in them: their processes are gone."""
    for folder in slot_folders(spool_dir):
        if any(_has_frames(path, expired_too) for path in project_folders(folder)):
            slot = _try_slot(folder)
            if slot is not None:
                yield slot


def slot_folders(spool_dir: Path) -> list[Path]:
    """The slots of a spool folder, by number."""
    return sorted((path for path in spool_dir.glob("*") if path.name.isdecimal()), key=lambda path: int(path.name))


def project_folders(slot_folder: Path) -> list[Path]:
    """The spools of a slot, one for each project; most are empty."""
    return sorted(path for path in (slot_folder / _PROJECTS).glob("*") if path.is_dir())


def is_owned(slot_folder: Path) -> bool:
    """Whether a process owns the slot now."""
    slot = _try_slot(slot_folder)
    if slot is not None:
        slot.release()
    return slot is None


def _has_frames(spool_folder: Path, expired_too: bool) -> bool:
    """Without opening it."""
    return any(spool_folder.glob("*.frames")) or (expired_too and any(spool_folder.glob(f"{EXPIRED}/*.frames")))


def _try_slot(folder: Path) -> Slot | None:
    import fcntl  # not on Windows, where publishers without a spool work

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
    """A lock is shared with a forked child; a child that outlives its parent must not keep the parent's slot."""
    for slot in list(_OPEN):
        slot.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
