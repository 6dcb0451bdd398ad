"""The rows of the demo: the same every time, one in a hundred with a mistake that happens in practice."""

import random
from collections.abc import Iterator
from typing import Any

DEMO_DATA = "demo"
"""The name of the stack's folder with the demo's data."""
PROJECTS = ("demo-harbour", "demo-street", "demo-yard")
CLASSES = ("vessel", "car", "truck", "person", "crane")
MISSPELT, MEANT = "vesel", "vessel"
_SEED = 20261122
_EVERY_BAD = 100


def messages(rows: int) -> Iterator[dict[str, Any]]:
    """Yield the same messages every time: boxes, and one message in a hundred that is wrong on purpose."""
    generator = random.Random(_SEED)
    for number in range(rows):
        message = _message(generator, PROJECTS[number % len(PROJECTS)], number)
        if number % _EVERY_BAD == _EVERY_BAD - 1:
            _spoil(message, number // _EVERY_BAD)
        yield message


def _message(generator: random.Random, project_id: str, number: int) -> dict[str, Any]:
    def box() -> dict[str, Any]:
        left, top = generator.randint(0, 1800), generator.randint(0, 900)
        size = {"width": generator.randint(8, 300), "height": generator.randint(8, 200)}
        return {"name": generator.choice(CLASSES), "bbox": {"left": left, "top": top, **size}}

    return {
        "projectId": project_id,
        "dataRow": {"globalKey": f"cam-{number % 7}/{number:06d}.jpg"},
        "model": {"name": "demo-detector", "version": "1"},
        "annotations": [box() for _ in range(generator.randint(1, 6))],
    }


def _spoil(message: dict[str, Any], number: int) -> None:
    """Give a message one of four mistakes that happen in practice."""
    annotations = message["annotations"]
    mistakes = (
        lambda: annotations[0].update(name=MISSPELT),  # a misspelt feature
        lambda: annotations.append({"name": "vessel", "point": {"x": 1, "y": 1}}),  # the wrong kind for its tool
        lambda: message.update(
            dataRow={"globalKey": "missing/" + message["dataRow"]["globalKey"]}
        ),  # not in the project
        lambda: annotations[0]["bbox"].update(width=-4),  # refused before it is sent
    )
    mistakes[number % len(mistakes)]()


def project(project_id: str) -> dict[str, Any]:
    """Return a project of the demo, as the sandbox accepts it."""
    tools = [{"tool": "rectangle", "name": name} for name in CLASSES]
    return {
        "id": project_id,
        "mediaType": "IMAGE",
        "ontology": {"tools": tools, "classifications": []},
        "dataRows": [f"cam-{number % 7}/{number:06d}.jpg" for number in range(100_000)],
    }
