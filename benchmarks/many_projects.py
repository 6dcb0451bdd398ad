"""Measure how publishing slows down as the rows of one process spread over more projects.

    python benchmarks/many_projects.py [--rows 60000] [--projects 1,100,1000,3000] [--repeats 3]

Each measurement is a process of its own that publishes messages of five boxes, project after project in turn, and
closes its Publisher. Redis writes every answer to the disk first. The counts of Redis must be those of the publisher.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import redis
from end_to_end import rows
from publish import Server, peak_memory

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
        "seconds": time.perf_counter() - started,
        "cpu": time.process_time() - cpu,
        "memory": peak_memory() - before,
    }
    print(json.dumps(figures))


def measure(server: Server, number: int, projects: int) -> dict[str, float]:
    """Publish to an empty Redis and return the figures of one process."""
    client = server.client()
    client.flushall()
    cpu = cpu_of(client)
    url = f"redis://127.0.0.1:{server.port}/0"
    work = [sys.executable, __file__, "--produce", url, str(number), str(projects)]
    figures: dict[str, float] = json.loads(subprocess.run(work, stdout=subprocess.PIPE, check=True).stdout)
    figures["redis"] = cpu_of(client) - cpu
    counted = 0
    for at in range(projects):
        counted += int(client.hget(keys.ProjectKeys(keys.DEFAULT_PREFIX, f"p{at:05d}").counts, "published") or 0)
    if counted != number:
        sys.exit(f"{number} rows were published, Redis counts {counted}")
    client.close()
    return figures


def cpu_of(client: "redis.Redis") -> float:
    """Return the seconds of CPU that the server has used."""
    info = client.info("cpu")
    return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--projects", default="1,100,1000,3000")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--produce", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.produce:
        url, number, projects = options.produce
        produce(url, int(number), int(projects))
        return
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder))
        server.start()
        first = 0.0
        for projects in map(int, options.projects.split(",")):
            runs = [measure(server, options.rows, projects) for _ in range(options.repeats)]
            middle = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
            rate = options.rows / middle["seconds"]
            first = first or rate
            print(
                f"{projects:>6} projects  {rate:>7,.0f} rows/s ({rate / first:.2f} of the first)  "
                f"{1e6 * middle['cpu'] / options.rows:.1f} µs of CPU a row, "
                f"Redis {1e6 * middle['redis'] / options.rows:.1f}, {middle['memory'] / 2**20:.0f} MB",
                flush=True,
            )
        server.kill()


if __name__ == "__main__":
    main()
