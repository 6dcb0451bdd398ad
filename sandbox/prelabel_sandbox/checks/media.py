"""Media types of projects, ontologies and data rows, and their spellings (docs/reference/labelbox-format.md#3)."""

import difflib
from typing import Any

UNKNOWN = "unknown"
CHAT = "multimodal chat"

# The API's spelling → the medium.
_NAMES = {
    "IMAGE": "image",
    "VIDEO": "video",
    "TEXT": "text",
    "AUDIO": "audio",
    "HTML": "HTML",
    "TMS_GEO": "geospatial",
    "TMS_SIMPLE": "tiled",
    "PDF": "document",
    "DOCUMENT": "document",
    "CONVERSATIONAL": "conversational",
    "DICOM": "DICOM",
    "LLM_PROMPT_CREATION": "prompt",
    "LLM_PROMPT_RESPONSE_CREATION": "prompt",
    "POINT_CLOUD": "point cloud",
    "LLM": "LLM",
}
_CHAT_TASKS = ("offlinemodelchatevaluation", "modelchatevaluation")
# Editor task type → the medium of its projects and ontologies (docs/reference/labelbox-api.md#editor-task-types).
_TASK_MEDIA = {
    "MODEL_CHAT_EVALUATION": "conversational",
    "OFFLINE_MODEL_CHAT_EVALUATION": "conversational",
    "RESPONSE_CREATION": "text",
}
_CHAT_TOOLS = {
    *("message-single-selection", "message-multi-selection", "message-ranking"),
    *("step-reasoning", "fact-checking", "prompt-issue"),
}


def media_of(media_type: str | None, editor_task_type: str | None = None) -> str:
    """Return a project's medium; for a missing or unknown media type `unknown`, which accepts all kinds."""
    media = _MEDIA.get(_plain(media_type), UNKNOWN)
    if media == "conversational" and _plain(editor_task_type) in _CHAT_TASKS:
        return CHAT
    return media


def check_media_type(media_type: str) -> None:
    """Refuse a media type that does not exist. Raises ValueError in Labelbox's words, and says which ones exist."""
    if _plain(media_type) not in _MEDIA:
        near = difflib.get_close_matches(media_type.upper(), _NAMES, 1)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise ValueError(f"Found invalid media type: '{media_type[:40]}'. {hint}Known: {', '.join(_NAMES)}")


def check_task_type(task_type: str | None, media_type: str | None) -> None:
    """Refuse an editor task type of another medium. Raises ValueError."""
    if task_type and media_type and media_of(media_type) != _TASK_MEDIA[task_type]:
        needed = _TASK_MEDIA[task_type].upper()
        raise ValueError(f"editorTaskType {task_type} needs the media type {needed}, found {media_type}")


def check_chat_tools(tools: list[dict[str, Any]], media_type: str | None, task_type: str | None) -> None:
    """Refuse an ontology that has tools of chats alone and not the task type. Raises ValueError.

    No source says that Labelbox refuses it; but its guides make no such ontology.
    """
    of_chats = bool(tools) and all(tool["tool"] in _CHAT_TOOLS for tool in tools)
    if of_chats and task_type != "MODEL_CHAT_EVALUATION" and media_of(media_type) in ("conversational", UNKNOWN):
        raise ValueError(
            f"'{tools[0]['name'][:80]}' is a {tools[0]['tool']} tool, which needs an ontology of the kind "
            "MODEL_EVALUATION (editorTaskType MODEL_CHAT_EVALUATION)"
        )


def check_connection(project_task: str | None, ontology_task: str | None) -> None:
    """Refuse an ontology of another kind than the project's task type needs: our assumption. Raises ValueError."""
    needed = (project_task or "").removeprefix("OFFLINE_") or None
    if ontology_task != needed:
        raise ValueError(
            f"a project with editorTaskType {project_task or 'null'} needs an ontology with {needed or 'null'}, "
            f"found {ontology_task or 'null'}"
        )


def _plain(name: str | None) -> str:
    return (name or "").lower().replace("_", "").replace("-", "").replace(" ", "")


# Every spelling of the API, without case, hyphens and underscores.
_MEDIA = {_plain(name): media for name, media in _NAMES.items()}
