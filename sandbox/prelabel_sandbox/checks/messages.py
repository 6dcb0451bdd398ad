"""Annotations of one message of a conversation (docs/reference/labelbox-format.md#2-5)."""

from typing import Any

from prelabel_sandbox.checks.classifications import check_global
from prelabel_sandbox.checks.ontology import Feature
from prelabel_sandbox.checks.refusal import Refused, invalid
from prelabel_sandbox.checks.scene import Scene
from prelabel_sandbox.checks.values import text


def check_message_answer(line: dict[str, Any], feature: Feature, scene: Scene) -> None:
    """Check an answer: for one message if it has a `messageId`, else for the whole conversation."""
    message = message_of(line, scene)
    # Only the editor uses the scope: in a live test, answers of the other scope were not refused.
    if scene.strict and (message is not None) != feature.indexed:
        raise invalid("messageId", f"The feature has the scope {'index' if feature.indexed else 'global'}.")
    check_global(line, feature, scene)


def message_of(line: dict[str, Any], scene: Scene) -> str | None:
    """Return the message that a line names, or None."""
    if "messageId" not in line:
        return None
    return known_message(line["messageId"], scene, "messageId")


def known_message(value: Any, scene: Scene, path: str) -> str:
    """Return the id of a message, which must exist if the messages are known."""
    message = text(value, path)
    if scene.asset.messages is not None and message not in scene.asset.messages:
        raise Refused("InvalidAnnotation", f"{path} {message} is not a message of the data row")
    return message


def characters_of(message: str, scene: Scene) -> int | None:
    """Return the number of characters of a message, or None if it is not known."""
    known = scene.asset.messages
    return known.get(message) if isinstance(known, dict) else None
