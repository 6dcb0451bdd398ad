"""Measure what traces cost: a producer and a worker, with them and without in turns.

    python benchmarks/traces.py [--rows 60000] [--repeat 5] [--rows-a-span 32] [--json]

The producer is a process that publishes messages of five boxes and flushes; `--rows-a-span` rows at a time are in a
span of the program, whose own cost is the same in both. The worker drains the same number of rows from two projects.
With traces, both send their spans to a collector in this process. CPU is that of the process that is measured alone, so
that other work of the machine disturbs it little. The exit code is 1 if a row costs more than the bound with traces,
in the producer and the worker together.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from busy import drain
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from services import redis_server, rows

from prelabel import Publisher
from tests.support.otlp_receiver import collector

BOUND = 1.05
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@dataclass(frozen=True)
class Cost:
    """What so many rows cost a process."""

    #: Seconds of CPU for a million rows.
    cpu: float
    #: Rows a second.
    rate: float


@contextmanager
def traced(url: str) -> Iterator[None]:
    """Name the collector to the processes that are started inside the block; none if the URL is empty."""
    if url:
        os.environ[ENDPOINT] = url
    try:
        yield
    finally:
        os.environ.pop(ENDPOINT, None)


def produce(url: str, number: int, rows_a_span: int) -> None:
    """Publish, in the process that is measured, and print its cost as JSON."""
    messages = rows(number, "p")
    spans = [
        trace.NonRecordingSpan(trace.SpanContext(n, n, is_remote=False, trace_flags=trace.TraceFlags(1)))
        for n in range(1, number // rows_a_span + 2)
    ]
    if ENDPOINT in os.environ:
        provider = TracerProvider()
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        trace.set_tracer_provider(provider)
    else:
        # As in a program without OpenTelemetry, which still has the spans of its server.
        del sys.modules["opentelemetry.trace"], sys.modules["opentelemetry.context"]
    publisher = Publisher(url)
    before, begun = time.process_time(), time.perf_counter()
    for first, span in zip(range(0, number, rows_a_span), spans, strict=False):
        with trace.use_span(span):
            for message in messages[first : first + rows_a_span]:
                publisher.publish(message)
    publisher.flush()
    cpu, wall = time.process_time() - before, time.perf_counter() - begun
    publisher.close()
    print(json.dumps(asdict(Cost(cpu * 1e6 / number, number / wall))))


def producer(number: int, rows_a_span: int) -> Cost:
    """Return the cost of publishing in a process of its own."""
    with tempfile.TemporaryDirectory() as folder, redis_server(Path(folder)) as url:
        command = [sys.executable, __file__, "--produce", url, "--rows", str(number)]
        command += ["--rows-a-span", str(rows_a_span)]
        return Cost(**json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def worker(number: int, _: int) -> Cost:
    """Return the cost of importing in a worker of one process."""
    drained = drain(number, 2, 1, 2, ["--concurrency", "1"])
    return Cost(drained.worker_cpu * 1e6 / number, drained.rows_per_second)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--rows-a-span", type=int, default=32, help="as a model server predicts at a time")
    parser.add_argument("--json", action="store_true", help="print the medians, and exit with 0")
    parser.add_argument("--produce", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.produce:
        produce(options.produce, options.rows, options.rows_a_span)
        return 0
    figures: dict[str, dict[str, Cost]] = {}
    with collector() as received:
        for name, measure in (("producer", producer), ("worker", worker)):
            costs: dict[str, list[Cost]] = {"off": [], "on": []}
            for turn in range(options.repeat):
                # Each is first in every other turn, so that a machine that slows down is not taken for our cost.
                for state in ("off", "on") if turn % 2 else ("on", "off"):
                    with traced(received.url if state == "on" else ""):
                        costs[state].append(measure(options.rows, options.rows_a_span))
            figures[name] = {state: median(each) for state, each in costs.items()}
        spans = len(received.spans)
    both = {state: sum(figures[name][state].cpu for name in figures) for state in ("off", "on")}
    if options.json:
        print(json.dumps({name: {state: asdict(cost) for state, cost in of.items()} for name, of in figures.items()}))
        return 0
    for name, of in figures.items():
        for state, cost in of.items():
            print(f"{name:9} {state:3} {cost.cpu:6.2f} µs of CPU a row, {cost.rate:7,.0f} rows/s")
        print(f"{name:9}     {of['on'].cpu / of['off'].cpu:6.3f} ×")
    print(f"both          {both['on'] / both['off']:6.3f} ×, at most {BOUND}; {spans:,} spans were received")
    return 1 if both["on"] / both["off"] > BOUND else 0


def median(costs: list[Cost]) -> Cost:
    """Return the median of each figure."""
    return Cost(statistics.median(cost.cpu for cost in costs), statistics.median(cost.rate for cost in costs))


if __name__ == "__main__":
    sys.exit(main())
