"""Answers of classifications, also nested ones, as exports have them."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from prelabel_sandbox.exports.features import Feature, Level
from prelabel_sandbox.ids import derived_id

Json = dict[str, Any]

_TEXT, _RADIO, _CHECKLIST = "text_answer", "radio_answer", "checklist_answers"
_KEYS = {
    **dict.fromkeys(("radio", "response-radio"), _RADIO),
    **dict.fromkeys(("checklist", "response-checklist"), _CHECKLIST),
    **dict.fromkeys(("text", "response-text", "prompt"), _TEXT),
}


class Answered(NamedTuple):
    """An entry of `classifications`, and the ranges of frames or milliseconds that it holds for; none: always."""

    entry: Json
    ranges: list[list[float]]


def answers_of(line: Json, feature: Feature, feature_id: str) -> Iterator[Answered]:
    """Return the entries of a line or of a nested answer: one, or one for each option of a radio over time."""
    answer = line.get("answer", line.get("answers"))
    values = answer if isinstance(answer, list) else [answer]
    key = _KEYS.get(feature.type) or _key_of(answer)
    for number, part in enumerate([values] if key == _CHECKLIST else [[value] for value in values]):
        entry_id = feature_id if number == 0 else derived_id(feature_id, str(number))
        ranges = [span for value in part for span in _ranges(value)] or list(_ranges(line))
        entry = {**feature.shown(entry_id), **_message(line, key, _answer(key, part, feature, entry_id))}
        yield Answered(entry, sorted(ranges))


def nested(entries: Any, level: Level, path: str) -> list[Json]:
    """Return the entries of the answers below an object or an option."""
    found = []
    for entry in entries or ():
        feature = level.find(entry)
        found += [answered.entry for answered in answers_of(entry, feature, derived_id(path, feature.name))]
    return found


def _answer(key: str, values: list[Any], feature: Feature, path: str) -> Any:
    if key == _TEXT:
        return {"content": values[0]["value"] if _is_option(values[0]) else values[0]}
    options = [_option(value, feature, path) for value in values]
    return options if key == _CHECKLIST else options[0]


def _option(value: Json, feature: Feature, path: str) -> Json:
    option = feature.below.find(value)
    option_id = derived_id(path, option.name)
    return {**option.shown(option_id), "classifications": nested(value.get("classifications"), option.below, option_id)}


def _key_of(answer: Any) -> str:
    """Return the key for a classification that is not in the ontology any more."""
    if isinstance(answer, list):
        return _CHECKLIST
    return _RADIO if _is_option(answer) else _TEXT


def _message(line: Json, key: str, answer: Any) -> Json:
    """Return the answer under its key; an answer about a message of a conversation has another key."""
    message_id = line.get("messageId")
    return {key: answer} if message_id is None else {"message_id": message_id, f"conversational_{key}": answer}


def _ranges(holder: Any) -> Iterator[list[float]]:
    for span in (holder.get("frames") or ()) if isinstance(holder, dict) else ():
        yield [span["start"], span["end"]]


def _is_option(value: Any) -> bool:
    return isinstance(value, dict)
