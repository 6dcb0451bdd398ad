"""What is known of a data row's asset; what is not known is not checked."""

from typing import Annotated

import msgspec
from msgspec import Meta

Count = Annotated[int, Meta(ge=1)]
Text = Annotated[str, Meta(min_length=1)]


class Asset(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Optional facts, as they are posted with a project's data rows."""

    messages: list[Text] | dict[Text, Count] | None = None  # of a conversation: ids, or ids and their characters
    frames: Count | None = None  # of a video
    seconds: Annotated[float, Meta(gt=0)] | None = None  # of a recording
    characters: Count | None = None  # of a text
    pages: Count | None = None  # of a document
    tokens: dict[str, dict[str, list[str]]] | None = None  # of a document's text layer: page → group → tokens
    width: Count | None = None  # of an image, in pixels
    height: Count | None = None
    row_data: Text | None = None  # the address of the asset, or its text


UNKNOWN = Asset()
