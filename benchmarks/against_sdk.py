"""Compare the whole path of rows with one call of the official SDK, in time and in the memory of the process.

    python benchmarks/against_sdk.py [--rows 100000] [--typed-rows 20000] [--forms dicts,stream,typed,labels]

The SDK's side is sdk_script.py: `MALPredictionImport.create_from_objects`, then the statuses. Ours is a process that
publishes the same boxes, and running workers; it ends when all rows are imported, so it includes checks, Redis and the
linger time. Both sides use the same server, which answers at once. In each round the forms take turns:

- dicts: a list of dicts that is there before the time begins, on both sides;
- stream: ours makes each dict when it publishes it, as a model does. The making is part of its time;
- typed: `prelabel`'s annotation types beside the SDK's labels, both made before the time begins;
- labels: ours publishes the SDK's labels too (`prelabel.sdk`).
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import peers
from end_to_end import OurWorkers, run_of_workers
from five_boxes import boxes, key_of, row
from services import stopped

HERE = Path(__file__).parent
PROJECT = "p0"
CHUNK_ROWS = 10_000
Figures = dict[str, float]


def dict_rows(number: int, first: int) -> Iterable[dict[str, Any]]:
    chance = random.Random(1)
    return (row(PROJECT, n, chance) for n in range(first, first + number))


def typed_rows(number: int, first: int) -> Iterable[Any]:
    from prelabel import BoundingBox, GlobalKey, Model, PredictionMessage

    chance, model = random.Random(1), Model("yolo", "11s")
    for n in range(first, first + number):
        annotations = [BoundingBox(box["name"], **box["bbox"]) for box in boxes(chance)]  # type: ignore[arg-type, dict-item]
        yield PredictionMessage(project_id=PROJECT, data_row=GlobalKey(key_of(n)), model=model, annotations=annotations)


def label_rows(number: int, first: int) -> Iterable[Any]:
    from labelbox import types as lb
    from sdk_script import annotation

    chance = random.Random(1)
    for n in range(first, first + number):
        yield lb.Label(data={"global_key": key_of(n)}, annotations=[annotation(box) for box in boxes(chance)])


FORMS: dict[str, Callable[[int, int], Iterable[Any]]] = {
    "dicts": dict_rows,
    "stream": dict_rows,
    "typed": typed_rows,
    "labels": label_rows,
}

OF_THE_SDK = {"dicts": "dicts", "typed": "labels"}
"""Our form → the form of the SDK beside it. Figures of both are listed by our form."""


def produce(url: str, form: str, number: int, first: int) -> None:
    """Publish, in the process that is measured, and print the moment of the first row and the figures."""
    from publish import peak_memory

    from prelabel import Publisher

    made = FORMS[form](number, first)
    values = made if form == "stream" else list(made)
    more = {"project_id": PROJECT} if form == "labels" else {}
    started, cpu = time.monotonic(), time.process_time()
    with Publisher(url) as publisher:
        for value in values:
            publisher.publish(value, **more)
    figures = {"cpu": time.process_time() - cpu, "memory": peak_memory() / 1e6}
    print(json.dumps({"started": started, "published": time.monotonic() - started, **figures}))


def ours(running: OurWorkers, form: str, number: int, done: int) -> Figures:
    """Publish and import `number` rows after `done` others; the seconds are those of all of it."""
    command = [sys.executable, __file__, "--produce", running.url, form, str(number), str(done)]
    child = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    figures: Figures = json.loads(child.stdout)
    running.wait_for(done + number)
    return {**figures, "seconds": time.monotonic() - figures["started"]}


def of_the_sdk(python: Path, running: OurWorkers, form: str, number: int) -> Figures:
    """Return the figures of the SDK while our workers are stopped."""
    with stopped(running.started):
        command = [str(python), str(HERE / "sdk_script.py"), running.address, form, str(number)]
        figures: Figures = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return figures


def compare(options: argparse.Namespace, python: Path | None) -> dict[str, dict[str, Figures]]:
    """Return the medians of all forms, by side."""
    numbers = {"dicts": options.rows, "stream": options.rows, "typed": options.typed_rows, "labels": options.typed_rows}
    forms = options.forms.split(",")
    turns: list[dict[str, dict[str, Figures]]] = []
    with run_of_workers(options.workers, 1, CHUNK_ROWS) as running:
        done = running.warm_up()
        for _ in range(options.rounds):
            turn: dict[str, dict[str, Figures]] = {"ours": {}, "sdk": {}}
            for form in forms:
                if python and form in OF_THE_SDK:
                    turn["sdk"][form] = of_the_sdk(python, running, OF_THE_SDK[form], numbers[form])
                turn["ours"][form] = ours(running, form, numbers[form], done)
                done += numbers[form]
            turns.append(turn)
    return {
        side: {
            form: {name: statistics.median(turn[side][form][name] for turn in turns) for name in figures}
            for form, figures in turns[0][side].items()
        }
        for side in ("ours", "sdk")
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000, help="as dicts")
    parser.add_argument("--typed-rows", type=int, default=20_000, help="as annotation types")
    parser.add_argument("--forms", default=",".join(FORMS))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--no-peer", action="store_true", help="measure our side only")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--produce", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.produce:
        url, form, number, first = options.produce
        produce(url, form, int(number), int(first))
        return
    python, missing = None, {}
    try:
        if options.no_peer:
            raise peers.NoPeer("the SDK is not measured in this run")
        python = peers.installed(peers.SDK)
    except peers.NoPeer as reason:
        missing["sdk"] = str(reason)
    figures = compare(options, python)
    if options.json:
        print(json.dumps({"rows": options.rows, "typedRows": options.typed_rows, "missing": missing, **figures}))
        return
    for side, forms in figures.items():
        for form, values in forms.items():
            print(
                f"{side:5} {form:7} {values['seconds']:7.2f} s {values['cpu']:7.2f} s of CPU {values['memory']:7.0f} MB"
            )
    print("; ".join(missing.values()))


if __name__ == "__main__":
    main()
