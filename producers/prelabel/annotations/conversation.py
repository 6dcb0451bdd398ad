"""Conversations: entities in a message, and answers about one (docs/reference/labelbox-format.md#2-5 and #2-13)."""

from typing import Annotated, Any, ClassVar

from pydantic import Field

from prelabel.annotations.base import Rule, Wire, for_people, with_arguments
from prelabel.annotations.classifications import Checklist, FreeText, Radio
from prelabel.annotations.objects import GeometricObject
from prelabel.annotations.text import check_location

MAX_MESSAGE = 10_000
"""Maximum number of characters of a message of a conversation (docs/reference/labelbox-format.md#1-9)."""
MAX_MESSAGE_ID = 1000
"""Maximum number of characters of a message id; an assumption, Labelbox documents none."""
MessageId = Annotated[str, Field(min_length=1, max_length=MAX_MESSAGE_ID)]
"""The id of a message in the asset; only Labelbox knows whether it exists."""
Offset = Annotated[int, Field(ge=0, lt=MAX_MESSAGE)]


class MessageLocation(Wire):
    """From the first to the last character of the message's `content`, both inclusive, counted from 0."""

    start: Offset
    end: Offset


class ConversationEntity(GeometricObject):
    """Characters of a message: `ConversationEntity("harbour", start=18, end=26, message_id="m-2")`.

    Source: docs/reference/labelbox-format.md#2-13.
    """

    CHECKS: ClassVar[tuple[Rule, ...]] = (check_location,)

    location: MessageLocation
    message_id: MessageId

    @for_people
    def __init__(
        self,
        name: str | None = None,
        *,
        start: int | None = None,
        end: int | None = None,
        message_id: str | None = None,
        **fields: Any,
    ) -> None:
        location = with_arguments({}, start=start, end=end) or None
        super().__init__(**with_arguments(fields, name=name, location=location, message_id=message_id))


class MessageRadio(Radio):
    """One option about one message: `MessageRadio("tone", "calm", message_id="m-3")`.

    Source: docs/reference/labelbox-format.md#2-5.

    An answer about the whole conversation is a `Radio`. The feature may be answered once per message.
    """

    message_id: MessageId


class MessageChecklist(Checklist):
    """Options about one message: `MessageChecklist("topics", ["berth"], message_id="m-3")`.

    Source: docs/reference/labelbox-format.md#2-5.
    """

    message_id: MessageId


class MessageText(FreeText):
    """A text about one message: `MessageText("note", "Asks for berth 4.", message_id="m-3")`.

    Source: docs/reference/labelbox-format.md#2-5.
    """

    message_id: MessageId
