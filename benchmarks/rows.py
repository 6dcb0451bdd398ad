"""Microseconds of Python for one message: checked at publish, and validated and rendered in a worker.

    python benchmarks/rows.py

Each kind against the floor in the same run: `orjson.loads` + `dumps` of the same bytes.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import orjson
from end_to_end import CLASSES, rows

from prelabel import PredictionMessage
from prelabel.errors import MessageError
from prelabel.gate import decode_message, prepare
from prelabel_worker.ontology import Ontology
from prelabel_worker.rows import RowBuilder

COUNT = 5000
OPTIONS = [{"value": "clear", "featureSchemaId": "c" + "7" * 24}, {"value": "fog", "featureSchemaId": "c" + "8" * 24}]
TOOLS = [
    {"tool": "rectangle", "name": name, "featureSchemaId": f"c{at:024d}", "classifications": []}
    for at, name in enumerate(CLASSES)
]
TOOLS += [
    {"tool": tool, "name": tool, "featureSchemaId": f"c{at:024d}"}
    for at, tool in enumerate(("polygon", "point", "line", "raster-segmentation"), 100)
]
CLASSIFICATIONS = [
    {"type": kind, "name": kind, "featureSchemaId": f"c{at:024d}", "options": OPTIONS if kind != "text" else []}
    for at, kind in enumerate(("radio", "checklist", "text"), 200)
]
BUILDER = RowBuilder("p", Ontology.from_normalized({"tools": TOOLS, "classifications": CLASSIFICATIONS}, "IMAGE"))
POINTS = [{"x": n * 1.5, "y": n * n * 0.5} for n in range(20)]
ONE: dict[str, Any] = {
    "one point": {"name": "point", "point": {"x": 1.5, "y": 2}},
    "a polygon of 20": {"name": "polygon", "polygon": POINTS},
    "a polyline of 20": {"name": "line", "line": POINTS},
    "a mask by address": {
        "name": "raster-segmentation",
        "mask": {"instanceURI": "https://masks.example.org/000184.png", "colorRGB": [0, 120, 255]},
    },
    "a radio": {"name": "radio", "answer": {"name": "fog"}},
    "a checklist": {"name": "checklist", "answer": [{"name": "fog"}, {"name": "clear"}]},
    "a text": {"name": "text", "answer": "Crane arm hides the bow."},
}


def message(annotation: dict[str, Any]) -> bytes:
    return orjson.dumps({"projectId": "p", "dataRow": {"globalKey": "a"}, "annotations": [annotation]})


def microseconds(work: Callable[[Any], object], inputs: Sequence[Any]) -> float:
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        for each in inputs:
            work(each)
        best = min(best, time.perf_counter() - start)
    return best / len(inputs) * 1e6


def refused(raw: bytes) -> None:
    try:
        BUILDER.build(raw)
    except MessageError:
        return
    raise AssertionError


def main() -> None:
    boxes = rows(COUNT, "p")
    cases = {"five boxes": boxes} | {name: [message(annotation)] * COUNT for name, annotation in ONE.items()}
    print(f"{'message':<20} {'floor':>7} {'publish':>8} {'check':>7} {'build':>7} {'of the floor':>13}")
    for name, inputs in cases.items():
        floor = microseconds(lambda raw: orjson.dumps(orjson.loads(raw)), inputs)
        build = microseconds(BUILDER.build, inputs)
        checked, published = microseconds(decode_message, inputs), microseconds(prepare, inputs)
        print(f"{name:<20} {floor:7.1f} {published:8.1f} {checked:7.1f} {build:7.1f} {floor / build:12.0%}")
    dicts = [orjson.loads(raw) for raw in boxes]
    typed = [PredictionMessage.model_validate_json(raw) for raw in boxes[:1000]]
    bad = [raw.replace(b'"width":', b'"witdh":', 1) for raw in boxes[:1000]]
    print(f"five boxes published as dicts {microseconds(prepare, dicts):.1f}, typed {microseconds(prepare, typed):.1f}")
    print(f"a refused message of five boxes {microseconds(refused, bad):.1f}")


if __name__ == "__main__":
    main()
