"""Prepare what is published through a mapping: a checked message for each project that gets it."""

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import orjson

from prelabel.mapping import Incoming, PredictionMapping
from prelabel.mapping.mapping import key_of
from prelabel.messages import new_message_id
from prelabel.validation.gate import Message, Prepared, as_json, is_label, of_label, prepare

if TYPE_CHECKING:
    from prelabel.messages import Model

_UNNAMED = "-"
"""Stands for the project of a label that is to be routed; a message of ours never has it."""


def prepare_mapped(
    mapping: PredictionMapping,
    message: Message,
    *,
    project_id: str | None,
    model: "Model | str | None",
    max_bytes: int,
) -> tuple[Prepared, ...]:
    """Return the messages for what was published, checked; none if the mapping leaves it out. Raises MessageError."""
    if type(message) is not dict and is_label(message):
        body = _of_label(message, project_id, model)
    elif project_id is not None or model is not None or (body := _decoded(message)) is None:
        return (prepare(message, project_id=project_id, model=model, max_bytes=max_bytes),)  # raises MessageError
    messages = mapping.messages(Incoming(body))
    if len(messages) > 1 and messages[0].get("messageId") is None:  # one id, so that a row is found in all projects
        ids: defaultdict[str, str] = defaultdict(new_message_id)  # a batch has several data rows
        messages = [{**mapped, "messageId": ids[key_of(mapped)]} for mapped in messages]
    return tuple(prepare(mapped, max_bytes=max_bytes) for mapped in messages)


def _decoded(message: Any) -> Any:
    """Return a message as the mapping reads it; None for what is not JSON, which the check explains."""
    if isinstance(message, dict | list):
        return message
    try:
        return orjson.loads(as_json(message))
    except orjson.JSONDecodeError:
        return None


def _of_label(label: Any, project_id: str | None, model: "Model | str | None") -> dict[str, Any]:
    message = of_label(label, project_id or _UNNAMED, model)
    if project_id is None:
        del message["projectId"]
    return message
