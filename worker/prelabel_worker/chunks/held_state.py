"""The state of a held row, as it stands in Redis: small JSON that scripts read and change. Pure."""

import msgspec


class HeldState(msgspec.Struct, omit_defaults=True):
    """What scripts know of a held row (scripts/lib/held_lib.lua); times in ms. What is not set is not stored."""

    #: Arrival number; a retry as new gives it another.
    seq: int
    #: The lane that it goes back to.
    lane: int
    #: Its rows in our sums: 1, or those of a frame that could not be read.
    weight: int
    #: Size of the message.
    bytes: int
    #: Its annotations that Labelbox imports slowly.
    slow: int
    #: Why it is held (`prelabel.errors.Reason`).
    reason: str
    #: Fingerprint of the problem: what dead letters are grouped by.
    group: str
    #: Row key; none where the message cannot be read.
    row: str | None = None
    #: The message's id, where it has one.
    message: str | None = None
    #: How often it was held.
    attempts: int = 0
    #: When it was held first.
    first: int = 0
    #: When it was held last.
    last: int = 0
    #: When it is tried again; of a row about to be held, the delay until then. None: a dead letter, or queued.
    due: int | None = None
    #: When it began retrying; 0: it was given up while it was tried.
    since: int | None = None
    #: Of a row about to be held: it is retried up to its project's horizon.
    retrying: bool = False
    #: A newer message of its data row and model stands in Labelbox.
    superseded: bool = False
    #: When it was sent back to its lane; True: a script of the release before did it.
    queued: int | bool = False
    #: It is tried once more at once if the try in progress fails.
    again: bool = False


read_state = msgspec.json.Decoder(HeldState).decode
"""Return the state that these bytes are. Raises ValueError for what no script writes."""
