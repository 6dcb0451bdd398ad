"""Measure how the rate and the cost of a row depend on the rows of a chunk.

    python benchmarks/chunk_sizes.py [--rows 60000] [--chunk-rows 500,2000,10000] [--repeats 1] [--json]

Two workers drain a backlog of four projects, with chunks of each size in turn. The backlog of the smallest chunks is
smaller, so that each size has at most 60 chunks.
"""

import argparse
import json
import statistics

from end_to_end import drain, run_of_workers
from services import publish

PROJECTS, WORKERS = 4, 2
MAX_CHUNKS = 60


def measure(rows: int, chunk_rows: int) -> dict[str, float]:
    number = min(rows, MAX_CHUNKS * chunk_rows)
    with run_of_workers(WORKERS, PROJECTS, chunk_rows) as running:
        warm = running.warm_up()
        backlog = running.messages(number, 0)
        drained = drain(running, warm, number, lambda: publish(running.url, backlog))
        running.check(warm + number)
    return {
        "rowsPerSecond": number / drained.seconds,
        "workerUs": 1e6 * drained.worker_cpu / number,
        "redisUs": 1e6 * drained.redis_cpu / number,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--chunk-rows", default="500,2000,10000")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    sizes = [int(part) for part in options.chunk_rows.split(",")]
    turns = [{size: measure(options.rows, size) for size in sizes} for _ in range(options.repeats)]
    figures = [
        {"chunkRows": size, **{name: statistics.median(turn[size][name] for turn in turns) for name in turns[0][size]}}
        for size in sizes
    ]
    if options.json:
        print(json.dumps(figures))
        return
    for values in figures:
        print(
            f"{values['chunkRows']:>7,} rows a chunk {values['rowsPerSecond']:>9,.0f} rows/s "
            f"{values['workerUs']:7.1f} µs of workers, {values['redisUs']:6.1f} of Redis"
        )


if __name__ == "__main__":
    main()
