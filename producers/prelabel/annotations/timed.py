"""Answers with ranges of time: frames of a video, milliseconds of audio.

Source: docs/reference/labelbox-format.md#2-18 and #2-20.

Both use the same classes. On video a range counts frames, on audio milliseconds from the start; both ends are
inclusive. Labelbox reads a different form for each; the worker, which knows the media type, writes the right one.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import Annotated, Any, ClassVar

from pydantic import Discriminator, Field, Tag

from prelabel.annotations.base import (
    MAX_DEPTH,
    MAX_NUMBER,
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
from prelabel.annotations.classifications import Text, answer_form, check_named, one_answer, rename_metrics
from prelabel.annotations.confidence import Confidence
from prelabel.annotations.video import MAX_FRAMES
from prelabel.errors import Reason, quoted

Moment = Annotated[int, Field(ge=0, le=MAX_NUMBER)]
"""A frame's number, or milliseconds."""


class TimeRange(Wire):
    """From `start` to `end`, both inclusive; if they are equal, they mark one frame or millisecond."""

    start: Moment
    end: Moment

    @for_people
    def __init__(self, start: int | None = None, end: int | None = None, **fields: Any) -> None:
        super().__init__(**with_arguments(fields, start=start, end=end))


Ranges = Annotated[list[TimeRange], Field(min_length=1, max_length=MAX_FRAMES)]


class TimedOption(Wire):
    """An option, or with `value` a text, and its times: `TimedOption("horn", [(30, 34)])`, `TimedOption(value="…")`."""

    #: The option's name.
    name: Name | None = None
    #: The option's `featureSchemaId`.
    schema_id: SchemaId | None = None
    #: The same id in the spelling of the official SDK.
    misspelt_schema_id: SchemaId | None = Field(None, alias="schema_id")
    #: The metrics in the spelling of the official SDK.
    misspelt_custom_metrics: list[CustomMetric] | None = Field(None, alias="custom_metrics")
    #: A text, in place of an option.
    value: Text | None = None
    #: The ranges of time; optional if the annotation has them for all its options, and in nested answers of video.
    frames: Ranges | None = None
    #: Answers nested below the option or text.
    classifications: list["TimedClassification"] | None = None
    #: Kept in the message, not sent.
    confidence: Confidence | None = None
    #: Kept in the message, not sent.
    custom_metrics: list[CustomMetric] | None = None

    @for_people
    def __init__(self, name: str | None = None, frames: Any = None, **fields: Any) -> None:
        super().__init__(**with_arguments(fields, name=name, frames=ranges(frames)))


TimedAnswer = Annotated[
    Annotated[Text, Tag("text")] | Annotated[TimedOption, Tag("option")] | Annotated[list[TimedOption], Tag("options")],
    Discriminator(answer_form),
]


class TimedClassification(Wire):
    """A classification nested under an option or text: its answers lie within the ranges of their parent."""

    #: The classification's name.
    name: Name | None = None
    #: The classification's `featureSchemaId`.
    schema_id: SchemaId | None = None
    #: The same id in the spelling of the official SDK.
    misspelt_schema_id: SchemaId | None = Field(None, alias="schema_id")
    #: The metrics in the spelling of the official SDK.
    misspelt_custom_metrics: list[CustomMetric] | None = Field(None, alias="custom_metrics")
    #: One option, several options, or a text.
    answer: TimedAnswer | None = None
    #: Old spelling of `answer` for a checklist.
    answers: list[TimedOption] | None = None
    #: Kept in the message, not sent.
    confidence: Confidence | None = None
    #: Kept in the message, not sent.
    custom_metrics: list[CustomMetric] | None = None

    @for_people
    def __init__(self, name: str | None = None, answer: Any = None, **fields: Any) -> None:
        super().__init__(**with_arguments(fields, name=name, answer=answer))


TimedOption.model_rebuild()  # TimedOption and TimedClassification refer to each other


def ranges(pairs: Any) -> Any:
    """Return ranges from a list in which pairs may stand for ranges; all that is no pair stays as it is."""
    if not isinstance(pairs, Iterable) or isinstance(pairs, str | bytes | Mapping):
        return pairs
    return [TimeRange(*pair) if isinstance(pair, tuple) and len(pair) == 2 else pair for pair in pairs]


def check_timed(annotation: Any) -> None:
    """Check that an answer has one spelling, and its ranges either in the options or beside them, not both."""
    word = one_answer(annotation, "")
    beside = getattr(annotation, "frames", None)
    if beside is not None:
        _check_ranges(beside, "frames", None)
    _check_items(annotation.answer, word, 1, beside, None)
    if getattr(annotation, "classifications", None) is not None:
        _move_inside(annotation)


def check_options(annotation: Any) -> None:
    """Check that options are chosen: texts are in an array, under `answer`."""
    answer = annotation.answer
    for at, item in enumerate(answer if isinstance(answer, list) else [answer]):
        if item.value is not None:
            path = f"answer[{at}].value" if isinstance(answer, list) else "answer.value"
            raise CheckFailed(path, quoted(item.value), "an option, or texts in an array under answer")


def _move_inside(annotation: Any) -> None:
    """Move classifications that stand beside the answer, as in old video docs, into its only option."""
    nested, annotation.classifications = annotation.classifications, None
    if not nested:
        return
    options = annotation.answer if isinstance(annotation.answer, list) else [annotation.answer]
    if len(options) != 1 or options[0].classifications is not None:
        raise CheckFailed("classifications", nested, "classifications inside the option they belong to")
    _check_below(nested, "", 2, _outer(options[0].frames or annotation.frames))
    options[0].classifications = nested


class _Outer:
    """The ranges of an answer that has nested answers, sorted once for look-ups."""

    def __init__(self, ranges: Any) -> None:
        pairs = sorted((item.start, item.end) for item in ranges)
        self._starts = [start for start, _ in pairs]
        self._ends = list(accumulate((end for _, end in pairs), max))
        self.shown = ", ".join(f"{item.start}-{item.end}" for item in ranges[:4])

    def holds(self, inner: Any) -> bool:
        """Return whether the range `inner` lies within one of these ranges."""
        # Of the ranges that begin no later than `inner`, the one that ends last decides.
        at = bisect_right(self._starts, inner.start)
        return at > 0 and inner.end <= self._ends[at - 1]


def _outer(ranges: Any) -> _Outer | None:
    return None if ranges is None else _Outer(ranges)


def _check_items(answer: Any, path: str, depth: int, beside: Any, parent: _Outer | None) -> None:
    if not isinstance(answer, list):
        _check_item(answer, path, depth, beside, parent)
        return
    named = set()
    for at, item in enumerate(answer):
        where = f"{path}[{at}]"
        _check_item(item, where, depth, beside, parent)
        if (item.value is None) != (answer[0].value is None):
            raise CheckFailed(where, "a mixture", "options or texts, not both")
        reference = (item.name, item.schema_id)
        if item.value is None and reference in named:
            raise CheckFailed(where, quoted(item.name or item.schema_id), "each option once, with all its frames")
        named.add(reference)


def _check_item(item: Any, path: str, depth: int, beside: Any, parent: _Outer | None) -> None:
    if item.value is None:
        check_named(item, path, "name or schemaId of an option")
    elif (item.name, item.schema_id, item.misspelt_schema_id) != (None, None, None):
        raise CheckFailed(path, "both", "value (a text) or name (an option)")
    else:
        rename_metrics(item, path)
    if item.frames is not None:
        if beside is not None:
            raise CheckFailed(f"{path}.frames", "both", "frames in the options or at the top level")
        _check_ranges(item.frames, f"{path}.frames", parent)
    elif beside is None and (depth == 1 or item.value is not None):
        raise CheckFailed(f"{path}.frames", "nothing", "the ranges of this answer")
    if item.classifications:
        _check_below(item.classifications, f"{path}.", depth + 1, _outer(item.frames) or parent)


def _check_below(classifications: Any, path: str, depth: int, parent: _Outer | None) -> None:
    if depth > MAX_DEPTH:
        expected = f"classifications nested at most {MAX_DEPTH} deep"
        raise CheckFailed(f"{path}classifications", f"depth {depth}", expected, Reason.TOO_DEEP)
    for at, nested in enumerate(classifications):
        where = f"{path}classifications[{at}]"
        check_named(nested, where, "name or schemaId")
        word = one_answer(nested, f"{where}.")
        if not isinstance(nested.answer, str):
            _check_items(nested.answer, f"{where}.{word}", depth, None, parent)


def _check_ranges(frames: Any, path: str, parent: _Outer | None) -> None:
    for at, frame_range in enumerate(frames):
        start, end = frame_range.start, frame_range.end
        if end < start:
            raise CheckFailed(f"{path}[{at}].end", f"{end}", f"an end not before start ({start})")
        if parent is not None and not parent.holds(frame_range):
            # Labelbox's own client drops such a range silently; we refuse it instead.
            expected = f"a range within the parent's ({parent.shown})"
            raise CheckFailed(f"{path}[{at}]", f"{start}-{end}", expected)


class Timed(Annotation):
    """The base of answers with ranges; the feature's scope in the ontology should be `index`."""

    ENVELOPE: ClassVar[tuple[Rule, ...]] = (check_envelope,)
    CHECKS: ClassVar[tuple[Rule, ...]] = (check_timed,)


class TimedRadio(Timed):
    """One option of a radio and its times: `TimedRadio("light", "day", frames=[(1, 240)])`.

    Source: docs/reference/labelbox-format.md#2-18 and #2-20.

    If the answer changes over time, publish one annotation per option.
    """

    CHECKS: ClassVar[tuple[Rule, ...]] = (check_timed, check_options)

    answer: TimedOption
    frames: Ranges | None = None
    classifications: list[TimedClassification] | None = None

    @for_people
    def __init__(self, name: str | None = None, answer: Any = None, *, frames: Any = None, **fields: Any) -> None:
        if isinstance(answer, str):
            answer, frames = TimedOption(answer, frames), None
        super().__init__(**with_arguments(fields, name=name, answer=answer, frames=ranges(frames)))


class TimedChecklist(Timed):
    """Options of a checklist and their times: `TimedChecklist("events", [TimedOption("horn", [(30, 34)])])`.

    See docs/reference/labelbox-format.md#2-18 and #2-20. `frames` beside the answer apply to all its options. On audio,
    Labelbox's form for a radio is the same.
    """

    CHECKS: ClassVar[tuple[Rule, ...]] = (check_timed, check_options)

    answer: list[TimedOption] | None = None
    answers: list[TimedOption] | None = None
    frames: Ranges | None = None
    classifications: list[TimedClassification] | None = None

    @for_people
    def __init__(self, name: str | None = None, answer: Any = None, *, frames: Any = None, **fields: Any) -> None:
        options = answer
        if isinstance(answer, list | tuple):
            options = [TimedOption(item) if isinstance(item, str) else item for item in answer]
        super().__init__(**with_arguments(fields, name=name, answer=options, frames=ranges(frames)))


class TimedText(Timed):
    """Texts and their times: `TimedText("transcript", [TimedOption(value="Go ahead.", frames=[(9100, 9800)])])`.

    See docs/reference/labelbox-format.md#2-18 and #2-20.
    """

    answer: list[TimedOption]

    @for_people
    def __init__(self, name: str | None = None, answer: Any = None, **fields: Any) -> None:
        super().__init__(**with_arguments(fields, name=name, answer=answer))
