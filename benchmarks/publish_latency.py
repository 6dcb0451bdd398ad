"""Measure what publishing adds to a request: with Redis up, slow and away, with a mapping and without.

    python benchmarks/publish_latency.py [--requests 4000] [--rate 400] [--delay 0.25] [--json]

A server with one process (Starlette, uvicorn) answers each request with five boxes and publishes them, as JSON-ready
dicts, through a `ServingPublisher` with a spool. The handler measures the call itself, by the clock, in the thread of
the event loop. Four clients keep the rate. Slow: each piece of data between the publisher and Redis is late by the
delay. Away: nobody listens at the address.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import httpx
from five_boxes import row

from prelabel.serving import ServingPublisher
from prelabel_worker.stack.redis_server import find_redis_server, free_port
from tests.support.forwarder import Forwarder
from tests.support.waiting import wait_for

CLIENTS = 4
MAPPING = """
project = "p"
global_key = "{body.frame}"
confidence = 0.05
model = { name = "yolo" }
[output]
items = "boxes"
box = "box"
box_format = "xyxy"
label = "name"
score = "score"
"""


def serve(port: int, url: str, spool: str, mapping: str) -> None:
    """Serve until the process is ended; `/figures` has the microseconds of each call, and the counts."""
    import random

    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    from prelabel import read_mapping

    options = {"mapping": read_mapping(Path(mapping))} if mapping else {}
    predictions = ServingPublisher(redis_url=url, spool_dir=spool, **options)
    taken: list[float] = []
    chance = random.Random(1)

    async def detect(request: Request) -> JSONResponse:
        prediction = row("p", int(request.query_params["number"]), chance)
        if mapping:
            prediction = output_of(prediction)
        began = time.perf_counter_ns()
        predictions.publish(prediction)
        taken.append((time.perf_counter_ns() - began) / 1000)
        return JSONResponse({"boxes": 5})

    async def figures(_: Request) -> JSONResponse:
        answer = {"taken": list(taken), "counts": predictions.counts._asdict()}
        taken.clear()
        return JSONResponse(answer)

    app = Starlette(routes=[Route("/detect", detect), Route("/figures", figures)])
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", access_log=False)


def output_of(message: dict[str, Any]) -> dict[str, Any]:
    """Return the boxes of a message as a model would put them out."""
    boxes = []
    for annotation in message["annotations"]:
        box = annotation["bbox"]
        corners = [box["left"], box["top"], box["left"] + box["width"], box["top"] + box["height"]]
        boxes.append({"box": corners, "name": annotation["name"], "score": annotation.get("confidence", 0.9)})
    return {"frame": message["dataRow"]["globalKey"], "boxes": boxes}


@contextmanager
def redis_at(port: int, folder: Path) -> Iterator[None]:
    options = [
        "--port",
        str(port),
        "--dir",
        str(folder),
        "--save",
        "",
        "--appendonly",
        "yes",
        "--appendfsync",
        "always",
    ]
    server = subprocess.Popen([str(find_redis_server()), *options], stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        server.terminate()
        server.wait()


@contextmanager
def server(url: str, spool: Path, mapping: str) -> Iterator[str]:
    port = free_port()
    process = subprocess.Popen([sys.executable, __file__, "--serve", str(port), url, str(spool), mapping])
    address = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            return httpx.get(f"{address}/figures", trust_env=False).is_success
        except httpx.TransportError:
            return False

    try:
        wait_for(answers, "the server to answer", 30)
        yield address
    finally:
        process.kill()
        process.wait()


def ask(address: str, requests: int, rate: float) -> None:
    """Send requests at this rate, from some clients side by side."""

    def client(first: int) -> None:
        with httpx.Client(trust_env=False, timeout=30) as http:
            began = time.monotonic()
            for at in range(first, requests, CLIENTS):
                time.sleep(max(0.0, began + at / rate - time.monotonic()))
                http.get(f"{address}/detect", params={"number": at}).raise_for_status()

    threads = [threading.Thread(target=client, args=(first,)) for first in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def measure(url: str, mapping: str, requests: int, rate: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as spool, server(url, Path(spool), mapping) as address:
        ask(address, int(rate), rate)  # a second, so that everything is loaded and Redis is known to be away
        httpx.get(f"{address}/figures", trust_env=False)
        ask(address, requests, rate)
        figures = httpx.get(f"{address}/figures", trust_env=False).json()
    cuts = statistics.quantiles(figures["taken"], n=1000)
    taken = {"p50": cuts[499], "p99": cuts[989], "max": max(figures["taken"])}
    return {name: round(value) for name, value in taken.items()} | {"counts": figures["counts"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=4000)
    parser.add_argument("--rate", type=float, default=400)
    parser.add_argument("--delay", type=float, default=0.25)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    results = {}
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        mapping = folder / "mapping.toml"
        mapping.write_text(MAPPING)
        with redis_at(port, folder):
            forwarder = Forwarder(port)
            forwarder.delay = asked.delay
            states = {"up": port, "slow": forwarder.port, "away": free_port()}
            for state, at in states.items():
                for path in ("", str(mapping)):
                    url = f"redis://127.0.0.1:{at}/0"
                    results[f"{state}{', mapping' * bool(path)}"] = measure(url, path, asked.requests, asked.rate)
            forwarder.close()
    if asked.json:
        print(json.dumps(results, indent=1))
        return
    print("| Redis | p50, µs | p99, µs | maximum, µs | accepted | not accepted |\n|---|---|---|---|---|---|")
    for state, figures in results.items():
        counts = figures["counts"]
        others = sum(counts.values()) - counts["accepted"]
        print(
            f"| {state} | {figures['p50']} | {figures['p99']} | {figures['max']} | {counts['accepted']:,} | {others} |"
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(int(sys.argv[2]), *sys.argv[3:6])
    else:
        main()
