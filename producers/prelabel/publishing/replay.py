"""Send the frames of a spool to Redis, one send at a time, for a publisher or for `prelabel spool send`."""

from collections.abc import Sequence
from itertools import takewhile

from prelabel.errors import MessageError
from prelabel.publishing.buffer import Limits, Row, gathered
from prelabel.publishing.inbox import Inbox, LanesDiffer
from prelabel.publishing.outbox import Step
from prelabel.spool.files import ProjectSpool, SpoolDamaged
from prelabel.wire.frame import UnreadableFrame, cut_at, read_messages, relaned, rows_in


def replay(spool: ProjectSpool, project_id: str, inbox: Inbox, limits: Limits, oldest: float) -> Step:
    """Send the first frames of a spool and remove them from it, or set them aside if they are damaged or too old.

    Frames that were cut before `oldest`, in seconds since the epoch, are too old. Raises InboxFull (nothing was
    accepted), NotDurable, OSError or a redis error; then the frames are still at the head of the spool.
    """
    try:
        frames = spool.head(limits.send_rows, limits.send_bytes)
    except SpoolDamaged as damage:
        return Step(set_aside=damage.rows)
    if not frames:
        return Step()
    expired = list(takewhile(lambda frame: cut_at(frame) < oldest, frames))
    if expired:
        spool.expire(expired)
        return Step(set_aside=rows_in(expired))
    try:
        inbox.put(project_id, frames)
    except LanesDiffer as refusal:
        # Replace them on the disk before any is sent: after a crash, only the new frames can be sent, never both.
        spool.replace(frames, recut(frames, refusal.lanes, limits))
        return Step(lanes=refusal.lanes)
    spool.advance(frames)
    return Step(answered=rows_in(frames))


def recut(frames: Sequence[bytes], lanes: int, limits: Limits) -> list[bytes]:
    """Cut the rows of frames that Redis refused, all of them, for another number of lanes and with new ids."""
    rows: list[Row] = []
    unreadable: list[bytes] = []
    for frame in frames:
        try:
            rows += [_row(raw) for raw in read_messages(frame)]
        except (UnreadableFrame, MessageError):
            unreadable.append(relaned(frame, lanes))  # a worker makes a dead letter of it
    return [*gathered(rows, lanes, limits).frames(), *unreadable]


def _row(raw: bytes) -> Row:
    from prelabel.validation.gate import prepare  # see `PublisherCore`

    prepared = prepare(raw, max_bytes=len(raw))
    return Row(prepared.data_row_key, prepared.raw, prepared.slow)
