"""Documents: boxes on a page, and entities of a page's text layer.

Source: docs/reference/labelbox-format.md#2-14 and #2-15.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from prelabel.annotations.base import MAX_NUMBER, Wire, for_people, with_arguments
from prelabel.annotations.objects import BoundingBox, GeometricObject

MAX_TOKENS = 100_000
"""Maximum number of tokens of a selection and of selections of an entity; an assumption, Labelbox documents none."""
MAX_TOKEN_ID = 1000
"""Maximum number of characters of a group's or token's id; an assumption, Labelbox's ids have 36."""
LayerId = Annotated[str, Field(min_length=1, max_length=MAX_TOKEN_ID)]
Unit = Literal["INCHES", "PIXELS", "POINTS", "PERCENT"]
"""POINTS are 1/72 inch, the text layer's unit. Whether PERCENT ends at 1 or 100 is not documented
(docs/reference/labelbox-format.md#question-7-3): the numbers are passed on unchanged."""


class TextSelection(Wire):
    """Tokens of one group on one page, by their ids in the data row's text layer; the first page is 1."""

    group_id: LayerId
    token_ids: Annotated[list[LayerId], Field(min_length=1, max_length=MAX_TOKENS)]
    page: Annotated[int, Field(ge=1, le=MAX_NUMBER)]


class DocumentEntity(GeometricObject):
    """Tokens of a document's text layer, one selection per group and page.

    Source: docs/reference/labelbox-format.md#2-14.

    `DocumentEntity("ship name", [TextSelection(group_id=…, token_ids=[…], page=1)])`. Labelbox's own client sends the
    feature's name even if it has the id; so if the name is missing, the worker adds it.
    """

    text_selections: Annotated[list[TextSelection], Field(min_length=1, max_length=MAX_TOKENS)]

    @for_people
    def __init__(self, name: str | None = None, text_selections: Any = None, **fields: Any) -> None:
        super().__init__(**with_arguments(fields, name=name, text_selections=text_selections))


class DocumentBox(BoundingBox):
    """An upright rectangle on a page, from the page's upper left corner (docs/reference/labelbox-format.md#2-15).

    `DocumentBox("stamp", left=72, top=90, width=180, height=14, page=1)`. Sources differ on whether the first page is 0
    or 1 (docs/reference/labelbox-format.md#question-7-2): `page` is passed on unchanged.
    """

    page: Annotated[int, Field(ge=0, le=MAX_NUMBER)]
    unit: Unit

    @for_people
    def __init__(self, name: str | None = None, *, unit: Unit | None = "POINTS", **fields: Any) -> None:
        super().__init__(name, **with_arguments(fields, unit=unit))
