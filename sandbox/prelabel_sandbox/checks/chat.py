"""Selections and rankings of a chat's messages (docs/reference/labelbox-format.md#2-24)."""

from typing import Any

from prelabel_sandbox.checks.messages import known_message
from prelabel_sandbox.checks.ontology import Feature
from prelabel_sandbox.checks.refusal import invalid
from prelabel_sandbox.checks.scene import Scene
from prelabel_sandbox.checks.values import exact_keys, filled, integer, text

FORMATS = ("message-single-selection", "message-multi-selection", "message-ranking")
_TASK = frozenset({"format", "data"})
_PATH = "messageEvaluationTask"
_DATA = f"{_PATH}.data"
_MESSAGE = frozenset({"messageId", "modelConfigName"})


def check_task(line: dict[str, Any], feature: Feature, scene: Scene) -> None:
    """Check that the task's data fit its format, and that its tool has this format."""
    task = exact_keys(line[_PATH], _TASK, _PATH)
    if task["format"] not in FORMATS:
        raise invalid(f"{_PATH}.format", f"Must be one of: {', '.join(FORMATS)}.")
    if task["format"] != feature.type:
        raise invalid("_schema", f"A {feature.type} feature does not take {task['format']}.")
    if task["format"] == "message-single-selection":
        data = exact_keys(task["data"], _MESSAGE | {"parentMessageId"}, _DATA)
        _check_message({key: data[key] for key in _MESSAGE}, scene, _MESSAGE)
    elif task["format"] == "message-multi-selection":
        data = exact_keys(task["data"], {"parentMessageId", "selectedMessages"}, _DATA)
        for message in filled(data["selectedMessages"], f"{_DATA}.selectedMessages"):
            _check_message(message, scene, _MESSAGE)
    else:
        data = exact_keys(task["data"], {"parentMessageId", "rankedMessages"}, _DATA)
        _check_ranking(filled(data["rankedMessages"], f"{_DATA}.rankedMessages"), scene)
    known_message(data["parentMessageId"], scene, f"{_DATA}.parentMessageId")


def _check_ranking(messages: list[Any], scene: Scene) -> None:
    for message in messages:
        _check_message(message, scene, _MESSAGE | {"order"})
    orders = sorted(integer(message["order"], f"{_DATA}.rankedMessages.order", 1) for message in messages)
    if orders != list(range(1, len(messages) + 1)):
        raise invalid(f"{_DATA}.rankedMessages.order", f"Must be 1..{len(messages)}, each once.")


def _check_message(value: Any, scene: Scene, keys: frozenset[str]) -> None:
    message = exact_keys(value, keys, _DATA)
    known_message(message["messageId"], scene, f"{_DATA}.messageId")
    text(message["modelConfigName"], f"{_DATA}.modelConfigName")
