"""Measure what numbers by time cost: the same rows with and without them, in turns, on the same machine.

    python benchmarks/flow_cost.py [--rows 20000] [--projects 4] [--chunk-rows 1000] [--rounds 2] [--everything]

Each side starts a Redis, the server that answers at once (sink.py) and a worker of one process, publishes the rows
while the worker is stopped, and lets it import them. The side without numbers by time is without_flow.py. The figures
are the CPU of each process for a row, medians of the rounds: a busy machine changes them less than it changes times.

With `--everything`, the worker of the first side also sends traces to a collector, and its metrics are scraped once a
second; the other side has neither. The CPU of the collector and of `prelabel metrics` is not counted: both are other
processes, which share the machine here alone.
"""

import argparse
import json
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import asdict, dataclass

from end_to_end import run_of_workers
from services import cpu, publish, redis_cpu, stopped, wait_until
from traces import traced
from without_flow import publisher_without_flow

from tests.support.otlp_receiver import collector


@dataclass(frozen=True)
class Cost:
    """What rows cost on one side, in microseconds of CPU a row unless said otherwise."""

    #: Redis, while rows are published.
    redis_publishing: float
    #: Redis, while rows are imported.
    redis_importing: float
    #: The worker.
    worker: float
    #: Rows imported a second.
    rows_per_second: float

    @property
    def total(self) -> float:
        """Return the CPU of a row, in all."""
        return self.redis_publishing + self.redis_importing + self.worker


@contextmanager
def scraped(redis_url: str) -> Iterator[None]:
    """Run `prelabel metrics`, and read its page once a second."""
    port, over = 8987, threading.Event()
    command = [sys.executable, "-m", "prelabel_worker.cli", "metrics", "--port", str(port), "--redis-url", redis_url]

    def answers() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as page:
                return bool(page.read())
        except OSError:
            return False

    def scrape() -> None:
        while not over.wait(1):
            assert answers(), "the metrics are gone"

    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(answers, 30)
            reader = threading.Thread(target=scrape)
            reader.start()
            yield
        finally:
            over.set()
            process.terminate()


def cost(rows: int, projects: int, chunk_rows: int, *, with_flow: bool, everything: bool) -> Cost:
    """Publish and import the rows once."""
    program = ("-m", "prelabel_worker.cli") if with_flow else ("without_flow.py",)
    with ExitStack() as stack:
        stack.enter_context(nullcontext() if with_flow else publisher_without_flow())
        if everything and with_flow:
            stack.enter_context(traced(stack.enter_context(collector()).url))
        running = stack.enter_context(run_of_workers(1, projects, chunk_rows, program))
        if everything and with_flow:
            stack.enter_context(scraped(running.url))
        warm, messages = running.warm_up(), running.messages(rows, 0)
        with stopped(running.started):
            at_first = redis_cpu(running.client)
            publish(running.url, messages)
            at_half, worker_before, begun = redis_cpu(running.client), cpu(running.started), time.perf_counter()
        seconds = running.wait_for(warm + rows) - begun
        at_end, worker_after = redis_cpu(running.client), cpu(running.started)
        counted = sum(1 for _ in running.client.scan_iter("*:flow:*", count=10_000))
        running.check(warm + rows)
    assert bool(counted) == with_flow, f"{counted} keys of numbers by time"
    a_row = 1e6 / rows
    return Cost(
        (at_half - at_first) * a_row, (at_end - at_half) * a_row, (worker_after - worker_before) * a_row, rows / seconds
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--projects", type=int, default=4)
    parser.add_argument("--chunk-rows", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--everything", action="store_true", help="with traces and scraped metrics, too")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    sides: dict[str, list[Cost]] = {"with": [], "without": []}
    for at in range(options.rounds):
        for side in ("with", "without") if at % 2 == 0 else ("without", "with"):
            with_flow, sizes = side == "with", (options.rows, options.projects, options.chunk_rows)
            sides[side].append(cost(*sizes, with_flow=with_flow, everything=options.everything))
    print_costs(sides, as_json=options.json)


def print_costs(sides: dict[str, list[Cost]], *, as_json: bool) -> None:
    def median(side: str, figure: Callable[[Cost], float]) -> float:
        return statistics.median(map(figure, sides[side]))

    figures = {
        name: {side: median(side, lambda one, name=name: getattr(one, name)) for side in sides} for name in NAMES
    }  # type: ignore[misc]
    if as_json:
        print(
            json.dumps(
                {"figures": figures, "rounds": {side: [asdict(one) for one in runs] for side, runs in sides.items()}}
            )
        )
        return
    print(f"{'':20}{'with':>10}{'without':>10}{'more':>8}")
    for name, values in figures.items():
        print(f"{name:20}{values['with']:10.1f}{values['without']:10.1f}{values['with'] / values['without'] - 1:8.1%}")


NAMES = ("redis_publishing", "redis_importing", "worker", "total", "rows_per_second")

if __name__ == "__main__":
    main()
