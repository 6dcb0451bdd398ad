"""The project of cars that most tests of the sandbox use."""

from typing import Any

CARS = {"tools": [{"tool": "rectangle", "name": "car"}], "classifications": []}


def car(number: int = 1, key: str = "cam1-0001", **changes: Any) -> dict[str, Any]:
    """Return a line with a box, whose uuid is derived from `number`."""
    line = {
        "uuid": f"0c4a7c1e-52a1-5a0b-9a53-{number:012x}",
        "name": "car",
        "dataRow": {"globalKey": key},
        "bbox": {"top": 5, "left": 6, "height": 70, "width": 80},
    }
    return {**line, **changes}
