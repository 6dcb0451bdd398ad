"""Measure the time from `publish` to the upload of one row on an idle system, above the linger time.

    python benchmarks/latency.py [--rows 50] [--workers 2] [--json]

One row at a time: it is published, the server (sink.py) notes when its upload begins, and the next one waits until the
row is settled, and then for a random part of a second. The publisher has its defaults. The workers' linger time, 1 s,
is subtracted; that of the publisher is not. Figures are seconds.
"""

import argparse
import json
import random
import statistics
import time

import httpx
from end_to_end import CHUNK_ROWS, run_of_workers
from script_times import percentile
from services import rows

from prelabel import Publisher

LINGER_SECONDS = 1.0
"""The default of PRELABEL_LINGER_SECONDS."""


def measure(number: int, workers: int) -> list[float]:
    """Return the seconds from `publish` to the upload of each row."""
    took = []
    chance = random.Random(7)
    with run_of_workers(workers, 1, CHUNK_ROWS) as running, Publisher(running.url) as publisher:
        done = running.warm_up()
        for at, message in enumerate(rows(number, "p0"), 1):
            begun = time.monotonic()
            publisher.publish(message)
            running.wait_for(done + at)
            took.append(float(httpx.get(f"{running.address}/received").text) - begun)
            time.sleep(chance.random())
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=50)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    took = [seconds - LINGER_SECONDS for seconds in measure(options.rows, options.workers)]
    figures = {"p50": statistics.median(took), "p99": percentile(took, 0.99), "rows": len(took)}
    if options.json:
        print(json.dumps(figures))
        return
    print(f"{len(took)} rows: above the linger time p50 {figures['p50']:.3f} s, p99 {figures['p99']:.3f} s")


if __name__ == "__main__":
    main()
