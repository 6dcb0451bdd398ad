"""The thread that writes to the disk: what Redis does not take, and what comes after it."""

import logging
import time
from pathlib import Path

from prelabel.publishing.outbox import Outbox
from prelabel.publishing.outboxes import Outboxes
from prelabel.spool.files import SpoolFull
from prelabel.spool.slots import take_leftovers

_log = logging.getLogger("prelabel.publisher")
_FIRST_LOOK_SECONDS = 10.0  # a server's processes start together: each should find its own slot free
_LOOK_SECONDS = 60.0


class Spooler:
    """Moves rows from memory to the end of their project's spool, and adopts what other processes left."""

    def __init__(self, outboxes: Outboxes, spool_dir: Path) -> None:
        self._outboxes = outboxes
        self._spool_dir = spool_dir
        self._look_at = time.monotonic() + _FIRST_LOOK_SECONDS

    def run(self) -> None:
        """Write until the outboxes are closed."""
        while not self._outboxes.closed:
            box = self._outboxes.next_write(self._look_at)
            if box is not None:
                self._write(box)
            elif time.monotonic() >= self._look_at:
                self._look_at = time.monotonic() + _LOOK_SECONDS
                self._look_for_leftovers()

    def write_rest(self) -> None:
        """Write what is still in memory, for a process that ends; what the disk does not take stays there."""
        for box in self._outboxes.rest():
            self._write(box)

    def _write(self, box: Outbox) -> None:
        assert box.spool is not None  # noqa: S101 - only outboxes with one get here
        try:
            box.spool.append(self._outboxes.frames(box))
        except Exception as error:  # of the disk, or unexpected: rows are waiting, so the thread must survive it
            if not isinstance(error, SpoolFull):
                _log.warning("the spool of project %s cannot be written: %r", box.project_id, error)
            self._outboxes.not_written(box, error)
        else:
            self._outboxes.written(box)

    def _look_for_leftovers(self) -> None:
        self._outboxes.release_adopted()
        try:
            for slot in take_leftovers(self._spool_dir):
                self._outboxes.adopt(slot)
        except OSError as error:
            _log.warning("what other processes left in %s cannot be read: %s", self._spool_dir, error)
