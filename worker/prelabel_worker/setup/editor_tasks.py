"""Ontologies and projects with a task of their own: evaluating chats, creating responses.

Source: docs/reference/labelbox-api.md#editor-task-types. Labelbox calls the task of an ontology its kind, and sends it
as an editor task type too.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from prelabel.errors import PrelabelError


class OntologyKind(StrEnum):
    """The kinds of ontologies, beside ordinary ones."""

    MODEL_EVALUATION = "MODEL_EVALUATION"
    RESPONSE_CREATION = "RESPONSE_CREATION"


class TaskType(StrEnum):
    """The task types of projects, beside ordinary ones."""

    OFFLINE_MODEL_CHAT_EVALUATION = "OFFLINE_MODEL_CHAT_EVALUATION"
    MODEL_CHAT_EVALUATION = "MODEL_CHAT_EVALUATION"
    RESPONSE_CREATION = "RESPONSE_CREATION"


TASK_OF_KIND = {
    OntologyKind.MODEL_EVALUATION: TaskType.MODEL_CHAT_EVALUATION,
    OntologyKind.RESPONSE_CREATION: TaskType.RESPONSE_CREATION,
}
"""The task type that an ontology of each kind is sent with, whether its projects are offline or live."""
MEDIA_OF_TASK = {
    TaskType.OFFLINE_MODEL_CHAT_EVALUATION: "CONVERSATIONAL",
    TaskType.MODEL_CHAT_EVALUATION: "CONVERSATIONAL",
    TaskType.RESPONSE_CREATION: "TEXT",
}
"""The only media type of each task type."""
_CHAT_TOOLS = {
    *("message-single-selection", "message-multi-selection", "message-ranking"),
    *("step-reasoning", "fact-checking", "prompt-issue"),
}


class WrongTask(PrelabelError):
    """The media type is not the one of the task."""


def check_media(task: TaskType, name: str, media_type: str) -> None:
    """Refuse a media type that this task does not have. Raises WrongTask, with the name of the task or kind."""
    if media_type != MEDIA_OF_TASK[task]:
        raise WrongTask(f"{name} needs the media type {MEDIA_OF_TASK[task]}, found {media_type}; nothing was made")


def evaluates_chats(tree: Mapping[str, Any]) -> bool:
    """Return whether an ontology is for evaluating chats: it has tools, and only such that chats alone have."""
    tools = [tool.get("tool") for tool in tree.get("tools") or () if isinstance(tool, Mapping)]
    return bool(tools) and all(tool in _CHAT_TOOLS for tool in tools)
