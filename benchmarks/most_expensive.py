"""The most expensive messages of each annotation kind within the limits of docs/reference/messages.md: what they cost.

    python -m benchmarks.most_expensive [--kind "mask"] [--at-least 0.1]

Seconds of CPU of one message: `floor` is orjson.loads + orjson.dumps of its bytes, `publish` the check at publish,
`build` a worker's check and rendering of the row. `refused` names the reason where the message is refused.
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
    """Of one call, and why the message is refused."""
    gc.collect()  # of what made the message
    start = time.process_time()
    try:
        call(raw)
    except MessageError as error:
        return time.process_time() - start, error.reason.value
    return time.process_time() - start, ""


def floor(raw: bytes) -> float:
    """What any reader and writer of this JSON costs."""
    gc.collect()
    start = time.process_time()
    with contextlib.suppress(orjson.JSONDecodeError):
        orjson.dumps(orjson.loads(raw))
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", help="only this one")
    parser.add_argument("--at-least", type=float, default=0, help="show what costs so many seconds")
    options = parser.parse_args()
    normalized = ontology()
    builders: dict[str, RowBuilder] = {}
    most: dict[str, float] = {}
    print(f"{'kind':20} {'shape':36} {'bytes':>8} {'floor':>6} {'publish':>7} {'build':>7}  refused")
    gc.freeze()
    for each in messages():
        if options.kind not in (None, each.kind):
            continue
        if each.media not in builders:
            builders[each.media] = RowBuilder(PROJECT, Ontology.from_normalized(normalized, each.media))
        publish, refused = seconds(prepare, each.raw)
        build, dead = seconds(builders[each.media].build, each.raw)
        most[each.kind] = max(most.get(each.kind, 0), publish, build)
        if max(publish, build) >= options.at_least:
            print(
                f"{each.kind:20} {each.shape:36} {len(each.raw):8} {floor(each.raw):6.3f} {publish:7.3f} {build:7.3f}  "
                f"{refused or dead}",
                flush=True,
            )
    print("\nmost of each kind:", ", ".join(f"{kind} {cost:.2f}" for kind, cost in most.items()))


if __name__ == "__main__":
    main()
