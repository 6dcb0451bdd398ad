"""The example of each media type, and their ontology. They name no project: it is chosen when they are published."""

import json
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "examples/media"
ONTOLOGY = json.loads((FOLDER / "ontology.json").read_text("utf-8"))["ontology"]
MEDIA = {
    "image": "IMAGE",
    "video": "VIDEO",
    "text": "TEXT",
    "geospatial": "TMS_GEO",
    "document": "PDF",
    "conversational": "CONVERSATIONAL",
    "chat": "CONVERSATIONAL",
    "audio": "AUDIO",
    "html": "HTML",
}
