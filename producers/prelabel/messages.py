"""The prediction message: one model's predictions for one data row (docs/reference/messages.md).

These models are the definition; `prelabel.validation.gate` derives the fast check from them.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, Field, PlainValidator, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from prelabel.annotations.base import Annotation, CheckFailed, Wire, for_people, with_arguments
from prelabel.annotations.kinds import BY_PLACE, kind_of_json, own_keys
from prelabel.ids import MAX_PROJECT_ID, PROJECT_ID, message_uuid7

VERSION = 1
"""The version of the message contract."""
MAX_GLOBAL_KEY = 200
"""Labelbox's limit (docs/reference/labelbox-format.md#1-4)."""
MAX_ID = 200
"""Maximum number of characters of a data row id, message id, model name or version; Labelbox's ids have 25."""
MAX_TRACEPARENT = 512

RFC_3339 = r"^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})\Z"


def new_message_id() -> str:
    """Return a UUID that sorts by the millisecond in which it was made."""
    text = message_uuid7().hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


class DataRow(Wire):
    """The asset, named by exactly one of Labelbox's id and the producer's global key."""

    PLACE: ClassVar[str | None] = "dataRow"

    id: Annotated[str, Field(min_length=1, max_length=MAX_ID)] | None = None
    global_key: Annotated[str, Field(min_length=1, max_length=MAX_GLOBAL_KEY)] | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        try:
            check_data_row(self)
        except CheckFailed as error:
            raise PydanticCustomError("check_failed", "expected {expected}", vars(error)) from None
        return self


def check_data_row(data_row: Any) -> None:
    """Check that a model, or the gate's struct, has exactly one of the two keys."""
    if (data_row.id is None) == (data_row.global_key is None):
        raise CheckFailed("", "none" if data_row.id is None else "both", "exactly one of id and globalKey")


class GlobalKey(DataRow):
    """A data row, named by the producer's key: `GlobalKey("cam-1/000184.jpg")`."""

    @for_people
    def __init__(self, global_key: str, /) -> None:
        super().__init__(global_key=global_key)


class DataRowId(DataRow):
    """A data row, named by Labelbox's id: `DataRowId("cmh2k4t8x00a107l5e1v9q3zr")`."""

    @for_people
    def __init__(self, data_row_id: str, /) -> None:
        super().__init__(id=data_row_id)


class Model(Wire):
    """The model that predicted: `Model("yolo", "11s")`. A pre-label's identity includes the name, not the version."""

    PLACE: ClassVar[str | None] = "model"

    name: Annotated[str, Field(min_length=1, max_length=MAX_ID)]
    version: Annotated[str, Field(max_length=MAX_ID)] | None = None

    @for_people
    def __init__(self, name: str | None = None, version: str | None = None, **fields: Any) -> None:
        super().__init__(**with_arguments(fields, name=name, version=version))


def read_annotation(value: Any, info: ValidationInfo) -> Annotation:
    """Return an annotation as the model of its kind, which its key determines.

    So errors are about that kind alone, and no other kind's module is loaded.
    """
    if isinstance(value, Annotation) and (type(value).__module__, type(value).__name__) in BY_PLACE:
        return value
    if not isinstance(value, Mapping):
        raise PydanticCustomError("no_kind", "no annotation")
    value = without_nulls(value)
    try:
        kind = kind_of_json(value)
    except CheckFailed:
        raise PydanticCustomError("no_kind", "no kind, or two") from None
    # Not `model_validate`, which raises our error: the path in the message is pydantic's to find.
    read: Annotation = kind.model.__pydantic_validator__.validate_python(
        value, by_alias=True, by_name=False, context=info.context
    )
    return read


def without_nulls(annotation: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an annotation without the keys of any kind whose value is null.

    Many languages write all fields of a class, with null for the unused ones.
    """
    if None in annotation.values():
        return {key: value for key, value in annotation.items() if value is not None or key not in own_keys()}
    return annotation


def _as_text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


if TYPE_CHECKING:
    AnyAnnotation = Annotation
    Annotations = Sequence[Annotation | Mapping[str, Any]]
else:
    AnyAnnotation = Annotated[Any, PlainValidator(read_annotation)]
    Annotations = list[AnyAnnotation]


class PredictionMessage(Wire):
    """One model's predictions for one data row; publishing it again overrides the same model's earlier ones."""

    PLACE: ClassVar[str | None] = ""

    #: Version of the contract. Not a Literal, because pydantic would accept true and 1.0 for 1.
    version: Annotated[int, Field(ge=VERSION, le=VERSION)] | None = None
    #: Assigned on publishing if it is missing.
    message_id: Annotated[str, Field(min_length=1, max_length=MAX_ID)] | None = None
    #: Labelbox's id of the project.
    project_id: Annotated[str, Field(pattern=PROJECT_ID, max_length=MAX_PROJECT_ID)]
    #: The asset that the predictions are for.
    data_row: DataRow
    #: The model that predicted.
    model: Model | None = None
    #: Stored, but without effect: the order of arrival counts.
    produced_at: Annotated[str, Field(pattern=RFC_3339), BeforeValidator(_as_text)] | None = None
    #: Links the span of the message's import to the producer's trace (W3C trace context).
    traceparent: Annotated[str, Field(max_length=MAX_TRACEPARENT)] | None = None
    #: The predictions; none if the model found nothing, which supersedes what it found earlier.
    annotations: Annotations
