"""The script that people write: one call of the official SDK, which waits for the import and reads its statuses.

    python benchmarks/sdk_script.py URL {dicts,labels} ROWS

It runs in the SDK's environment (peers.py) and prints its seconds and its peak memory as JSON. Making the dicts or the
labels is not measured.
"""

import json
import logging
import random
import sys
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import labelbox
import labelbox.types as lb
from five_boxes import boxes, key_of


def dicts(number: int) -> list[dict[str, Any]]:
    """Return a line of NDJSON for each box, as a dict."""
    chance = random.Random(1)
    return [
        {"uuid": str(uuid4()), "name": box["name"], "dataRow": {"globalKey": key_of(n)}, "bbox": box["bbox"]}
        for n in range(number)
        for box in boxes(chance)
    ]


def annotation(box: dict[str, Any]) -> lb.ObjectAnnotation:
    bbox = box["bbox"]
    start, end = (bbox["left"], bbox["top"]), (bbox["left"] + bbox["width"], bbox["top"] + bbox["height"])
    corners = {"start": lb.Point(x=start[0], y=start[1]), "end": lb.Point(x=end[0], y=end[1])}
    return lb.ObjectAnnotation(name=box["name"], value=lb.Rectangle(**corners))


def labels(number: int) -> list[lb.Label]:
    """Return a label with five boxes for each data row."""
    chance = random.Random(1)
    return [
        lb.Label(data={"global_key": key_of(n)}, annotations=[annotation(box) for box in boxes(chance)])
        for n in range(number)
    ]


def peak_memory() -> float:
    """Return the maximum RSS so far, in MB."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM"))


def main(url: str, form: str, rows: int) -> None:
    logging.disable(logging.CRITICAL)
    client = labelbox.Client(api_key="benchmark", endpoint=f"{url}/graphql", rest_endpoint=f"{url}/api/v1")
    predictions = {"dicts": dicts, "labels": labels}[form](rows)
    started, cpu = time.perf_counter(), time.process_time()
    job = labelbox.MALPredictionImport.create_from_objects(client, "p0", f"sdk-{uuid4()}", predictions)
    job.wait_till_done(sleep_time_seconds=0)
    statuses = job.statuses
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    if [status["status"] for status in statuses] != ["SUCCESS"] * 5 * rows:
        sys.exit(f"expected {5 * rows} statuses SUCCESS, found {len(statuses)} statuses")
    print(json.dumps({"seconds": seconds, "cpu": cpu, "memory": peak_memory()}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
