"""Publish and import rows for half an hour, and show whether anything grows that should not.

    python benchmarks/load.py [--minutes 30] [--rate 300] [--workers 2]

Every 10 s it reads the resident memory of every process and the memory of Redis; every minute it prints the means. The
history and the memory of settled frames grow by design. They are limited to 250 kB a project and to 3 minutes, so that
they reach their limits within the first third. Data rows repeat, so that the sandbox holds as many lines at the end as
after some minutes. FLAT means that each mean of the last third is at most 5 % above that of the second third.
"""

import argparse
import itertools
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import mean

import httpx
import psutil

from prelabel import Publisher
from prelabel.wire import keys
from prelabel.wire.client import Client
from prelabel_worker.queries.audit import audit
from prelabel_worker.queries.status import Inspector
from prelabel_worker.stack.stack import Stack

PROJECTS = ("load-a", "load-b")
DATA_ROWS = 20_000
SAMPLE_SECONDS = 10.0
MOST_GROWTH = 0.05
FRAME_MEMORY_DAYS = 3 / 1440
SETTINGS = {
    "PRELABEL_CHUNK_ROWS": "2000",
    "PRELABEL_HISTORY_MEGABYTES": "0.25",
    "PRELABEL_FRAME_MEMORY_DAYS": str(FRAME_MEMORY_DAYS),
}
Sample = dict[str, float]
"""The values of a line by column: megabytes, or rows."""


def messages(seed: int = 1) -> Iterator[dict[str, object]]:
    """Yield messages of five boxes without end, for each data row of each project in turn."""
    rng = random.Random(seed)
    for number in itertools.count():
        boxes = [
            {"name": "vessel", "bbox": {"left": rng.randrange(900), "top": rng.randrange(900), "width": 9, "height": 9}}
            for _ in range(5)
        ]
        key = f"cam-{number // len(PROJECTS) % DATA_ROWS:08d}.jpg"
        yield {
            "projectId": PROJECTS[number % len(PROJECTS)],
            "dataRow": {"globalKey": key},
            "model": {"name": "yolo"},
            "annotations": boxes,
        }


def publish(redis_url: str, rate: float, stop: threading.Event) -> None:
    """Publish at a steady rate until `stop` is set."""
    with Publisher(redis_url) as publisher:
        begun = time.monotonic()
        for number, message in enumerate(messages()):
            if number % 50 == 0 and stop.wait(max(0.0, begun + number / rate - time.monotonic())):
                return
            publisher.publish(message)


def sample(stack: Stack, client: Client) -> Sample:
    values: Sample = {"publisher": psutil.Process().memory_info().rss / 1e6}
    for name, pid in stack.pids().items():
        process = psutil.Process(pid)
        values[name] = process.memory_info().rss / 1e6
        for number, child in enumerate(process.children(), 1):
            values[f"{name}.{number}"] = child.memory_info().rss / 1e6
    values["used"] = int(client.info("memory")["used_memory"]) / 1e6
    projects = [keys.ProjectKeys(keys.DEFAULT_PREFIX, project) for project in PROJECTS]
    values["history"] = sum(int(client.hget(project.meta, "historyBytes") or 0) for project in projects) / 1e6
    values["seen"] = sum(int(client.memory_usage(project.seen) or 0) for project in projects) / 1e6
    values["imported"] = sum(Inspector(client).status(project).imported for project in PROJECTS)
    return values


def means(samples: list[Sample]) -> Sample:
    return {name: mean(sample[name] for sample in samples) for name in samples[-1]}


def line(minute: str, values: Sample) -> str:
    return f"{minute:<8}" + "".join(f"{value:>11,.{1 if value < 10_000 else 0}f}" for value in values.values())


def grown(samples: list[Sample]) -> dict[str, float]:
    """Return the growth from the second third to the last of every column that should be flat."""
    third = len(samples) // 3
    before, after = means(samples[third : 2 * third]), means(samples[2 * third :])
    return {name: after[name] / before[name] - 1 for name in after if name not in ("history", "seen", "imported")}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--rate", type=float, default=300, help="rows a second")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    samples: list[Sample] = []
    stop = threading.Event()
    with (
        tempfile.TemporaryDirectory() as folder,
        Stack(Path(folder), workers=options.workers, settings=SETTINGS) as stack,
    ):
        for project in PROJECTS:
            body = {"id": project, "ontology": {"tools": [{"tool": "rectangle", "name": "vessel"}]}, "dataRows": "any"}
            httpx.post(f"{stack.file.sandbox_url}/_sandbox/projects", json=body).raise_for_status()
        client = stack.client()
        publisher = threading.Thread(target=publish, args=(stack.file.redis_url, options.rate, stop))
        publisher.start()
        begun = time.monotonic()
        while time.monotonic() - begun < options.minutes * 60:
            time.sleep(SAMPLE_SECONDS)
            samples.append(sample(stack, client))
            if len(samples) == 1:
                print(f"{'minute':<8}" + "".join(f"{name:>11}" for name in samples[0]), flush=True)
            if len(samples) % 6 == 0:
                print(line(f"{len(samples) // 6}", means(samples[-6:])), flush=True)
        stop.set()
        publisher.join()
        while any(Inspector(client).status(project).pending for project in PROJECTS):
            time.sleep(0.2)
        balances = all(project.balances for project in audit(client))
        rows = sum(Inspector(client).status(project).published for project in PROJECTS)
    growth = grown(samples)
    print("growth  " + ", ".join(f"{name} {share:+.1%}" for name, share in growth.items()))
    worst = max(growth, key=lambda name: growth[name])
    flat = growth[worst] <= MOST_GROWTH and balances
    print(
        f"load: {rows:,} rows in {options.minutes:g} minutes, most growth {worst} {growth[worst]:+.1%}, "
        f"audit {'balances' if balances else 'does not balance'}: {'FLAT' if flat else 'GROWS'}"
    )
    return 0 if flat else 1


if __name__ == "__main__":
    sys.exit(main())
