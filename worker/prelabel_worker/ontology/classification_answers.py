"""Check that answers fit their classifications: the form, the options, and nested classifications. No I/O.

Source: docs/reference/labelbox-format.md#4-3.

The checks also rewrite answers in the form that Labelbox reads: one option for a radio, an array for a checklist.
Answers with time ranges are rewritten in the form of their media type (docs/reference/labelbox-format.md#2-18 and
#2-20).
"""

from collections.abc import Iterable
from typing import Any

from prelabel.errors import NotInOntology, Reason, quoted
from prelabel.printing import counted
from prelabel_worker.ontology.tree import FORMS, Feature, Level, Option


def check_answer(item: Any, feature: Feature, path: str) -> None:
    """Check an answer and its options, and write it in the form of its classification. Raises NotInOntology."""
    answer, form, where = item.answer, FORMS.get(feature.type), path
    path = f"{path}.answer"
    if form is None:  # group or dropdown: imports have no form for them (docs/reference/labelbox-format.md#2-26)
        raise NotInOntology(Reason.WRONG_KIND, path, "an answer", f"none: a {feature.type} cannot be imported")
    if (form == "text") != isinstance(answer, str):
        expected = "a text" if form == "text" else "an option"
        actual = quoted(answer) if isinstance(answer, str) else "options"
        raise NotInOntology(Reason.WRONG_ANSWER, path, actual, f"{expected}: '{feature.name}' is a {feature.type}")
    if form == "text":
        _check_length(answer, feature, path)
        if below := getattr(item, "classifications", None):
            check_nested(below, feature.nested, f"'{feature.name}'", where)
        return
    listed = isinstance(answer, list)
    chosen = answer if listed else [answer]
    if form == "radio" and len(chosen) != 1:
        raise _not_one(feature, len(chosen), path)
    _check_options(chosen, feature, [f"{path}[{at}]" for at in range(len(chosen))] if listed else [path])
    item.answer = chosen if form == "checklist" else chosen[0]


def _not_one(feature: Feature, count: int, path: str) -> NotInOntology:
    expected = f"one option: '{feature.name}' is a radio"
    return NotInOntology(Reason.WRONG_ANSWER, path, f"{count} options" if count else "an empty array", expected)


def _check_options(chosen: Iterable[Any], feature: Feature, paths: Iterable[str]) -> None:
    chosen_ids: set[str] = set()
    for answer, path in zip(chosen, paths, strict=True):
        option = feature.options.find(answer, path, Reason.UNKNOWN_OPTION, f"an option of '{feature.name}'")
        if option.id in chosen_ids:
            raise NotInOntology(Reason.WRONG_ANSWER, path, f"'{option.name}' again", "each option once")
        chosen_ids.add(option.id)
        if answer.classifications:
            parent = f"option '{option.name}' of '{feature.name}'"
            check_nested(answer.classifications, option.nested, parent, path)


def check_nested(classifications: Iterable[Any], level: Level[Feature], parent: str, path: str) -> None:
    """Check that each classification belongs to this level and is answered only once. Raises NotInOntology."""
    answered_ids: set[str] = set()
    for at, nested in enumerate(classifications):
        where = f"{path}.classifications[{at}]"
        feature = level.find(nested, where, Reason.WRONG_NESTING, f"a classification nested under {parent}")
        if feature.id in answered_ids:
            raise NotInOntology(Reason.WRONG_ANSWER, where, f"'{feature.name}' again", "each classification once")
        answered_ids.add(feature.id)
        check_answer(nested, feature, where)


def _check_length(text: str, feature: Feature, path: str) -> None:
    minimum, maximum = feature.characters or (0, len(text))
    if not minimum <= len(text) <= maximum:
        expected = f"{minimum} to {maximum} characters for '{feature.name}'"
        raise NotInOntology(Reason.WRONG_ANSWER, path, counted(len(text), "character"), expected)


class TimedAnswers:
    """Checks answers with time ranges, and rewrites them in the form of one media type.

    Video: the answer of a radio is an object, and nested answers have no ranges of their own. A radio whose answer
    changes with time has an array; it is passed on for Labelbox to decide
    (docs/reference/labelbox-format.md#question-7-8), unless two options hold at one time.

    Audio: every answer is an array, at every level; each option has its own ranges; features and options are identified
    by name only (docs/reference/labelbox-format.md#2-20).

    For other media types nothing is rewritten except single answers of checklists and texts, which become arrays.
    """

    def __init__(self, media_type: str) -> None:
        self._audio = media_type == "AUDIO"
        self._video = media_type == "VIDEO"

    def check(self, annotation: Any, feature: Feature, path: str) -> None:
        """Check an answer and rewrite it in the form of the media type. Raises NotInOntology."""
        if self._audio:
            _spread(annotation)
            _by_name(annotation, feature)
        self._check(annotation, feature, path)

    def _check(self, item: Any, feature: Feature, path: str) -> None:
        form, path = FORMS.get(feature.type), f"{path}.answer"
        if form is None:  # group or dropdown: imports have no form for them (docs/reference/labelbox-format.md#2-26)
            raise NotInOntology(Reason.WRONG_KIND, path, "an answer", f"none: a {feature.type} cannot be imported")
        if isinstance(item.answer, str):
            self._check_plain_text(item, feature, path)
            return
        listed = isinstance(item.answer, list)
        items = item.answer if listed else [item.answer]
        chosen_ids: set[str] = set()
        for at, answer in enumerate(items):
            self._check_item(answer, feature, f"{path}[{at}]" if listed else path, chosen_ids)
        if not items and form == "text":
            expected = f"texts with their frames: '{feature.name}' is a {feature.type}"
            raise NotInOntology(Reason.WRONG_ANSWER, path, "an empty array", expected)
        if form == "radio" and len(items) != 1:
            _check_times(items, feature, path)
        if self._audio or form == "checklist" or (form == "text" and not listed):
            item.answer = items
        elif self._video and form == "radio" and len(items) == 1:
            item.answer = items[0]

    def _check_plain_text(self, item: Any, feature: Feature, path: str) -> None:
        if FORMS[feature.type] != "text" or self._audio:
            expected = "texts with their frames" if FORMS[feature.type] == "text" else "an option"
            expected = f"{expected}: '{feature.name}' is a {feature.type}"
            raise NotInOntology(Reason.WRONG_ANSWER, path, quoted(item.answer), expected)
        _check_length(item.answer, feature, path)

    def _check_item(self, item: Any, feature: Feature, path: str, chosen_ids: set[str]) -> None:
        if (FORMS[feature.type] == "text") != (item.value is not None):
            expected = "value, a text" if item.value is None else "an option"
            actual = "an option" if item.value is None else quoted(item.value)
            raise NotInOntology(Reason.WRONG_ANSWER, path, actual, f"{expected}: '{feature.name}' is a {feature.type}")
        if self._audio and item.frames is None:
            raise NotInOntology(Reason.WRONG_ANSWER, f"{path}.frames", "nothing", "the ranges of this answer")
        if item.value is not None:
            _check_length(item.value, feature, f"{path}.value")
            if item.classifications:
                self._check_below(item.classifications, feature.nested, f"'{feature.name}'", path)
            return
        option = feature.options.find(item, path, Reason.UNKNOWN_OPTION, f"an option of '{feature.name}'")
        if option.id in chosen_ids:
            raise NotInOntology(Reason.WRONG_ANSWER, path, f"'{option.name}' again", "each option once")
        chosen_ids.add(option.id)
        if self._audio:
            _by_name(item, option)
        if item.classifications:
            parent = f"option '{option.name}' of '{feature.name}'"
            self._check_below(item.classifications, option.nested, parent, path)

    def _check_below(self, classifications: Iterable[Any], level: Level[Feature], parent: str, path: str) -> None:
        answered_ids: set[str] = set()
        for at, nested in enumerate(classifications):
            where = f"{path}.classifications[{at}]"
            expected = f"a classification nested under {parent}"
            feature = level.find(nested, where, Reason.WRONG_NESTING, expected)
            if feature.id in answered_ids:
                raise NotInOntology(Reason.WRONG_ANSWER, where, f"'{feature.name}' again", "each classification once")
            answered_ids.add(feature.id)
            if self._audio:
                _by_name(nested, feature)
            self._check(nested, feature, where)


def _check_times(items: list[Any], feature: Feature, path: str) -> None:
    """Check that no two options of a radio hold at one time; options without ranges hold all the time."""
    if any(item.frames is None for item in items) or not items:
        raise _not_one(feature, len(items), path)
    clash = first_clash((time.start, time.end, str(at), at) for at, item in enumerate(items) for time in item.frames)
    if clash is not None:
        start, end, at = clash
        expected = one_at_a_time(feature)
        raise NotInOntology(Reason.WRONG_ANSWER, f"{path}[{at}].frames", f"{start}-{end}", expected)


def one_at_a_time(feature: Feature) -> str:
    """Return what is expected of the ranges of a radio's options."""
    return f"times at which no other option holds: '{feature.name}' is a radio"


def first_clash(times: Iterable[tuple[int, int, str, int]]) -> tuple[int, int, int] | None:
    """Return the first range that overlaps a range of another option, or None.

    `times` has start and end, both inclusive, the option, and a place; the result has start, end and place.
    """
    reach, holder = -1, ""
    for start, end, option, at in sorted(times):
        if start <= reach and option != holder:
            return start, end, at
        if end > reach:
            reach, holder = end, option
    return None


def _spread(annotation: Any) -> None:
    """Move the frames beside an answer into its options, the only place where audio has them."""
    if annotation.frames is not None:
        for item in annotation.answer if isinstance(annotation.answer, list) else (annotation.answer,):
            item.frames = annotation.frames
        annotation.frames = None


def _by_name(item: Any, named: Feature | Option) -> None:
    """Replace the id of a feature or option by its name, since audio answers have no ids."""
    if item.schema_id is not None:
        item.name, item.schema_id = item.name or named.name, None
