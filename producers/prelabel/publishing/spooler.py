"""The thread that writes to the disk: the rows that Redis does not accept, and the newer rows behind them."""

import logging
import time
from pathlib import Path

from prelabel.publishing.outbox import Outbox
from prelabel.publishing.outboxes import Outboxes
from prelabel.publishing.recovery import recovered
from prelabel.spool.files import SpoolFull
from prelabel.spool.slots import take_leftovers

_log = logging.getLogger("prelabel.publisher")
_FIRST_LOOK_SECONDS = 10.0  # a server's processes start together: let each take its slot before leftovers are adopted
_LOOK_SECONDS = 60.0


class Spooler:
    """Moves rows from memory to the end of their project's spool, and adopts the spools that other processes left."""

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
        """Write the rows in memory at the end of the process; rows that the disk does not accept stay in memory."""
        for box in self._outboxes.rest():
            self._write(box)

    def _write(self, box: Outbox) -> None:
        assert box.spool is not None  # noqa: S101 - only outboxes with a spool get here
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
            for slot in recovered(take_leftovers(self._spool_dir), self._outboxes.limits):
                self._outboxes.adopt(slot)
        except OSError as error:
            _log.warning("the spools that other processes left in %s cannot be read: %s", self._spool_dir, error)
