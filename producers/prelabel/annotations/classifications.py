"""Answers: radio, checklist, free text, and classifications nested under objects and options.

See docs/reference/labelbox-format.md#2-1 to #2-4. The form of an answer determines its kind: an object is one option,
an array is several options, a string is free text. Old spellings are accepted and rewritten: `answers` becomes
`answer`, `schema_id` and `custom_metrics` below an option become `schemaId` and `customMetrics`, and `classifications`
beside a single option are moved inside it.
"""

from typing import Annotated, Any, ClassVar

from pydantic import Discriminator, Field, Tag

from prelabel.annotations.base import (
    MAX_DEPTH,
    Annotation,
    CheckFailed,
    CustomMetric,
    Name,
    Rule,
    SchemaId,
    Wire,
    check_envelope,
    for_people,
    with_arguments,
)
from prelabel.annotations.confidence import Confidence
from prelabel.errors import Reason, quoted

MAX_TEXT = 100_000
"""Maximum number of characters of a free text; an assumption, Labelbox documents none."""
Text = Annotated[str, Field(max_length=MAX_TEXT)]
"""May be empty, which is an assumption: the official SDK writes empty texts (docs/reference/labelbox-format.md#2-3)."""


class _Named(Wire):
    """Fields that options and nested classifications share."""

    name: Name | None = None
    schema_id: SchemaId | None = None
    # The official SDK 7.17 writes these spellings below options (docs/reference/labelbox-format.md#1-2).
    misspelt_schema_id: SchemaId | None = Field(None, alias="schema_id")
    misspelt_custom_metrics: list[CustomMetric] | None = Field(None, alias="custom_metrics")
    confidence: Confidence | None = None
    custom_metrics: list[CustomMetric] | None = None


class Option(_Named):
    """A chosen option of a radio or checklist with the answers below it: `Option("fog", classifications=[…])`."""

    classifications: list["Classification"] | None = None

    @for_people
    def __init__(self, name: str | None = None, **fields: Any) -> None:
        super().__init__(**with_arguments(fields, name=name))


def answer_form(answer: Any) -> str:
    """Return the tag of the member of `Answer` to read a value as; other values get an option's error message."""
    return "text" if isinstance(answer, str) else "options" if isinstance(answer, list) else "option"


FORMS = ("text", "option", "options")
Answer = Annotated[
    Annotated[Text, Tag("text")] | Annotated[Option, Tag("option")] | Annotated[list[Option], Tag("options")],
    Discriminator(answer_form),
]


class Classification(_Named):
    """A classification nested under an object or an option: `Classification("hull state", "intact")`.

    `answer` is an `Option` for a radio, a list of options or names for a checklist, or a string for a text.
    """

    answer: Answer | None = None
    answers: list[Option] | None = None

    @for_people
    def __init__(self, name: str | None = None, answer: Any = None, **fields: Any) -> None:
        super().__init__(**with_arguments(fields, name=name, answer=_options(answer)))


Option.model_rebuild()  # Option and Classification refer to each other


def check_classifications(annotation: Any) -> None:
    """Check the classifications beside a geometry or a text."""
    if annotation.classifications:
        check_nested(annotation.classifications, "", 1)


def check_answered(annotation: Any) -> None:
    """Check a global radio or checklist."""
    check_answer(annotation, "", 1)
    beside = annotation.classifications
    if not beside:
        annotation.classifications = None
        return
    options = annotation.answer if isinstance(annotation.answer, list) else [annotation.answer]
    if len(options) != 1 or options[0].classifications is not None:
        # Only old video docs have classifications here (docs/reference/labelbox-format.md#2-4). If there is one option,
        # they can only belong to it.
        raise CheckFailed("classifications", beside, "classifications inside the option they belong to")
    check_nested(beside, "", 2)
    options[0].classifications, annotation.classifications = beside, None


def check_answer(item: Any, path: str, depth: int) -> None:
    """Check that an answer has one spelling, and named and distinct options; check the answers nested below them."""
    where = path + one_answer(item, path)
    answer = item.answer
    if isinstance(answer, list):
        _check_options(answer, where, depth)
    elif not isinstance(answer, str):
        _check_option(answer, where, depth)


def one_answer(item: Any, path: str) -> str:
    """Move `answers` to `answer`, and return the key under which the answer was."""
    answers = getattr(item, "answers", None)
    if answers is None:
        if item.answer is None:
            raise CheckFailed(f"{path}answer", "nothing", "an option, an array of options or a text")
        return "answer"
    if item.answer is not None:
        raise CheckFailed(f"{path}answers", "both", "one of answer and answers")
    item.answer, item.answers = answers, None
    return "answers"


def _check_options(options: list[Any], path: str, depth: int) -> None:
    named = set()
    for at, option in enumerate(options):
        _check_option(option, f"{path}[{at}]", depth)
        reference = (option.name, option.schema_id)
        if reference in named:
            raise CheckFailed(f"{path}[{at}]", quoted(option.name or option.schema_id), "each option once")
        named.add(reference)


def _check_option(option: Any, path: str, depth: int) -> None:
    check_named(option, path, "name or schemaId of an option")
    if option.classifications is not None:
        check_nested(option.classifications, f"{path}.", depth + 1)


def check_nested(classifications: Any, path: str, depth: int) -> None:
    """Check classifications below an object or an option, and that they are not nested beyond the limit."""
    if depth > MAX_DEPTH:
        expected = f"classifications nested at most {MAX_DEPTH} deep"
        raise CheckFailed(f"{path}classifications", f"depth {depth}", expected, Reason.TOO_DEEP)
    for at, nested in enumerate(classifications):
        where = f"{path}classifications[{at}]"
        check_named(nested, where, "name or schemaId")
        check_answer(nested, f"{where}.", depth)


def check_named(item: Any, path: str, expected: str) -> None:
    """Check that an option or classification has a name or an id; rename the keys that the official SDK misspells."""
    if item.misspelt_schema_id is not None:
        if item.schema_id not in (None, item.misspelt_schema_id):
            raise CheckFailed(f"{path}.schema_id", quoted(item.misspelt_schema_id), "schemaId alone")
        item.schema_id, item.misspelt_schema_id = item.misspelt_schema_id, None
    rename_metrics(item, path)
    if item.name is None and item.schema_id is None:
        raise CheckFailed(path, "neither", expected)


def rename_metrics(item: Any, path: str) -> None:
    """Move metrics from the key that the official SDK misspells to `customMetrics`."""
    if item.misspelt_custom_metrics is not None:
        if item.custom_metrics is not None:
            raise CheckFailed(f"{path}.custom_metrics", "both", "customMetrics alone")
        item.custom_metrics, item.misspelt_custom_metrics = item.misspelt_custom_metrics, None


class Answered(Annotation):
    """A global radio or checklist."""

    CHECKS: ClassVar[tuple[Rule, ...]] = (check_answered,)

    classifications: list[Classification] | None = None


class Radio(Answered):
    """One option of a radio classification: `Radio("weather", "clear")` (docs/reference/labelbox-format.md#2-1)."""

    answer: Option

    @for_people
    def __init__(self, name: str | None = None, answer: Any = None, **fields: Any) -> None:
        option = Option(answer) if isinstance(answer, str) else answer
        super().__init__(**with_arguments(fields, name=name, answer=option))


class Checklist(Answered):
    """The chosen options of a checklist: `Checklist("flags", ["red", "green"])`; an empty list chooses none.

    Source: docs/reference/labelbox-format.md#2-2.
    """

    answer: list[Option] | None = None
    answers: list[Option] | None = None

    @for_people
    def __init__(self, name: str | None = None, answer: Any = None, **fields: Any) -> None:
        super().__init__(**with_arguments(fields, name=name, answer=_options(answer)))


class FreeText(Annotation):
    """Free text about a data row: `FreeText("remark", "Crane arm hides the bow.")`.

    Source: docs/reference/labelbox-format.md#2-3.

    `classifications` beside a text are taken where the ontology nests them below it
    (docs/reference/labelbox-format.md#2-4, #question-7-20).
    """

    ENVELOPE: ClassVar[tuple[Rule, ...]] = (check_envelope, check_classifications)

    answer: Text
    classifications: list[Classification] | None = None

    @for_people
    def __init__(self, name: str | None = None, answer: Any = None, **fields: Any) -> None:
        super().__init__(**with_arguments(fields, name=name, answer=answer))


def _options(answer: Any) -> Any:
    """Replace names in a list with options; a string that is not in a list is a text."""
    if isinstance(answer, list | tuple):
        return [Option(item) if isinstance(item, str) else item for item in answer]
    return answer
