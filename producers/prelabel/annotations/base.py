"""The envelope, the numbers and the rules that all annotations share; the models and the gate call the same rules."""

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Annotated, Any, ClassVar, Self
from uuid import UUID

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from prelabel.annotations.confidence import Confidence
from prelabel.annotations.png import PictureWork
from prelabel.errors import MessageError, Reason, quoted

MAX_NAME = 1000
"""Maximum number of characters of a feature's or option's name; an assumption, Labelbox documents none."""
MAX_DEPTH = 20
"""Maximum depth of nested classifications; Labelbox documents no limit, and ours bounds every reader's recursion."""
_UUID = re.compile(r"\{?[0-9a-fA-F]{4}(?:-?[0-9a-fA-F]{4}){7}\}?")

MAX_NUMBER = 2**53
"""Largest number; most readers of JSON round whole numbers above it."""
Number = Annotated[int | float, Field(ge=-MAX_NUMBER, le=MAX_NUMBER, allow_inf_nan=False)]
"""A JSON number: finite; strings and booleans are refused."""
Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
SchemaId = Annotated[str, Field(min_length=25, max_length=25)]
"""A `featureSchemaId` of the ontology; 25 characters (docs/reference/labelbox-format.md#1-5)."""

Rule = Callable[[Any], None]
"""A rule between fields. It is called with a model, or with the gate's struct, which has the same attributes. It raises
CheckFailed, and replaces old spellings with the current one."""
PictureRule = Callable[[Any, PictureWork], None]
"""A rule about pictures. It also gets the work that checking the pictures of the message may still cost."""


class CheckFailed(Exception):
    """A rule is broken: the path below the checked object, what was found and what was expected."""

    def __init__(self, path: str, found: object, expected: str, reason: Reason = Reason.INVALID_ANNOTATION) -> None:
        super().__init__(path, found, expected, reason)
        self.path = path
        self.found = found
        self.expected = expected
        self.reason = reason


def for_people(init: Callable[..., None]) -> Callable[..., None]:
    """Mark a constructor that accepts more than JSON may have: positional names, corners, pairs as points.

    pydantic would call an overridden `__init__` for JSON as well, and so accept these there. It does not if the
    constructor has this mark, as pydantic's own constructor does.
    """
    init.__pydantic_base_init__ = True  # type: ignore[attr-defined]
    return init


class Wire(BaseModel):
    """A part of a message: camelCase in JSON, snake_case in Python. Unknown keys are refused, values never converted.

    In Python, attributes may be set by either name; JSON is read by its own names only. A wrong value raises
    MessageError, with the path in the part that was made.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        extra="forbid",
        defer_build=True,  # validators are built when first used: publishing JSON or mappings needs none
        strict=True,
        hide_input_in_errors=True,
        regex_engine="python-re",  # the gate's patterns are Python's too
    )

    PLACE: ClassVar[str | None] = None
    """Its path in a message, if that is always the same; None for an annotation and its parts."""

    @for_people
    def __init__(self, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise explained(error, type(self), fields) from None

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """Return the part that a mapping describes. Raises MessageError."""
        try:
            return super().model_validate(obj, **options)
        except ValidationError as error:
            raise explained(error, cls, obj) from None

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray, **options: Any) -> Self:
        """Return the part that JSON describes. Raises MessageError."""
        try:
            return super().model_validate_json(json_data, **options)
        except ValidationError as error:
            raise explained(error, cls, json_data) from None

    def wire(self) -> dict[str, Any]:
        """Return the JSON object of this part."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def explained(error: ValidationError, model: type[Wire], value: Any) -> MessageError:
    """Return pydantic's error about a value, which was to become this model, as ours."""
    from prelabel.annotations.explain import explanation  # needs the kinds, which are made from this module

    if isinstance(value, str | bytes | bytearray):
        with suppress(orjson.JSONDecodeError):
            value = orjson.loads(value)
    return explanation(error, value, model)


def with_arguments(fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Add a constructor's arguments to its fields, without None; scalars of numpy and torch become numbers."""
    for key, value in more.items():
        if value is not None:
            fields[key] = value
    for key, value in fields.items():
        if type(value) in _PLAIN:
            continue
        if isinstance(value, UUID):
            fields[key] = str(value)
        elif hasattr(value, "item"):
            fields[key] = value.item()
    return fields


_PLAIN = frozenset({str, int, float, dict, list})


class CustomMetric(Wire):
    """A model-run metric; kept in the message, not sent (docs/reference/labelbox-format.md#1-7)."""

    name: Name
    value: Number


class Annotation(Wire):
    """The envelope of every annotation (docs/reference/labelbox-format.md#1-2).

    `name` or `schema_id`, or both, name the feature of the ontology. `uuid` is the pre-label's identity on its data
    row; if it is missing, the worker derives it, so that publishing again overrides instead of adding. `confidence`
    and `custom_metrics` stay in the message and are not sent, since MAL imports accept neither.
    `is_benchmark_reference_label` marks the label of a benchmark, which only projects that import ground truth take.
    """

    ENVELOPE: ClassVar[tuple[Rule, ...]] = ()
    """Rules about the fields that kinds share; an annotation with only a name and its kind's key cannot break them."""
    CHECKS: ClassVar[tuple[Rule, ...]] = ()
    """Rules about the kind's own key."""
    PICTURES: ClassVar[tuple[PictureRule, ...]] = ()
    """Rules about the pictures that an annotation of the kind carries."""

    uuid: str | None = None
    name: Name | None = None
    schema_id: SchemaId | None = None
    confidence: Confidence | None = None
    custom_metrics: list[CustomMetric] | None = None
    is_benchmark_reference_label: bool | None = None

    @model_validator(mode="after")
    def _check(self, info: ValidationInfo) -> Self:
        work = PictureWork() if info.context is None else info.context
        try:
            for check in (*self.ENVELOPE, *self.CHECKS):
                check(self)
            for rule in self.PICTURES:
                rule(self, work)
        except CheckFailed as error:
            raise PydanticCustomError("check_failed", "expected {expected}", vars(error)) from None
        return self


def canonical_uuid(value: str) -> str | None:
    """Return a uuid in lower case, 8-4-4-4-12, or None for a spelling outside docs/reference/labelbox-format.md#1-3."""
    if not _UUID.fullmatch(value) or (value[0] == "{") != (value[-1] == "}"):
        return None
    digits = value.strip("{}").replace("-", "").lower()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def check_envelope(annotation: Any) -> None:
    """Check that a feature is named and that a uuid is valid; rewrite the uuid in its canonical spelling."""
    if annotation.name is None and annotation.schema_id is None:
        raise CheckFailed("", "neither", "name or schemaId")
    if annotation.uuid is not None:
        annotation.uuid = read_uuid(annotation.uuid, "uuid")


def read_uuid(value: str, path: str) -> str:
    """Return a uuid in its canonical spelling. Raises CheckFailed."""
    canonical = canonical_uuid(value)
    if canonical is None:
        raise CheckFailed(path, quoted(value), "a UUID (32 hexadecimal digits)")
    return canonical


def check_distinct(points: Iterable[Any], minimum: int, path: str) -> None:
    """Check that there are at least `minimum` different points.

    It looks at no more points than that: the hashes of numbers are predictable, and adding points that were made to
    collide to a large set would compare each of them with every other.
    """
    different: set[tuple[Any, Any]] = set()
    for point in points:
        different.add((point.x, point.y))
        if len(different) == minimum:
            return
    raise CheckFailed(path, f"{len(different)}", f"at least {minimum} different points")


Annotation.ENVELOPE = (check_envelope,)
