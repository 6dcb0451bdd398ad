"""Read what a refused message says about itself: its project, its data row, its ids, even if its JSON is broken."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

_DECODE = json.JSONDecoder().raw_decode
_SPACE = " \t\r\n"


@dataclass(frozen=True, slots=True)
class MessageFacts:
    """What can be read of a message; None for the rest."""

    project_id: str | None = None
    #: `{"id": …}` or `{"globalKey": …}`.
    data_row: Mapping[str, str] | None = None
    message_id: str | None = None
    #: The model's name; empty if the message names no model.
    model: str | None = None


def facts_of_message(message: bytes | Mapping[str, Any]) -> MessageFacts:
    """Return what a message says about itself, in JSON that is cut off, too: what stands before the broken place."""
    keys = _keys(message) if isinstance(message, bytes) else message
    data_row, model = keys.get("dataRow"), keys.get("model")
    return MessageFacts(
        project_id=_text(keys.get("projectId")),
        data_row=_data_row(data_row) if isinstance(data_row, Mapping) else None,
        message_id=_text(keys.get("messageId")),
        model=_text(model.get("name") or "") if isinstance(model, Mapping) else "" if model is None else None,
    )


def _data_row(data_row: Mapping[str, Any]) -> Mapping[str, str] | None:
    for key in ("id", "globalKey"):
        if (value := _text(data_row.get(key))) is not None:
            return {key: value}
    return None


def _text(value: Any) -> str | None:
    """Return a text that JSON can hold. A replaced byte would make it another one's name."""
    if not isinstance(value, str) or "\ufffd" in value:
        return None
    try:
        value.encode()
    except UnicodeEncodeError:
        return None
    return value


def _keys(raw: bytes) -> Mapping[str, Any]:
    try:
        message = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return _keys_before_the_break(raw.decode("utf-8", "replace"))
    return message if isinstance(message, dict) else {}


def _keys_before_the_break(text: str) -> dict[str, Any]:
    """Return the keys of an object up to the first that cannot be read. Python's reader also takes NaN and 1e400."""
    keys: dict[str, Any] = {}
    at = _past(text, _after(text, 0), "{")
    try:
        while at is not None:
            key, end = _DECODE(text, _after(text, at))
            at = _past(text, _after(text, end), ":")
            if at is None or not isinstance(key, str):
                break
            keys[key], end = _DECODE(text, _after(text, at))
            at = _past(text, _after(text, end), ",")
    except (ValueError, RecursionError):
        pass
    return keys


def _after(text: str, at: int) -> int:
    while at < len(text) and text[at] in _SPACE:
        at += 1
    return at


def _past(text: str, at: int, sign: str) -> int | None:
    return at + 1 if text[at : at + 1] == sign else None
