"""Lines in the form in which tests compare them, and row builders for each media type."""

from typing import Any
from uuid import UUID

from prelabel_worker.ontology.ontology import Ontology
from prelabel_worker.rendering.row_builder import RowBuilder
from tests.golden import HARBOUR

BUILDERS = {
    media: RowBuilder("harbour", Ontology.from_normalized(HARBOUR, media))
    for media in (
        *("IMAGE", "VIDEO", "TEXT", "TMS_GEO", "PDF", "CONVERSATIONAL", "AUDIO", "HTML", "DICOM"),
        "LLM_PROMPT_RESPONSE_CREATION",
    )
}


def canonical(line: dict[str, Any]) -> dict[str, Any]:
    """Return a line of docs/reference/labelbox-format.md as we write it: with canonical uuid, and `answer`."""
    line = {"answer" if key == "answers" else key: value for key, value in line.items()}
    return line | ({"uuid": str(UUID(line["uuid"]))} if "uuid" in line else {})
