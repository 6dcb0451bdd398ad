"""Facts about a data row's asset; unknown facts are not checked."""

from typing import Annotated

import msgspec
from msgspec import Meta

Count = Annotated[int, Meta(ge=1)]
Text = Annotated[str, Meta(min_length=1)]


class Asset(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Optional facts about an asset, as they are posted with a project's data rows."""

    #: Messages of a conversation: their ids, or their numbers of characters by id.
    messages: list[Text] | dict[Text, Count] | None = None
    #: Number of frames of a video.
    frames: Count | None = None
    #: Duration of a recording.
    seconds: Annotated[float, Meta(gt=0)] | None = None
    #: Number of characters of a text.
    characters: Count | None = None
    #: Number of pages of a document.
    pages: Count | None = None
    #: Text layer of a document: page → group → tokens.
    tokens: dict[str, dict[str, list[str]]] | None = None
    #: Width of an image in pixels.
    width: Count | None = None
    #: Height of an image in pixels.
    height: Count | None = None
    #: Address of the asset, or its text.
    row_data: Text | None = None


UNKNOWN = Asset()
