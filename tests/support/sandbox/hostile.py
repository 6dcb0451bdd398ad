"""A project and annotations whose texts are markup, which must not take effect wherever a page shows them."""

from typing import Any

from tests.support.sandbox.cars import car

HOSTILE = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7 * 7919 }}"


def hostile_ontology() -> dict[str, Any]:
    options = [{"value": HOSTILE, "options": [{"type": "text", "name": HOSTILE + "t"}]}]
    below = [{"type": "radio", "name": HOSTILE, "options": options}]
    kinds = ("rectangle", "point", "named-entity", "raster-segmentation", "edge", "message-ranking")
    tools = [
        {"tool": kind, "name": f"{HOSTILE}{kind}", "color": "red}</style><script>", "classifications": below}
        for kind in kinds
    ]
    timed = {"type": "radio", "name": HOSTILE + "timed", "scope": "index", "options": options}
    return {"tools": tools, "classifications": [*below, timed, {"type": "text", "name": HOSTILE + "text"}]}


def hostile_lines(key: str) -> list[dict[str, Any]]:
    nested = [
        {"name": HOSTILE, "answer": {"name": HOSTILE, "classifications": [{"name": HOSTILE + "t", "answer": HOSTILE}]}}
    ]
    objects: list[dict[str, Any]] = [
        {
            "name": HOSTILE + "rectangle",
            "bbox": {"top": 1, "left": 1, "height": 9, "width": 9},
            "classifications": nested,
        },
        {
            "name": HOSTILE + "rectangle",
            "segments": [
                {
                    "keyframes": [
                        {"frame": 1, "bbox": {"top": 1, "left": 1, "height": 9, "width": 9}, "classifications": nested}
                    ]
                }
            ],
        },
        {"name": HOSTILE + "named-entity", "location": {"start": 0, "end": 12}, "messageId": HOSTILE},
        {"name": HOSTILE + "named-entity", "location": {"start": 2, "end": 20}},
        {
            "name": HOSTILE + "raster-segmentation",
            "mask": {"instanceURI": f"https://x/{HOSTILE}", "colorRGB": [1, 2, 3]},
        },
        {"name": HOSTILE + "text", "answer": HOSTILE},
        {"name": HOSTILE + "timed", "answer": {"name": HOSTILE, "frames": [{"start": 1, "end": 5}]}},
        {
            "name": HOSTILE + "named-entity",
            "textSelections": [{"groupId": HOSTILE, "tokenIds": [HOSTILE], "page": 1}],
        },
        {"name": HOSTILE + "tram", "point": {"x": 1, "y": 1}},
    ]
    return [{"uuid": car(number)["uuid"], "dataRow": {"globalKey": key}, **line} for number, line in enumerate(objects)]
