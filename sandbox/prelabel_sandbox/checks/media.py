"""Media types of projects, and their spellings (docs/reference/labelbox-format.md#3)."""

UNKNOWN = "unknown"
CHAT = "multimodal chat"

# Every spelling of the API, without case, hyphens and underscores.
_MEDIA = {
    "image": "image",
    "video": "video",
    "text": "text",
    "audio": "audio",
    "html": "HTML",
    "tmsgeo": "geospatial",
    "tmssimple": "tiled",
    "pdf": "document",
    "document": "document",
    "conversational": "conversational",
    "dicom": "DICOM",
    "llmpromptcreation": "prompt",
    "llmpromptresponsecreation": "prompt",
    "pointcloud": "point cloud",
    "llm": "LLM",
}
_CHAT_TASKS = ("offlinemodelchatevaluation", "modelchatevaluation")


def media_of(media_type: str | None, editor_task_type: str | None = None) -> str:
    """Return a project's medium; for a missing or unknown media type `unknown`, which accepts all kinds."""
    media = _MEDIA.get(_plain(media_type), UNKNOWN)
    if media == "conversational" and _plain(editor_task_type) in _CHAT_TASKS:
        return CHAT
    return media


def _plain(name: str | None) -> str:
    return (name or "").lower().replace("_", "").replace("-", "").replace(" ", "")
