"""The state of a held row in Redis: small JSON that scripts read and change. No I/O."""

import msgspec


class HeldState(msgspec.Struct, omit_defaults=True):
    """What scripts know of a held row (scripts/lib/held_lib.lua). Times are in ms; defaults are left out."""

    #: Arrival number; a retry as new assigns a new one.
    seq: int
    #: The lane that it goes back to.
    lane: int
    #: Number of rows that it counts as: 1, or all rows of a frame that could not be read.
    weight: int
    #: Bytes of the message.
    bytes: int
    #: Number of its annotations that Labelbox imports slowly.
    slow: int
    #: Why it is held (`prelabel.errors.Reason`).
    reason: str
    #: Fingerprint of the problem: dead letters are grouped by it.
    group: str
    #: Row key; None where the message cannot be read.
    row: str | None = None
    #: The message's id, if it has one.
    message: str | None = None
    #: Number of times that it was held.
    attempts: int = 0
    #: When it was held first.
    first: int = 0
    #: When it was held last.
    last: int = 0
    #: When it is retried (before it is stored: the delay until then); None for a dead letter and for a queued row.
    due: int | None = None
    #: When it began retrying; 0 if an operator gave it up while it was being tried.
    since: int | None = None
    #: Whether it is retried up to its project's horizon; set only before it is stored.
    retrying: bool = False
    #: Whether Labelbox has a newer message of its data row and model.
    superseded: bool = False
    #: When it was sent back to its lane; True if a script of the previous release did it.
    queued: int | bool = False
    #: When its message was published first; 0 if an older release cut its chunk.
    published: int = 0
    #: Whether it is tried once more at once if the try in progress fails.
    again: bool = False


read_state = msgspec.json.Decoder(HeldState).decode
"""Return the state that these bytes are. Raises ValueError for what no script writes."""
