"""Measure what a mapping adds to the check of a message of five boxes: CPU of one core, without Redis.

    python benchmarks/mapping.py [--rows 20000] [--rounds 7]

The cases take turns, and the fastest round of each counts, so that other work on the machine matters little. Each case
gives the same five boxes to the publisher's check: as a finished message without a mapping; as a message whose classes
are mapped, and routed to two projects; and as the output of a model, of which the mapping makes the message.
"""

import argparse
import random
import time
from collections.abc import Callable
from typing import Any

import orjson
from five_boxes import CLASSES, row

from prelabel.mapping import PredictionMapping
from prelabel.mapping.file import mapping_of
from prelabel.publishing.mapped import prepare_mapped
from prelabel.validation.gate import MAX_MESSAGE_BYTES, prepare

KEY = "{body.file}"
MAPPED = {"project": "p", "confidence": 0.3, "classes": {name: f"{name}s" for name in CLASSES}}
ROUTES = [{"below": 0.9, "projects": ["review", "second"]}]
OUTPUT = {"label": "labels", "score": "scores", "box": "boxes", "box_format": "xyxy", "labels": CLASSES}
TENSORS = {
    **OUTPUT, "tensors": "outputs", "box": "boxes.0", "score": "scores.0", "label": "classes.0", "normalised": True,
    "width": 1920, "height": 1080,
}  # fmt: skip


def outputs(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the same boxes as parallel arrays."""
    return [
        {
            "file": message["dataRow"]["globalKey"],
            "labels": [CLASSES.index(box["name"]) for box in message["annotations"]],
            "scores": [box["confidence"] for box in message["annotations"]],
            "boxes": [
                [left, top, left + width, top + height]
                for left, top, width, height in (
                    (box["bbox"][key] for key in ("left", "top", "width", "height")) for box in message["annotations"]
                )
            ],
        }
        for message in messages
    ]


def tensors(bodies: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the same boxes as the answer of a server that speaks KServe's protocol."""
    return [
        {
            "file": body["file"],
            "outputs": [
                {"name": "boxes", "shape": [1, 5, 4], "data": [value / 2000 for box in body["boxes"] for value in box]},
                {"name": "scores", "shape": [1, 5], "data": body["scores"]},
                {"name": "classes", "shape": [1, 5], "data": [float(label) for label in body["labels"]]},
            ],
        }
        for body in bodies
    ]


def through(mapping: PredictionMapping) -> Callable[[Any], object]:
    """Return the publisher's preparation with this mapping."""
    return lambda body: prepare_mapped(mapping, body, project_id=None, model=None, max_bytes=MAX_MESSAGE_BYTES)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    chance = random.Random(1)
    messages = [row("p", number, chance) for number in range(given.rows)]
    unaddressed = [{key: value for key, value in message.items() if key != "projectId"} for message in messages]
    bodies = outputs(messages)
    of_output = {**MAPPED, "global_key": KEY}
    cases: dict[str, tuple[list[dict[str, Any]], Callable[[Any], object]]] = {
        "orjson.loads and dumps": (messages, lambda message: orjson.loads(orjson.dumps(message))),
        "no mapping": (messages, prepare),
        "a mapping without tables": (messages, through(PredictionMapping())),
        "classes and a threshold": (messages, through(mapping_of(MAPPED))),
        "and a route to two projects": (unaddressed, through(mapping_of({**MAPPED, "routes": ROUTES}))),
        "output: arrays side by side": (bodies, through(mapping_of({**of_output, "output": OUTPUT}))),
        "output: normalised tensors": (tensors(bodies), through(mapping_of({**of_output, "output": TENSORS}))),
    }
    best = dict.fromkeys(cases, float("inf"))
    for _ in range(given.rounds):
        for name, (inputs, work) in cases.items():
            before = time.process_time()
            for one in inputs:
                work(one)
            best[name] = min(best[name], time.process_time() - before)
    print(f"CPU of a row of five boxes, fastest of {given.rounds} rounds of {given.rows:,} rows")
    for name, seconds in best.items():
        print(f"{name:<28} {seconds / given.rows * 1e6:6.1f} µs")


if __name__ == "__main__":
    main()
