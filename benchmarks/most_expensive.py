"""Measure the most expensive messages of each annotation kind within the limits of docs/reference/messages.md.

    python -m benchmarks.most_expensive [--kind "mask"] [--at-least 0.1]

Figures are seconds of CPU for one message: `floor` is orjson.loads and orjson.dumps of its bytes, `publish` the check
when it is published, `build` a worker's check and rendering of the row. `refused` is the reason if it is refused.
"""

import argparse
import contextlib
import gc
import time
from collections.abc import Callable
from typing import Any

import orjson

from prelabel.errors import MessageError
from prelabel.validation.gate import prepare
from prelabel_worker.ontology.ontology import Ontology
from prelabel_worker.rendering.row_builder import RowBuilder
from tests.support.most_expensive import PROJECT, messages, ontology


def seconds(call: Callable[[bytes], Any], raw: bytes) -> tuple[float, str]:
    """Return the seconds of one call, and the reason if the message is refused."""
    gc.collect()  # of the objects that made the message
    start = time.process_time()
    try:
        call(raw)
    except MessageError as error:
        return time.process_time() - start, error.reason.value
    return time.process_time() - start, ""


def floor(raw: bytes) -> float:
    """Return the seconds that any reader and writer of this JSON would take."""
    gc.collect()
    start = time.process_time()
    with contextlib.suppress(orjson.JSONDecodeError):
        orjson.dumps(orjson.loads(raw))
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", help="measure only this kind")
    parser.add_argument("--at-least", type=float, default=0, help="show only messages that take this many seconds")
    options = parser.parse_args()
    normalized = ontology()
    builders: dict[str, RowBuilder] = {}
    most: dict[str, float] = {}
    print(f"{'kind':20} {'shape':36} {'bytes':>8} {'floor':>6} {'publish':>7} {'build':>7}  refused")
    gc.freeze()
    for message in messages():
        if options.kind not in (None, message.kind):
            continue
        if message.media not in builders:
            builders[message.media] = RowBuilder(PROJECT, Ontology.from_normalized(normalized, message.media))
        publish, refused = seconds(prepare, message.raw)
        build, dead = seconds(builders[message.media].build, message.raw)
        most[message.kind] = max(most.get(message.kind, 0), publish, build)
        if max(publish, build) >= options.at_least:
            print(
                f"{message.kind:20} {message.shape:36} {len(message.raw):8} {floor(message.raw):6.3f} {publish:7.3f} "
                f"{build:7.3f}  {refused or dead}",
                flush=True,
            )
    print("\nmost of each kind:", ", ".join(f"{kind} {cost:.2f}" for kind, cost in most.items()))


if __name__ == "__main__":
    main()
