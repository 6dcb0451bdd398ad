"""Selections and rankings of a chat's messages (docs/reference/labelbox-format.md#2-24)."""

from typing import Any

from prelabel_sandbox.checks.messages import known_message
from prelabel_sandbox.checks.ontology import Feature
from prelabel_sandbox.checks.refusal import invalid
from prelabel_sandbox.checks.scene import Scene
from prelabel_sandbox.checks.values import array, exact_keys, integer, text

FORMATS = ("message-single-selection", "message-multi-selection", "message-ranking")
_TASK = frozenset({"format", "data"})
_PATH = "messageEvaluationTask"
_DATA = f"{_PATH}.data"
_MESSAGE = frozenset({"messageId", "modelConfigName"})
_OF_FORMAT = {
    "message-single-selection": _MESSAGE | {"parentMessageId"},
    "message-multi-selection": frozenset({"parentMessageId", "selectedMessages"}),
    "message-ranking": frozenset({"parentMessageId", "rankedMessages"}),
}


def check_task(line: dict[str, Any], feature: Feature, scene: Scene) -> None:
    """Check that the task's data fit its format, and that its tool has this format."""
    task = exact_keys(line[_PATH], _TASK, _PATH)
    if task["format"] not in FORMATS:
        raise invalid(f"{_PATH}.format", f"Must be one of: {', '.join(FORMATS)}.")
    if task["format"] != feature.type:
        raise invalid("_schema", f"A {feature.type} feature does not take {task['format']}.")
    data = exact_keys(task["data"], _OF_FORMAT[task["format"]], _DATA)
    known_message(data["parentMessageId"], scene, f"{_DATA}.parentMessageId")
    if task["format"] == "message-single-selection":
        _check_message({key: data[key] for key in _MESSAGE}, scene, _MESSAGE)
        if data["messageId"] == data["parentMessageId"]:
            raise invalid(f"{_DATA}.messageId", "Not the message that was replied to.")
    elif task["format"] == "message-multi-selection":
        _check_messages(data, "selectedMessages", scene, _MESSAGE)
    else:
        _check_ranking(_check_messages(data, "rankedMessages", scene, _MESSAGE | {"order"}))


def _check_messages(data: dict[str, Any], key: str, scene: Scene, keys: frozenset[str]) -> list[Any]:
    """Check replies, each of which is chosen once. No reply at all is a choice too: the official client writes it."""
    messages = array(data[key], f"{_DATA}.{key}")
    for message in messages:
        _check_message(message, scene, keys)
    ids = {message["messageId"] for message in messages}
    if len(ids) < len(messages) or data["parentMessageId"] in ids:
        raise invalid(f"{_DATA}.{key}", "Each reply once, and not the message that was replied to.")
    return messages


def _check_ranking(messages: list[Any]) -> None:
    orders = sorted(integer(message["order"], f"{_DATA}.rankedMessages.order", 1) for message in messages)
    if orders != list(range(1, len(messages) + 1)):
        raise invalid(f"{_DATA}.rankedMessages.order", f"Must be 1..{len(messages)}, each once.")


def _check_message(value: Any, scene: Scene, keys: frozenset[str]) -> None:
    message = exact_keys(value, keys, _DATA)
    known_message(message["messageId"], scene, f"{_DATA}.messageId")
    text(message["modelConfigName"], f"{_DATA}.modelConfigName")
