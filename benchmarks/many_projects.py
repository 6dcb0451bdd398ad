"""Measure how publishing slows down as the rows of one process spread over more projects.

    python benchmarks/many_projects.py [--rows 60000] [--projects 1,100,1000,3000] [--repeats 3] [--json]

Each measurement is a process of its own that publishes messages of five boxes, project after project in turn, and
closes its Publisher; the numbers of projects take turns. Redis writes every answer to the disk first. The counts of
Redis must be those of the publisher.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from publish import Server, peak_memory
from services import redis_cpu, rows

from prelabel import Publisher
from prelabel.wire import keys


def produce(url: str, number: int, projects: int) -> None:
    """Publish, in the process that is measured, and print the seconds and the memory as JSON."""
    names = [f"p{at:05d}" for at in range(projects)]
    messages = [
        message.replace(b'"PROJECT"', f'"{names[at % projects]}"'.encode())
        for at, message in enumerate(rows(number, "PROJECT"))
    ]
    before = peak_memory()
    publisher = Publisher(url, linger_seconds=1)
    cpu, started = time.process_time(), time.perf_counter()
    for message in messages:
        publisher.publish(message)
    published = time.perf_counter() - started
    publisher.close(600)
    figures = {
        "published": published,
        "close": time.perf_counter() - started - published,
        "seconds": time.perf_counter() - started,
        "cpu": time.process_time() - cpu,
        "memory": peak_memory() - before,
    }
    print(json.dumps(figures))


def measure(server: Server, number: int, projects: int) -> dict[str, float]:
    """Publish to an empty Redis and return the figures of one process."""
    client = server.client()
    client.flushall()
    before = redis_cpu(client)
    url = f"redis://127.0.0.1:{server.port}/0"
    work = [sys.executable, __file__, "--produce", url, str(number), str(projects)]
    figures: dict[str, float] = json.loads(subprocess.run(work, stdout=subprocess.PIPE, check=True).stdout)
    figures["redis"] = redis_cpu(client) - before
    counted = 0
    for at in range(projects):
        counted += int(client.hget(keys.ProjectKeys(keys.DEFAULT_PREFIX, f"p{at:05d}").counts, "published") or 0)
    if counted != number:
        sys.exit(f"{number} rows were published, Redis counts {counted}")
    client.close()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--projects", default="1,100,1000,3000")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--produce", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.produce:
        url, number, projects = options.produce
        produce(url, int(number), int(projects))
        return
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder))
        server.start()
        numbers = [int(part) for part in options.projects.split(",")]
        turns = [{each: measure(server, options.rows, each) for each in numbers} for _ in range(options.repeats)]
        server.kill()
    figures = {
        each: {name: statistics.median(turn[each][name] for turn in turns) for name in turns[0][each]}
        for each in numbers
    }
    if options.json:
        print(json.dumps([{"projects": each, "rows": options.rows, **figures[each]} for each in numbers]))
        return
    for each, middle in figures.items():
        print(
            f"{each:>6} projects  {options.rows / middle['seconds']:>7,.0f} rows/s "
            f"({figures[numbers[0]]['seconds'] / middle['seconds']:.2f} of the first)  "
            f"{1e6 * middle['cpu'] / options.rows:.1f} µs of CPU a row, "
            f"Redis {1e6 * middle['redis'] / options.rows:.1f}, {middle['memory'] / 2**20:.0f} MB, "
            f"close() {middle['close']:.1f} s"
        )


if __name__ == "__main__":
    main()
