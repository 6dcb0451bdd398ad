"""Messages of five boxes, about 640 bytes of JSON: the row of all comparisons. Imports nothing, for any environment."""

import random

CLASSES = ["car", "truck", "bus", "person", "bicycle", "vessel", "buoy", "crane", "dog", "sign"]


def boxes(chance: random.Random) -> list[dict[str, object]]:
    """Return five boxes, as the annotations of a message."""

    def box() -> dict[str, object]:
        left, top, width, height = (round(chance.uniform(1, 900), 1) for _ in range(4))
        name = chance.choice(CLASSES)
        return {"name": name, "bbox": {"left": left, "top": top, "width": width, "height": height}, "confidence": 0.87}

    return [box() for _ in range(5)]


def key_of(number: int) -> str:
    """Return the global key of the data row of this number."""
    return f"cam-{number % 17}/{number:08d}.jpg"


def row(project_id: str, number: int, chance: random.Random) -> dict[str, object]:
    """Return the message about the data row of this number."""
    return {
        "messageId": f"m-{project_id}-{number:08d}",
        "projectId": project_id,
        "dataRow": {"globalKey": key_of(number)},
        "model": {"name": "yolo", "version": "11s"},
        "annotations": boxes(chance),
    }
