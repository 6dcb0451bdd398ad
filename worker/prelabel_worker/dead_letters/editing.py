"""Dead letters with other messages: names replaced in many alike, any change checked, what is stored of it. Pure.

A repeated run changes nothing more: no new name is an old one too, so a run that was interrupted can be repeated.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from prelabel.errors import MalformedMessage, PrelabelError, Reason, quoted
from prelabel.validation.gate import Prepared, prepare
from prelabel.wire.lanes import lane_of
from prelabel_worker.chunks.held_rows import facts_of
from prelabel_worker.dead_letters.letter import DeadLetter


class AmbiguousEdit(PrelabelError):
    """A new name is an old one too."""


@dataclass(frozen=True, slots=True)
class Edits:
    """Old name → new name, of features (of annotations), options (of answers at any depth) and data rows."""

    features: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    data_rows: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for what, names in (("feature", self.features), ("option", self.options), ("data row", self.data_rows)):
            both = next((name for name in names.values() if name in names), None)
            if both is not None:
                raise AmbiguousEdit(f"{what} {quoted(both)} is both an old and a new name: do it in two runs")

    def __bool__(self) -> bool:
        return bool(self.features or self.options or self.data_rows)

    def apply(self, raw: bytes) -> bytes:
        """The message with the new names; the same bytes when there is nothing to rename, or no JSON to read."""
        try:
            message = orjson.loads(raw)
        except orjson.JSONDecodeError:
            return raw
        if not isinstance(message, dict):
            return raw
        changes = self._move(message) + sum(self._rename(each) for each in _objects(message.get("annotations")))
        return orjson.dumps(message) if changes else raw

    def as_details(self) -> dict[str, Any]:
        """For the record of actions; of data rows the count alone."""
        given = {"features": dict(self.features), "options": dict(self.options)}
        return {name: names for name, names in given.items() if names} | (
            {"dataRows": len(self.data_rows)} if self.data_rows else {}
        )

    def _move(self, message: dict[str, Any]) -> int:
        data_row = message.get("dataRow")
        if not isinstance(data_row, dict):
            return 0
        return _replace(data_row, "id", self.data_rows) + _replace(data_row, "globalKey", self.data_rows)

    def _rename(self, annotation: dict[str, Any]) -> int:
        changes = _replace(annotation, "name", self.features)
        if self.features:
            changes += sum(_replace(each, "name", self.features) for each in _instances(annotation))
            changes += _replace(_object(annotation.get("relationship")), "sourceOntologyName", self.features)
        if self.options:
            changes += sum(_replace(option, "name", self.options) for option in _options(annotation))
        return changes


def _replace(item: dict[str, Any], key: str, names: Mapping[str, str]) -> int:
    value = item.get(key)
    if not isinstance(value, str) or value not in names:
        return 0
    item[key] = names[value]
    return 1


def _objects(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _instances(annotation: dict[str, Any]) -> list[dict[str, Any]]:
    """What names features inside a set of masks."""
    return _objects(_object(annotation.get("masks")).get("instances"))


def _options(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The options answered in an annotation, a keyframe, an option or a classification, and in all below; no
    recursion.
    """
    open_items = [item]
    for segment in _objects(item.get("segments")):
        open_items += _objects(segment.get("keyframes"))
    while open_items:
        each = open_items.pop()
        for key in ("answer", "answers"):
            answer = each.get(key)
            options = [answer] if isinstance(answer, dict) else _objects(answer)
            yield from options
            open_items += options
        open_items += _objects(each.get("classifications"))


def checked(dead_letter: DeadLetter, raw: bytes) -> Prepared:
    """A dead letter's new message, by the rules of publishing; project and message id stay. Raises MessageError."""
    try:
        message = orjson.loads(raw)
        if dead_letter.message_id and isinstance(message, dict) and message.get("messageId") is None:
            raw = orjson.dumps({"messageId": dead_letter.message_id} | message | {"messageId": dead_letter.message_id})
    except orjson.JSONDecodeError:
        pass  # the gate says it better
    prepared = prepare(raw)
    if prepared.project_id != dead_letter.project_id:
        expected = f"{quoted(dead_letter.project_id)}, the dead letter's project"
        raise MalformedMessage(Reason.WRONG_PROJECT, "projectId", quoted(prepared.project_id), expected)
    if dead_letter.message_id and prepared.message_id != dead_letter.message_id:
        expected = f"{quoted(dead_letter.message_id)}, the dead letter's message id"
        raise MalformedMessage(Reason.MALFORMED_MESSAGE, "messageId", quoted(prepared.message_id), expected)
    return prepared


@dataclass(frozen=True, slots=True)
class EditedMessage:
    """A dead letter's new message, as edit.lua takes it; only for the body with this digest."""

    id: str
    body_digest: str
    facts: dict[str, Any]
    body: bytes


def edited_message(dead_letter: DeadLetter, prepared: Prepared, lanes: int) -> EditedMessage:
    """The dead letter with another message: its facts follow, its cause stays. `lanes` is the project's count."""
    raw = _compact(prepared.raw)
    known = facts_of(raw)
    moved = known.data_row_key != dead_letter.data_row
    facts: dict[str, Any] = {
        "lane": lane_of(known.data_row_key, lanes) if moved else dead_letter.lane,
        "bytes": len(raw),
        "slow": prepared.slow,
    }
    facts |= {name: value for name, value in (("message", known.message_id), ("row", known.row_key)) if value}
    about = {"messageId": known.message_id, "dataRow": known.data_row_key, "model": known.model}
    header = orjson.dumps(orjson.loads(dead_letter.header) | about)
    return EditedMessage(dead_letter.id, dead_letter.body_digest, facts, header + b"\n" + raw)


def _compact(raw: bytes) -> bytes:
    """Without the white space of an editor; numbers too long for us stay as they are."""
    try:
        return orjson.dumps(orjson.loads(raw))
    except orjson.JSONDecodeError:
        return raw
