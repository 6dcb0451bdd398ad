"""The prediction message: one model's predictions for one data row (docs/messages.md).

These models are the definition. `prelabel.gate` makes the fast check out of them.
"""

import os
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, Self, Union

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from prelabel.annotations.base import Annotation, Wire, for_people
from prelabel.annotations.kinds import KEYS, KINDS, kind_name_of_answer

MAX_GLOBAL_KEY = 200
"""Labelbox's limit (ndjson-formats, section 1.4)."""
MAX_ID = 200
MAX_ANNOTATIONS_PER_FEATURE = 5000
"""Labelbox's limit for one feature name on one data row in one import (ndjson-formats, section 1.9)."""

RFC_3339 = r"^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})\Z"


def uuid7() -> str:
    """A UUID that sorts by the millisecond it was made (RFC 9562)."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


class DataRow(Wire):
    """The asset: exactly one of Labelbox's id and the producer's global key."""

    id: Annotated[str, Field(min_length=1, max_length=MAX_ID)] | None = None
    global_key: Annotated[str, Field(min_length=1, max_length=MAX_GLOBAL_KEY)] | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.id is None) == (self.global_key is None):
            context = {"path": "", "found": "none" if self.id is None else "both"}
            raise PydanticCustomError(
                "check_failed", "expected {expected}", {**context, "expected": "exactly one of id and globalKey"}
            )
        return self


class GlobalKey(DataRow):
    """A data row by the producer's key: `GlobalKey("cam-1/000184.jpg")`."""

    @for_people
    def __init__(self, global_key: str, /) -> None:
        super().__init__(global_key=global_key)


class DataRowId(DataRow):
    """A data row by Labelbox's id: `DataRowId("cmh2k4t8x00a107l5e1v9q3zr")`."""

    @for_people
    def __init__(self, data_row_id: str, /) -> None:
        super().__init__(id=data_row_id)


class Model(Wire):
    """Who predicted: `Model("yolo", "11s")`. The name is part of a pre-label's identity, the version is not."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    version: Annotated[str, Field(max_length=200)] | None = None

    @for_people
    def __init__(self, name: str | None = None, version: str | None = None, **fields: Any) -> None:
        given = {key: value for key, value in (("name", name), ("version", version)) if value is not None}
        super().__init__(**fields, **given)


def kind_of(annotation: Any) -> str | None:
    """Which kind an annotation is, for the union below; None: it has no kind key, or two."""
    if isinstance(annotation, Annotation):
        return next(kind.name for kind in KINDS if type(annotation) is kind.model)
    if not isinstance(annotation, Mapping):
        return None
    present = [key for key in KEYS if annotation.get(key) is not None]
    if set(present) <= {"answer", "answers"} and present:
        return kind_name_of_answer(annotation.get("answer"), annotation.get("answers"))
    return next(kind.name for kind in KINDS if kind.key == present[0]) if len(present) == 1 else None


# One member for each line of the table of kinds; the key picks it, so that an error is about that kind alone.
_MEMBERS = tuple(Annotated[kind.model, Tag(kind.name)] for kind in KINDS)
AnyAnnotation = Annotated[
    Union[_MEMBERS],  # type: ignore[valid-type]  # noqa: UP007 - made at run time
    Discriminator(
        kind_of,
        custom_error_type="no_kind",
        custom_error_message="an annotation has exactly one kind",
    ),
]


def _as_text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


class PredictionMessage(Wire):
    """One model's predictions for one data row; publishing it again overrides what the same model said before.

    `message_id` is assigned when it is published without one. `produced_at` is kept and decides nothing; order is
    the order of arrival. `traceparent` joins the fleet's trace (W3C trace context).
    """

    version: Literal[1] | None = None
    message_id: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    project_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+\Z", max_length=64)]
    data_row: DataRow
    model: Model | None = None
    produced_at: Annotated[str, Field(pattern=RFC_3339), BeforeValidator(_as_text)] | None = None
    traceparent: Annotated[str, Field(max_length=512)] | None = None
    annotations: Annotated[list[AnyAnnotation], Field(min_length=1)]
