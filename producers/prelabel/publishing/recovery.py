"""Move the rows that a dead process had in memory from its journal to its spools, from where they are sent."""

import logging
from collections.abc import Iterable, Iterator

from prelabel.printing import counted
from prelabel.publishing.buffer import Limits, gathered
from prelabel.publishing.journal import Cut, UnknownRecord, append, discard, read
from prelabel.spool.slots import Slot
from prelabel.wire.frame import id_of, rows_in
from prelabel.wire.lanes import DEFAULT_LANES

_log = logging.getLogger("prelabel.publisher")
_ANY_SIZE = 2**62


def recovered(slots: Iterable[Slot], limits: Limits) -> Iterator[Slot]:
    """Yield slots whose journals were moved to their spools; release the others, and log why."""
    for slot in slots:
        try:
            _move_to_spools(slot, limits)
        except (OSError, UnknownRecord) as error:
            _log.warning("the journal %s stays, since it cannot be moved to the spool: %s", slot.journal, error)
            slot.release()
        else:
            yield slot


def _move_to_spools(slot: Slot, limits: Limits) -> None:
    """Move the rows of a journal to the end of their spools, all before any of them is sent.

    A process that is killed in between leaves the journal to the next one, which finds the same frames again: rows
    without a frame are cut in the journal first, and frames that have reached the spool are not put there again.
    """
    journal = {project_id: pending for project_id, pending in read(slot.journal).items() if pending.rows}
    cuts = []
    for project_id, pending in journal.items():
        if pending.uncut:
            pending.frames += gathered(pending.uncut.values(), DEFAULT_LANES, limits).frames()
            cuts.append(Cut(project_id, pending.last, pending.frames))
    if cuts:
        append(slot.journal, cuts)
    for project_id, pending in journal.items():
        spool = slot.spool(project_id, _ANY_SIZE)
        there = spool.last_ids()
        if frames := [frame for frame in pending.frames if id_of(frame) not in there]:
            spool.append(frames)
    discard(slot.journal)
    if journal:
        rows = sum(rows_in(pending.frames) for pending in journal.values())
        _log.warning("%s of a publisher that ended without close() will be sent now", counted(rows, "row"))
