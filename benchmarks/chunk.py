"""Measure what a row of a chunk costs a worker in each step, beside orjson.loads and dumps of the same bytes.

    python benchmarks/chunk.py [--rows 10000] [--rounds 7] [--json]

Figures are microseconds of CPU a row, the least of the rounds, of one chunk of messages of five boxes as
`services.py` makes them. Redis is real, its own time does not count. `peak` is the memory of Python objects that a
build needs at most, in bytes a row.
"""

import argparse
import gc
import json
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import orjson
import redis
from five_boxes import CLASSES
from services import redis_server, rows

from prelabel.publishing.buffer import Limits, Row, gathered
from prelabel.validation.gate import prepare
from prelabel.wire.keys import ProjectKeys
from prelabel.wire.lanes import DEFAULT_LANES
from prelabel_worker.chunks.chunk import Chunk, chunk_from_fields
from prelabel_worker.chunks.held_rows import Origin
from prelabel_worker.chunks.row_reader import RowReader
from prelabel_worker.chunks.sent_lines import SentLines
from prelabel_worker.labelbox.decoding import line_blocks
from prelabel_worker.labelbox.transport import MAX_LINE_BYTES
from prelabel_worker.ontology.ontology import Ontology
from prelabel_worker.rendering.row_builder import RowBuilder
from prelabel_worker.stages.build import Built, build
from prelabel_worker.stages.status_file import Verdicts

PROJECT, TOKEN = "p0", "t"
PREFIX = "bench"
PIECE = 64 * 1024
# The options of a publisher by default.
LIMITS = Limits(send_rows=3072, send_bytes=2**30, frame_rows=256, frame_bytes=2**22, frame_slow=250, linger_seconds=0)
STATUS = (
    b'{"uuid":"%s","dataRow":{"id":"cdr00000000000000000000a1","globalKey":"cam-1/00000184.jpg"},"status":"SUCCESS"}'
)
TOOLS = [{"tool": "rectangle", "name": name, "featureSchemaId": f"c{at:024d}"} for at, name in enumerate(CLASSES)]


class Clock:
    """Collects the CPU time of steps."""

    def __init__(self) -> None:
        self.steps: dict[str, list[int]] = {}

    def time(self, step: str, call: Callable[[], Any]) -> Any:
        """Call, and record the CPU time under the name of the step."""
        start = time.process_time_ns()
        value = call()
        self.steps.setdefault(step, []).append(time.process_time_ns() - start)
        return value


def floor(messages: list[bytes]) -> None:
    for message in messages:
        orjson.dumps(orjson.loads(message))


def sent_by_a_publisher(messages: list[bytes]) -> list[bytes]:
    """Return the frames that a publisher makes of these messages, send by send."""
    ready = [prepare(message) for message in messages]
    rows_ready = [Row(row.data_row_key, row.raw, row.slow) for row in ready]
    sends = [rows_ready[at : at + LIMITS.send_rows] for at in range(0, len(rows_ready), LIMITS.send_rows)]
    return [frame for send in sends for frame in gathered(send, DEFAULT_LANES, LIMITS).frames()]


def put(client: redis.Redis, frames: list[bytes]) -> Chunk:
    """Write the frames and a chunk of all their rows to Redis."""
    keys, items, seq = ProjectKeys(PREFIX, PROJECT), [], 1
    for frame in frames:
        size = int.from_bytes(frame[22:26], "big")
        items.append(f"f {frame[2:18].hex()} 0 {size} {seq}")
        client.hset(keys.frames, frame[2:18].hex(), frame)
        seq += size
    client.hset(keys.chunk("c"), "token", TOKEN)
    fields = {"state": "open", "lanes": "", "rows": str(seq - 1), "items": "\n".join(items)}
    return chunk_from_fields(PROJECT, "c", TOKEN, 0, {k.encode(): v.encode() for k, v in fields.items()})


def judge(sent: SentLines, pieces: Iterable[bytes]) -> dict[int, Any]:
    verdicts = Verdicts(sent)
    verdicts.feed(line_blocks(pieces, MAX_LINE_BYTES))
    return verdicts.failed_rows()


def measure(number: int, rounds: int) -> dict[str, float]:
    messages = rows(number, PROJECT)
    builder = RowBuilder(PROJECT, Ontology.from_normalized({"tools": TOOLS}, "IMAGE"), data_row_forms="k")
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder, redis_server(Path(folder)) as url:
        client = redis.Redis.from_url(url)
        chunk, reader = put(client, sent_by_a_publisher(messages)), RowReader(client, PREFIX)

        def whole() -> Built:
            return build(reader.blocks(chunk), builder, Origin("submit", "c"))

        for _ in range(rounds):
            gc.collect()
            clock.time("floor", lambda: floor(messages))
            clock.time("read", lambda: list(reader.blocks(chunk)))
            clock.time("render", lambda: builder.build_all(messages))
            built = clock.time("build", whole)
            stored = clock.time("store", built.sent.to_bytes)
            sent = clock.time("load", lambda stored=stored: SentLines.from_bytes(stored))
            for name, lines in status_files(b"".join(built.content)).items():
                failed = clock.time(name, lambda sent=sent, lines=lines: judge(sent, lines))
                assert not failed
        del built, sent
        gc.collect()
        tracemalloc.start()
        whole()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    figures = {step: min(times) / number / 1000 for step, times in clock.steps.items()}
    figures["build"] -= figures["read"] + figures["render"]
    return figures | {"peak": peak / number, "stored": len(stored) / number}


def status_files(content: bytes) -> dict[str, list[bytes]]:
    """Return status files of successes in pieces: in the order of the lines that were sent, and in another order."""
    lines = [STATUS % line[9:45] for line in content.split(b"\n") if line]
    return {"verdicts": pieces(lines), "verdicts, mixed order": pieces(lines[1::2] + lines[::2])}


def pieces(lines: list[bytes]) -> list[bytes]:
    per_piece = PIECE // len(lines[0])
    return [b"\n".join(lines[at : at + per_piece]) + b"\n" for at in range(0, len(lines), per_piece)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000, help="rows of the chunk")
    parser.add_argument("--rounds", type=int, default=7, help="how often each step is measured")
    parser.add_argument("--json", action="store_true", help="print one object")
    options = parser.parse_args()
    figures = measure(options.rows, options.rounds)
    if options.json:
        print(json.dumps(figures))
        return
    for step, figure in figures.items():
        print(f"{step:24}{figure:9.2f}")


if __name__ == "__main__":
    main()
