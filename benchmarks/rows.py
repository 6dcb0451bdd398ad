"""Measure what one row costs to check, build, prepare or refuse, beside orjson.loads and dumps of the same bytes.

    python benchmarks/rows.py [--rows 500] [--seconds 0.5] [--json]

Figures are microseconds of CPU a message, the best of many passes over distinct messages, in one thread.
With `--json`, only messages of five boxes are measured: floor, check and build take turns.
"""

import argparse
import json
import random
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import orjson

from prelabel import BoundingBox, GlobalKey, MessageError, Model, PredictionMessage
from prelabel.validation.gate import prepare, read_message
from prelabel_worker.ontology.ontology import Ontology
from prelabel_worker.rendering.row_builder import RowBuilder

PROJECT = "cmh2k4t8x00a107l5e1v9q3zr"
CLASSES = ["car", "truck", "bus", "person", "bicycle", "vessel", "buoy", "crane", "dog", "sign"]
RANDOM = random.Random(7)
IDS = iter(range(10**6))


def feature(name: str, tool: str, **more: Any) -> dict[str, Any]:
    key = "type" if tool in ("radio", "checklist", "text") else "tool"
    return {key: tool, "name": name, "featureSchemaId": f"c{next(IDS):024d}"} | more


def option(name: str, nested: Sequence[Any] = ()) -> dict[str, Any]:
    return {"value": name, "label": name, "featureSchemaId": f"c{next(IDS):024d}", "options": list(nested)}


STATE = feature("state", "radio", options=[option("intact"), option("damaged", [feature("note", "text")])])
ONTOLOGY = {
    "tools": [
        *(feature(name, "rectangle", classifications=[STATE]) for name in CLASSES),
        *(feature("area", "polygon"), feature("spot", "point"), feature("rope", "line"), feature("edge", "edge")),
        feature("film", "raster-segmentation"),
        *(feature("ship", "named-entity"), feature("best", "message-single-selection")),
    ],
    "classifications": [
        feature("weather", "radio", options=[option("clear"), option("fog")]),
        feature("flags", "checklist", options=[option("red"), option("green")]),
        feature("remark", "text"),
        feature("transcript", "text"),
    ],
}


def pixels(least: float = 0, most: float = 1900) -> float:
    return round(RANDOM.uniform(least, most), 1)


def vertices(count: int) -> list[dict[str, float]]:
    return [{"x": pixels(), "y": pixels()} for _ in range(count)]


def box(**more: Any) -> dict[str, Any]:
    corners = {"left": pixels(), "top": pixels(), "width": pixels(1, 400), "height": pixels(1, 400)}
    return {"name": RANDOM.choice(CLASSES), "bbox": corners} | more


def radio() -> dict[str, Any]:
    return {"name": "weather", "answer": {"name": "fog"}}


def checklist() -> dict[str, Any]:
    return {"name": "flags", "answer": [{"name": "red"}, {"name": "green"}]}


def with_state() -> dict[str, Any]:
    nested = {"name": "note", "answer": "bow"}
    return box(classifications=[{"name": "state", "answer": {"name": "damaged", "classifications": [nested]}}])


def mask() -> dict[str, Any]:
    return {"name": "film", "mask": {"instanceURI": "https://masks.example.org/000184.png", "colorRGB": [0, 120, 255]}}


def linked() -> list[dict[str, Any]]:
    ends = [f"5b0c9a1e-6d0f-4c7b-9a55-{RANDOM.randrange(16**12):012x}" for _ in range(2)]
    link = {"name": "edge", "relationship": {"source": ends[0], "target": ends[1], "type": "unidirectional"}}
    return [box(uuid=ends[0]), box(uuid=ends[1]), link]


KINDS: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "5 boxes": lambda: [box() for _ in range(5)],
    "5 boxes, confidence": lambda: [box(confidence=round(RANDOM.random(), 4)) for _ in range(5)],
    "5 boxes, nested answers": lambda: [with_state() for _ in range(5)],
    "5 polygons of 20": lambda: [{"name": "area", "polygon": vertices(20)} for _ in range(5)],
    "5 points": lambda: [{"name": "spot", "point": vertices(1)[0]} for _ in range(5)],
    "5 polylines of 20": lambda: [{"name": "rope", "line": vertices(20)} for _ in range(5)],
    "5 masks by address": lambda: [mask() for _ in range(5)],
    "radio": lambda: [radio()],
    "checklist": lambda: [checklist()],
    "free text": lambda: [{"name": "remark", "answer": "Crane arm hides the bow."}],
    "3 boxes, radio, checklist": lambda: [box(), box(), box(), radio(), checklist()],
    "2 boxes and their link": linked,
    "100 boxes": lambda: [box() for _ in range(100)],
}
RANGES = [{"start": 30, "end": 240}, {"start": 300, "end": 300}]
ENTITY = {"name": "ship", "location": {"start": 4, "end": 12}}
REPLY = {"messageId": "r-2", "modelConfigName": "tide-13b"}
SELECTION = {"groupId": "9d3c55a0-0f5e-4d8e-8a44-0b6a7c000001", "tokenIds": ["9d3c55a0-0f5e-4d8e-8a44-0b6a7c000011"]}
MASKS = {
    "frames": [{"index": at, "instanceURI": f"https://masks.example.org/{at:04d}.png"} for at in range(20)],
    "instances": [{"colorRGB": [at + 1, 120, 255], "name": "film"} for at in range(3)],
}


def track(shape: Callable[[], dict[str, Any]], name: str) -> dict[str, Any]:
    return {"name": name, "segments": [{"keyframes": [{"frame": at, **shape()} for at in range(1, 100, 5)]}]}


def position() -> dict[str, float]:
    return {"x": pixels(-170, 170), "y": pixels(-80, 80)}


def corners(**more: Any) -> dict[str, Any]:
    return {key: value for key, value in box(**more).items() if key != "name"}


def selection(parent: str) -> dict[str, Any]:
    task = {"format": "message-single-selection", "data": {"parentMessageId": parent, **REPLY}}
    return {"name": "best", "messageEvaluationTask": task}


def speech(value: str) -> dict[str, Any]:
    return {"name": "transcript", "answer": [{"value": value, "frames": RANGES}]}


MEDIA_KINDS: list[tuple[str, str, Callable[[], list[dict[str, Any]]]]] = [
    ("5 text entities", "TEXT", lambda: [ENTITY] * 5),
    ("5 conversation entities", "CONVERSATIONAL", lambda: [ENTITY | {"messageId": "m-3"}] * 5),
    ("5 answers about messages", "CONVERSATIONAL", lambda: [radio() | {"messageId": f"m-{at}"} for at in range(5)]),
    (
        "5 selections of replies",
        "CONVERSATIONAL",
        lambda: [selection(f"q-{at}") for at in range(5)],
    ),
    ("5 document boxes", "PDF", lambda: [box(page=1, unit="POINTS") for _ in range(5)]),
    ("5 document entities", "PDF", lambda: [{"name": "ship", "textSelections": [SELECTION | {"page": 1}]}] * 5),
    ("5 tracks of 20 boxes", "VIDEO", lambda: [track(corners, "car") for _ in range(5)]),
    ("5 tracks of 20 points", "VIDEO", lambda: [track(lambda: {"point": vertices(1)[0]}, "spot") for _ in range(5)]),
    ("mask set of 20 frames", "VIDEO", lambda: [{"masks": MASKS}]),
    ("5 timed radios", "VIDEO", lambda: [{"name": "weather", "answer": {"name": "fog", "frames": RANGES}}] * 5),
    ("5 timed checklists", "AUDIO", lambda: [{"name": "flags", "answer": [{"name": "red", "frames": RANGES}]}] * 5),
    ("5 timed texts", "AUDIO", lambda: [speech("Go ahead.")] * 5),
    ("5 boxes of a tile layer", "TMS_SIMPLE", lambda: [box() for _ in range(5)]),
    ("5 points in degrees", "TMS_GEO", lambda: [{"name": "spot", "point": position()} for _ in range(5)]),
    ("radio, checklist, text", "HTML", lambda: [radio(), checklist(), {"name": "remark", "answer": "Signed."}]),
]
BAD: dict[str, tuple[bytes, bytes]] = {
    "misspelt key": (b'"width":', b'"widht":'),
    "negative width": (b'"width":', b'"width":-'),
    "unknown feature": (b'[{"name":"', b'[{"name":"my '),
    "bad uuid": (b'"bbox"', b'"uuid":"7","bbox"'),
    "bad project": (b'"projectId":"', b'"projectId":"/'),
    "broken JSON": (b"}]}", b"}],}"),
}


def message(annotations: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "messageId": f"0193e5d0-0000-7000-8000-{RANDOM.randrange(16**12):012x}",
        "projectId": PROJECT,
        "dataRow": {"globalKey": f"cam-1/{RANDOM.randrange(10**6):06d}.jpg"},
        "model": {"name": "yolo", "version": "11s"},
        "annotations": annotations,
    }


def typed(value: dict[str, Any]) -> PredictionMessage:
    return PredictionMessage(
        project_id=PROJECT,
        data_row=GlobalKey(value["dataRow"]["globalKey"]),
        model=Model("yolo", "11s"),
        annotations=[BoundingBox(annotation["name"], **annotation["bbox"]) for annotation in value["annotations"]],
    )


def refused(build: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def call(raw: bytes) -> None:
        try:
            build(raw)
        except MessageError:
            return
        raise AssertionError("the bad row was built")

    return call


def microseconds(call: Callable[[Any], Any], values: Iterable[Any], seconds: float) -> float:
    values, best, until = list(values), float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < until:
        start = time.process_time_ns()
        for value in values:
            call(value)
        best = min(best, (time.process_time_ns() - start) / len(values) / 1000)
    return best


def build_all(builder: RowBuilder, raws: list[bytes], seconds: float) -> float:
    """Return the microseconds of a row when messages are built together, as workers build those of a frame."""
    return microseconds(builder.build_all, [raws], seconds) / len(raws)


def five_boxes(number: int, seconds: float) -> dict[str, float]:
    """Return the floor, the check and the build of messages of five boxes; the three take ten turns."""
    builder = RowBuilder(PROJECT, Ontology.from_normalized(ONTOLOGY, "IMAGE"))
    raws = [orjson.dumps(message(KINDS["5 boxes"]())) for _ in range(number)]
    calls = {"floor": lambda raw: orjson.dumps(orjson.loads(raw)), "check": read_message}

    def turn() -> dict[str, float]:
        figures = {name: microseconds(call, raws, seconds / 10) for name, call in calls.items()}
        return figures | {"build": build_all(builder, raws, seconds / 10)}

    turns = [turn() for _ in range(10)]
    return {name: min(turn[name] for turn in turns) for name in turns[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=500, help="distinct messages in a pass")
    parser.add_argument("--seconds", type=float, default=0.5, help="how long each figure is measured")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.json:
        print(json.dumps(five_boxes(options.rows, options.seconds)))
        return
    builder = RowBuilder(PROJECT, Ontology.from_normalized(ONTOLOGY, "IMAGE"))

    def measure(call: Callable[[Any], Any], values: Iterable[Any]) -> float:
        return microseconds(call, values, options.seconds)

    print(f"{'message':28} {'bytes':>6} {'floor':>7} {'check':>7} {'build':>7} {'x floor':>8}")
    for name, media, make in [(name, "IMAGE", make) for name, make in KINDS.items()] + MEDIA_KINDS:
        rows = RowBuilder(PROJECT, Ontology.from_normalized(ONTOLOGY, media))
        raws = [orjson.dumps(message(make())) for _ in range(options.rows)]
        floor = measure(lambda raw: orjson.dumps(orjson.loads(raw)), raws)
        check, build = measure(read_message, raws), build_all(rows, raws, options.seconds)
        print(f"{name:28} {len(raws[0]):6} {floor:7.2f} {check:7.2f} {build:7.2f} {build / floor:8.1f}")

    values = [message(KINDS["5 boxes"]()) for _ in range(options.rows)]
    raws = [orjson.dumps(value) for value in values]
    print(f"\n{'5 boxes, on the way out':28} {'prepare':>7}")
    forms = {"JSON": raws, "mapping": values, "typed": [typed(value) for value in values]}
    for name, form in forms.items():
        print(f"{name:28} {measure(prepare, form):7.2f}")
    print(f"{'making it typed':28} {measure(typed, values):7.2f}")

    print(f"\n{'bad row of 5 boxes':28} {'refused':>7}")
    for name, (good, bad) in BAD.items():
        spoilt = [raw.replace(good, bad, 1) for raw in raws]
        print(f"{name:28} {measure(refused(builder.build), spoilt):7.2f}")


if __name__ == "__main__":
    main()
