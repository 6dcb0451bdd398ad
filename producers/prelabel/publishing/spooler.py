"""The thread that writes to the disk: what Redis does not take, and what comes after it."""

import logging
import time
from pathlib import Path

from prelabel.publishing.outbox import Outbox, Outboxes
from prelabel.spool.files import SpoolFull
from prelabel.spool.slots import Slot, take_leftovers

_log = logging.getLogger("prelabel.publisher")
_FIRST_LOOK_SECONDS = 10.0  # a server's processes start together: each should find its own slot free
_LOOK_SECONDS = 60.0
_RETRY_SECONDS = 1.0


class Spooler:
    """Moves rows from memory to the end of their project's spool, and takes over what processes left behind."""

    def __init__(self, outboxes: Outboxes, spool_dir: Path) -> None:
        self._outboxes = outboxes
        self._spool_dir = spool_dir
        self._look_at = time.monotonic() + _FIRST_LOOK_SECONDS
        self._adopted: dict[Slot, list[Outbox]] = {}

    def run(self) -> None:
        """Until the outboxes are closed."""
        while not self._outboxes.closed:
            box = self._next()
            if box is not None:
                self._write(box)
            elif time.monotonic() >= self._look_at:
                self._look_at = time.monotonic() + _LOOK_SECONDS
                self._look_for_leftovers()

    def write_rest(self) -> None:
        """Everything that is still in memory, for a process that ends; what does not fit stays there."""
        for box in self._outboxes.own.values():
            box.full = box.busy = False
            while box.buffer.rows_in_memory and not box.full and box.spool is not None:
                with self._outboxes.changed:
                    box.buffer.take(time.monotonic())
                self._write(box)
                if box.write_not_before > time.monotonic():
                    break

    def release(self) -> None:
        """Leave the slots that were taken over to others."""
        for slot in self._adopted:
            slot.release()

    def _next(self) -> Outbox | None:
        """Wait for rows that should be written; None when it is time to look around, or to end."""
        outboxes = self._outboxes
        with outboxes.changed:
            while not outboxes.closed and (now := time.monotonic()) < self._look_at:
                boxes = outboxes.own.values()
                times = [(at, box) for box in boxes if (at := box.write_at(outboxes.redis_is_away)) is not None]
                due = [box for at, box in times if at <= now]
                if due:
                    return self._begin(min(due, key=lambda box: box.written), now)
                outboxes.changed.wait(min([self._look_at, *(at for at, _ in times)]) - now)
        return None

    def _begin(self, box: Outbox, now: float) -> Outbox:
        box.busy, box.written = True, now
        box.buffer.take(now)
        return box

    def _write(self, box: Outbox) -> None:
        assert box.spool is not None  # noqa: S101 - only outboxes with one get here
        try:
            box.spool.append(box.buffer.encode())
        except SpoolFull as error:
            self._not_written(error)
            box.full = True
        except Exception as error:  # of the disk, or unforeseen: the thread must outlive it, for rows are waiting
            _log.warning("the spool of project %s cannot be written: %r", box.project_id, error)
            self._not_written(error)
            box.write_not_before = time.monotonic() + _RETRY_SECONDS
        else:
            with self._outboxes.changed:
                box.buffer.spool()
        finally:
            with self._outboxes.changed:
                box.busy = False
                self._outboxes.tell()

    def _not_written(self, error: Exception) -> None:
        self._outboxes.last_error = f"{self._outboxes.last_error or ''}; {error}".lstrip("; ")[-500:]

    def _look_for_leftovers(self) -> None:
        for slot, boxes in list(self._adopted.items()):
            if not any(box.buffer.spooled for box in boxes):
                self._forget(slot, boxes)
        try:
            for slot in take_leftovers(self._spool_dir):
                self._adopted[slot] = self._outboxes.adopt(slot)
        except OSError as error:
            _log.warning("what other processes left in %s cannot be read: %s", self._spool_dir, error)

    def _forget(self, slot: Slot, boxes: list[Outbox]) -> None:
        del self._adopted[slot]
        with self._outboxes.changed:
            self._outboxes.adopted = [box for box in self._outboxes.adopted if box not in boxes]
        slot.release()
