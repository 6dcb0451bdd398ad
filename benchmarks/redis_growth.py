"""Measure what committing outcomes costs Redis as a project grows.

    python benchmarks/redis_growth.py [--sizes 100000,1000000,5000000] [--rows 500000] [--json]

Fills one project, chunk by chunk, with the commits that settle imported rows: frames freed, digests remembered, history
written. At each size it measures the next `--rows` rows: microseconds of Redis's CPU a row, and the time of each run of
the script in milliseconds, from Redis's slow log. Redis writes every answer to the disk first. Publishing and uploading
are left out: what they cost does not depend on the size of the project.
"""

import argparse
import json
import random
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import redis
from script_times import script_times, watch
from services import redis_cpu, redis_server

from prelabel.ids import uuid7
from prelabel.wire import keys
from prelabel_worker.chunks import history
from prelabel_worker.chunks.annotation_counts import Packer
from prelabel_worker.chunks.chunk import Chunk
from prelabel_worker.chunks.imported_rows import memory_of
from prelabel_worker.chunks.ledger import Ledger
from prelabel_worker.chunks.project_memory import ProjectMemory
from prelabel_worker.chunks.rows import Slice
from prelabel_worker.settings import Settings, load_settings

PROJECT = "growing"
FRAME_ROWS, FRAME_BYTES = 200, 20_000
CHUNK_ROWS = 10_000


class Growing:
    """A project that only commits."""

    def __init__(self, client: "redis.Redis", settings: Settings, policy: str) -> None:
        self._client = client
        self._keys = keys.ProjectKeys(settings.key_prefix, PROJECT)
        self._ledger = Ledger(client, settings)
        self._memory = ProjectMemory(client, settings)
        self._policy = policy
        self._dice = random.Random(7)
        self._seq = 1
        self.rows = 0

    def grow(self, rows: int) -> None:
        """Settle chunks of imported rows until the project has so many."""
        while self.rows < rows:
            self._settle(self._running())
            self.rows += CHUNK_ROWS

    def _running(self) -> Chunk:
        """Return a chunk whose import has ended, leased, with frames that hold its rows."""
        frames = [uuid7().hex() for _ in range(CHUNK_ROWS // FRAME_ROWS)]
        items = [f"f {frame} 0 {FRAME_ROWS} {self._seq + FRAME_ROWS * at}" for at, frame in enumerate(frames)]
        self._seq += CHUNK_ROWS
        chunk_id = secrets.token_hex(8)
        fields: dict[str, Any] = {"v": 1, "state": "running", "lanes": "0", "rows": CHUNK_ROWS, "cursor": 0, "aside": 0}
        fields |= {"settled": 0, "items": "\n".join(items), "lease": 0, "due": 0, "cutMs": 1, "verdict": "FINISHED"}
        body = self._dice.randbytes(FRAME_BYTES)
        with self._client.pipeline(transaction=False) as pipeline:
            pipeline.hset(self._keys.chunk(chunk_id), mapping=fields)
            pipeline.hset(self._keys.left, mapping=dict.fromkeys(frames, FRAME_ROWS))
            pipeline.hset(self._keys.frames, mapping=dict.fromkeys(frames, body))
            pipeline.execute()
        chunk = self._ledger.take(PROJECT, chunk_id, "follow")
        assert chunk is not None
        return chunk

    def _settle(self, chunk: Chunk) -> None:
        row_keys, traces = self._dice.randbytes(16 * chunk.rows), self._dice.randbytes(history.TRACE * chunk.rows)
        packer = Packer()
        packed = [packer.row("m", {b"%d" % self._dice.randrange(10): 3, b"box": 2}, 5) for _ in range(chunk.rows)]
        counts = packer.column(packed)
        memory = memory_of(self._policy, self._memory.before_settle(PROJECT).imported, chunk.rows)
        record = history.record_of(chunk, b"", history.SentRows(range(chunk.rows), traces, counts))
        for at in range(0, chunk.rows, memory.committed_together):
            after = min(at + memory.committed_together, chunk.rows)
            part = Slice(after, after - at, forms={"k"}, marks=memory.chosen(row_keys[16 * at : 16 * after]))
            part.memory, last = memory, after == chunk.rows
            self._ledger.commit_rows(chunk, at, part, record=record if last else b"", finish=last)


def measure(client: "redis.Redis", project: Growing, rows: int) -> dict[str, Any]:
    """Grow a project by so many rows; return what it cost."""
    size = project.rows
    watch(client)
    before = redis_cpu(client)
    project.grow(size + rows)
    seconds = redis_cpu(client) - before
    commits = next(times for times in script_times(client) if times.script == "commit_rows")
    return {
        "rows": size,
        "microseconds": round(1e6 * seconds / (project.rows - size), 2),
        "p50_ms": commits.p50_ms,
        "p99_ms": commits.p99_ms,
        "max_ms": commits.max_ms,
        "commits": commits.calls,
        "bytes_a_row": round(client.info("memory")["used_memory"] / project.rows, 1),
    }


def results(sizes: list[int], rows: int, policy: str) -> Iterator[dict[str, Any]]:
    """Yield the figures of each size, in ascending order."""
    with tempfile.TemporaryDirectory() as folder, redis_server(Path(folder)) as url:
        client = redis.Redis.from_url(url)
        project = Growing(client, load_settings(redis_url=url), policy)
        for size in sorted(sizes):
            project.grow(size)
            yield measure(client, project, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="100000,1000000,5000000", help="numbers of imported rows")
    parser.add_argument("--rows", type=int, default=500_000, help="rows that are measured at each size")
    parser.add_argument("--policy", default="", choices=["", "skip"], help="the project's policy")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    figures = []
    for figure in results(sizes, options.rows, options.policy):
        figures.append(figure)
        if not options.json:
            print("   ".join(f"{name} {value}" for name, value in figure.items()), flush=True)
    if options.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
