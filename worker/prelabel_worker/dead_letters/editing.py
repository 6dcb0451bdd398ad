"""Edit the messages of dead letters: replace names, check the new message, and build what is stored. No I/O.

A run that was interrupted can be repeated: a new name is never also an old name, so a second run changes nothing more.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from prelabel.errors import MalformedMessage, PrelabelError, Reason, quoted
from prelabel.wire.lanes import lane_of
from prelabel_worker.chunks.held_rows import facts_of
from prelabel_worker.dead_letters.letter import DeadLetter

if TYPE_CHECKING:
    from prelabel.validation.gate import Prepared

_BETWEEN_TOKENS = re.compile(rb'("(?:[^"\\]|\\.)*")|[ \t\r\n]+')
_FIELDS = {"feature": "features", "option": "options", "classification": "classifications"}
"""Kind of a misnamed name → the field of `Edits` that replaces it."""


class AmbiguousEdit(PrelabelError):
    """A new name is also an old name."""


@dataclass(frozen=True, slots=True)
class Edits:
    """Old name → new name: features of annotations, options and nested classifications at any depth, data rows."""

    features: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    data_rows: Mapping[str, str] = field(default_factory=dict)
    classifications: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for kind, names in (
            ("feature", self.features),
            ("option", self.options),
            ("classification", self.classifications),
            ("data row", self.data_rows),
        ):
            both = next((name for name in names.values() if name in names), None)
            if both is not None:
                raise AmbiguousEdit(f"{kind} {quoted(both)} is both an old and a new name: do it in two runs")

    def __bool__(self) -> bool:
        return bool(self.features or self.options or self.classifications or self.data_rows)

    def apply(self, raw: bytes) -> bytes:
        """Return the message with the new names; the same bytes if nothing changes or it cannot be read or written."""
        try:
            message = orjson.loads(raw)
        except orjson.JSONDecodeError:
            return raw
        if not isinstance(message, dict):
            return raw
        changes = self._move(message) + sum(map(self._rename, _objects(message.get("annotations"))))
        try:
            return orjson.dumps(message) if changes else raw
        except orjson.JSONEncodeError:  # nested too deeply
            return raw

    def as_details(self) -> dict[str, Any]:
        """Return the edits for the action log; only the number of data rows, not their names."""
        renamed = {
            "features": dict(self.features),
            "options": dict(self.options),
            "classifications": dict(self.classifications),
        }
        return {kind: names for kind, names in renamed.items() if names} | (
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
            changes += sum(_replace(instance, "name", self.features) for instance in _instances(annotation))
            changes += _replace(_object(annotation.get("relationship")), "sourceOntologyName", self.features)
        if self.options or self.classifications:
            for options, nested in _levels(annotation):
                changes += sum(_replace(option, "name", self.options) for option in options)
                changes += sum(_replace(item, "name", self.classifications) for item in nested)
        return changes


def suggested_edits(dead_letter: DeadLetter) -> Edits | None:
    """Return the edits that rename what is misnamed to the nearest name; None if no name is known to be similar."""
    if dead_letter.misnamed is None:
        return None
    kind, old, new = dead_letter.misnamed
    return Edits(**{_FIELDS[kind]: {old: new}})


def _replace(item: dict[str, Any], key: str, names: Mapping[str, str]) -> int:
    value = item.get(key)
    if not isinstance(value, str) or value not in names:
        return 0
    item[key] = names[value]
    return 1


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _instances(annotation: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the instances of a set of masks, each of which names a feature."""
    return _objects(_object(annotation.get("masks")).get("instances"))


def _levels(item: dict[str, Any]) -> Iterator[tuple[list[dict[str, Any]], list[dict[str, Any]]]]:
    """Yield the options answered in an annotation, and the classifications nested in it, level by level.

    Not recursive: a message may be nested deeply.
    """
    open_items = [item]
    for segment in _objects(item.get("segments")):
        open_items += _objects(segment.get("keyframes"))
    while open_items:
        current = open_items.pop()
        nested = _objects(current.get("classifications"))
        options: list[dict[str, Any]] = []
        for key in ("answer", "answers"):
            answer = current.get(key)
            options += [answer] if isinstance(answer, dict) else _objects(answer)
        yield options, nested
        open_items += options + nested


def checked(dead_letter: DeadLetter, raw: bytes) -> "Prepared":
    """Check a dead letter's new message by the rules of publishing. Raises MessageError.

    The project and the message id must stay the same; a missing message id is added.
    """
    from prelabel.validation.gate import (
        prepare,
    )  # loads the models of messages, which reading dead letters does not need

    try:
        message = orjson.loads(raw)
        if dead_letter.message_id and isinstance(message, dict) and message.get("messageId") is None:
            raw = orjson.dumps({"messageId": dead_letter.message_id} | message | {"messageId": dead_letter.message_id})
    except orjson.JSONDecodeError:
        pass  # `prepare` raises a better error
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
    """A dead letter's new message, as edit.lua takes it: it replaces only a body with this digest."""

    id: str
    body_digest: str
    facts: dict[str, Any]
    body: bytes


def edited_message(dead_letter: DeadLetter, prepared: "Prepared", lanes: int) -> EditedMessage:
    """Return what is stored of a dead letter with a new message. `lanes` is the project's number of lanes.

    The facts about the row are those of the new message; the reason why it is a dead letter stays.
    """
    raw = _compact(prepared.raw)
    new = facts_of(raw)
    moved = new.data_row_key != dead_letter.data_row
    facts: dict[str, Any] = {
        "lane": lane_of(new.data_row_key, lanes) if moved else dead_letter.lane,
        "bytes": len(raw),
        "slow": prepared.slow,
    }
    facts |= {name: value for name, value in (("message", new.message_id), ("row", new.row_key)) if value}
    about = {"messageId": new.message_id, "dataRow": new.data_row_key, "model": new.model}
    header = orjson.dumps(orjson.loads(dead_letter.header) | about)
    return EditedMessage(dead_letter.id, dead_letter.body_digest, facts, header + b"\n" + raw)


def _compact(raw: bytes) -> bytes:
    """Return the message without the white space between its tokens. No number is read, so none changes its digits."""
    return _BETWEEN_TOKENS.sub(lambda match: match[1] or b"", raw)
