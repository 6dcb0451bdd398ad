"""Answers: radio, checklist, free text, and classifications nested under objects and options.

ndjson-formats, sections 2.1 to 2.4. An answer's form says the kind: an object is one option, an array several, a
string is free text.
"""

from typing import Annotated, Any

from pydantic import Field

from prelabel.annotations.base import (
    MAX_DEPTH,
    Annotation,
    CheckFailed,
    Confidence,
    CustomMetric,
    Name,
    SchemaId,
    Wire,
    check_envelope,
    for_people,
)

MAX_TEXT = 100_000
"""Longest free text in characters; an assumption, Labelbox documents none."""
Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]


class Option(Wire):
    """A chosen option of a radio or checklist, and what is answered below it."""

    name: Name | None = None
    schema_id: SchemaId | None = None
    confidence: Confidence | None = None
    custom_metrics: list[CustomMetric] | None = None
    classifications: list["Classification"] | None = None

    @for_people
    def __init__(self, name: str | None = None, **fields: Any) -> None:
        if name is not None:
            fields["name"] = name
        super().__init__(**fields)


Answer = Text | Option | list[Option]


class Classification(Wire):
    """A classification nested under an object or an option; `answer` as in the kind of its own type."""

    name: Name | None = None
    schema_id: SchemaId | None = None
    answer: Answer | None = None
    answers: list[Option] | None = None
    confidence: Confidence | None = None
    custom_metrics: list[CustomMetric] | None = None

    @for_people
    def __init__(self, name: str | None = None, answer: Any = None, **fields: Any) -> None:
        if name is not None:
            fields["name"] = name
        if answer is not None:
            fields["answer"] = _options(answer)
        super().__init__(**fields)


Option.model_rebuild()  # it and Classification hold each other


def check_answered(annotation: Any) -> None:
    """The rules of a global classification."""
    check_envelope(annotation)
    check_answer(annotation, "", 1)


def check_answer(item: Any, path: str, depth: int) -> None:
    """One answer, in one spelling, with options that are named and different, and nested ones below."""
    answer, answers = getattr(item, "answer", None), getattr(item, "answers", None)
    if answer is not None and answers is not None:
        raise CheckFailed(path + "answers", "both", "one of answer and answers")
    word = "answer" if answers is None else "answers"
    answer = answer if answers is None else answers
    if answer is None:
        raise CheckFailed(path + "answer", "nothing", "an option, an array of options or a text")
    if isinstance(answer, str):
        return
    if not isinstance(answer, list):
        check_option(answer, f"{path}{word}.", depth)
        return
    if not answer:
        raise CheckFailed(path + word, "an empty array", "at least one option")
    seen = set()
    for at, option in enumerate(answer):
        check_option(option, f"{path}{word}[{at}].", depth)
        if (option.name, option.schema_id) in seen:
            raise CheckFailed(f"{path}{word}[{at}]", option.name or option.schema_id, "each option once")
        seen.add((option.name, option.schema_id))


def check_option(option: Any, path: str, depth: int) -> None:
    """An option is named; what is nested below it is answered."""
    if option.name is None and option.schema_id is None:
        raise CheckFailed(path.rstrip("."), "neither", "name or schemaId of an option")
    if option.classifications is not None:
        check_nested(option.classifications, path, depth + 1)


def check_nested(classifications: Any, path: str, depth: int) -> None:
    """Classifications below an object or an option, to the depth limit."""
    if depth > MAX_DEPTH:
        raise CheckFailed(
            path + "classifications", f"depth {depth}", f"classifications nested at most {MAX_DEPTH} deep"
        )
    for at, nested in enumerate(classifications):
        where = f"{path}classifications[{at}]."
        if nested.name is None and nested.schema_id is None:
            raise CheckFailed(where.rstrip("."), "neither", "name or schemaId")
        check_answer(nested, where, depth)


class Radio(Annotation):
    """One option of a radio classification: `Radio("weather", "clear")`."""

    CHECKS = (check_answered,)

    answer: Option

    @for_people
    def __init__(self, name: str | None = None, answer: Any = None, **fields: Any) -> None:
        super().__init__(name, **fields, **({} if answer is None else {"answer": _options(answer, single=True)}))


class Checklist(Annotation):
    """One or more options of a checklist: `Checklist("flags", ["red", "green"])`. `answers` is an old spelling."""

    CHECKS = (check_answered,)

    answer: list[Option] | None = None
    answers: list[Option] | None = None

    @for_people
    def __init__(self, name: str | None = None, answer: Any = None, **fields: Any) -> None:
        super().__init__(name, **fields, **({} if answer is None else {"answer": _options(answer)}))


class FreeText(Annotation):
    """Free text about a data row: `FreeText("remark", "Crane arm hides the bow.")`."""

    CHECKS = (check_answered,)

    answer: Text

    @for_people
    def __init__(self, name: str | None = None, answer: Any = None, **fields: Any) -> None:
        super().__init__(name, **fields, **({} if answer is None else {"answer": answer}))


def _options(answer: Any, *, single: bool = False) -> Any:
    """Names may stand for options in Python: 'clear', or ['red', 'green']."""
    if isinstance(answer, str) and single:
        return Option(answer)
    if isinstance(answer, list | tuple):
        return [Option(each) if isinstance(each, str) else each for each in answer]
    return answer
