"""Measure the cost and the memory of publishing while Redis is up, slow or down.

    python benchmarks/publish.py [--seconds 10] [--rate 5000] [--away-seconds 60] [--latency-ms 100] [--phases up]

Each phase is a process of its own that publishes messages of five boxes for 1,000 data rows through a Publisher with a
spool, at a steady rate. Phase `full` publishes as fast as it can. In phase `slow`, each piece of data to and from Redis
is delayed by `--latency-ms`. In phase `away`, Redis is killed before the first message and started after the last. The
publisher of a phase such as `full+journal` has a journal. At the end Redis must hold each published row once, in order
for each data row.
"""

import argparse
import asyncio
import json
import random
import resource
import subprocess
import sys
import tempfile
import threading
import time
from array import array
from pathlib import Path
from typing import Any

import orjson
import redis

from prelabel import Publisher
from prelabel.wire import keys
from prelabel.wire.frame import read_messages
from prelabel_worker.stack.redis_server import find_redis_server, free_port

DATA_ROWS = 1000
SPOOL_BYTES = 256 * 1024 * 1024
PROJECT = "p"


def peak_memory() -> int:
    """Return the maximum RSS so far, in bytes; Linux's getrusage would count the parent's as well."""
    try:
        lines = Path("/proc/self/status").read_text("ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


class Server:
    """A Redis on a free port that can be killed; every answered write is on the disk."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = [
            "--port",
            str(self.port),
            "--dir",
            str(self.folder),
            "--appendonly",
            "yes",
            "--appendfsync",
            "always",
        ]
        self.process = subprocess.Popen([str(find_redis_server()), *options], stdout=subprocess.DEVNULL)
        client = self.client()
        while True:
            try:
                client.ping()
                return
            except redis.ConnectionError:
                time.sleep(0.02)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def client(self) -> "redis.Redis":
        return redis.Redis(port=self.port, protocol=2)


class SlowWay(threading.Thread):
    """A proxy in front of Redis that delays every piece of data."""

    def __init__(self, target: int, seconds: float) -> None:
        super().__init__(daemon=True)
        self.port, self._target, self._seconds = free_port(), target, seconds
        self.ready = threading.Event()

    def run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._connect, "127.0.0.1", self.port)
        self.ready.set()
        await server.serve_forever()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, to_there = await asyncio.open_connection("127.0.0.1", self._target)
        await asyncio.gather(self._carry(reader, to_there), self._carry(there, writer), return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(1 << 20):
            await asyncio.sleep(self._seconds)
            writer.write(piece)
            await writer.drain()
        writer.close()


def box(chance: random.Random) -> dict[str, Any]:
    sides = {name: round(chance.uniform(1, 900), 1) for name in ("left", "top", "width", "height")}
    return {"name": chance.choice(["car", "bus", "dog"]), "bbox": sides, "confidence": round(chance.random(), 4)}


def produce(url: str, spool: str, seconds: float, rate: float, *, journal: bool) -> None:
    """Publish, in the process that is measured, and print the figures as JSON."""
    chance = random.Random(7)
    bodies = [[box(chance) for _ in range(5)] for _ in range(200)]
    publisher = Publisher(url, spool_dir=spool, spool_bytes=SPOOL_BYTES, journal=journal)
    before = peak_memory()
    took, started, n, cpu = array("f"), time.perf_counter(), 0, time.process_time()
    while (now := time.perf_counter()) - started < seconds:
        if rate and n > (now - started) * rate:
            time.sleep(0.002)
            continue
        raw = orjson.dumps(
            {
                "projectId": PROJECT,
                "messageId": f"{n:09d}",
                "dataRow": {"globalKey": f"cam/{n % DATA_ROWS:06d}.jpg"},
                "model": {"name": "yolo", "version": "11s"},
                "annotations": bodies[n % len(bodies)],
            }
        )
        begun = time.perf_counter()
        publisher.publish(raw)
        took.append((time.perf_counter() - begun) * 1e6)
        n += 1
    elapsed = time.perf_counter() - started
    spooled = publisher.spooled_rows
    print("published", flush=True)
    publisher.flush(600)
    drained = time.perf_counter() - started - elapsed
    publisher.close()
    peak = peak_memory()
    ordered = sorted(took)
    figures = {
        "rows": n,
        "rows/s": round(n / elapsed),
        "cpu us/row": round((time.process_time() - cpu) / n * 1e6, 1),
        "p50 us": round(ordered[n // 2], 1),
        "p99 us": round(ordered[n * 99 // 100], 1),
        "max ms": round(ordered[-1] / 1000, 1),
        "spooled at end": spooled,
        "drain s": round(drained, 1),
        "rss MiB": peak >> 20,
        "rss before MiB": before >> 20,
    }
    print(json.dumps(figures), flush=True)


class PeakSize(threading.Thread):
    """Measures the maximum size of a folder's files, in bytes."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self._folder, self.peak, self._over = folder, 0, threading.Event()

    def run(self) -> None:
        while not self._over.wait(0.05):
            size = 0
            for path in self._folder.rglob("*"):
                try:
                    size += path.stat().st_size if path.is_file() else 0
                except FileNotFoundError:
                    continue
            self.peak = max(self.peak, size)

    def stop(self) -> int:
        self._over.set()
        self.join()
        return self.peak


def compare(client: "redis.Redis", rows: int) -> dict[str, Any]:
    """Compare the rows in Redis with those published: each once, in order for each data row."""
    project_keys = keys.ProjectKeys(keys.DEFAULT_PREFIX, PROJECT)
    numbers: dict[str, list[int]] = {}
    for lane in range(16):
        for entry in client.lrange(project_keys.lane(lane), 0, -1):
            _, name, _, count, _, _, _, _, *low = entry.split(b" ")
            first = int(low[0]) if low else 0  # several lanes may share a frame
            for raw in read_messages(client.hget(project_keys.frames, name))[first : first + int(count)]:
                body = orjson.loads(raw)
                numbers.setdefault(body["dataRow"]["globalKey"], []).append(int(body["messageId"]))
    stored = [n for of_data_row in numbers.values() for n in of_data_row]
    return {
        "lost": rows - len(set(stored)),
        "doubled": len(stored) - len(set(stored)),
        "counted": int(client.hget(project_keys.counts, "published") or 0) - rows,
        "in order": all(of_data_row == sorted(of_data_row) for of_data_row in numbers.values()),
    }


def measure(name_of_phase: str, options: argparse.Namespace) -> dict[str, Any]:
    phase, _, journal = name_of_phase.partition("+")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "redis").mkdir()
        server = Server(folder / "redis")
        server.start()
        port = server.port
        if phase == "slow":
            way = SlowWay(server.port, options.latency_ms / 1000)
            way.start()
            way.ready.wait()
            port = way.port
        if phase == "away":
            server.kill()
        seconds = options.away_seconds if phase == "away" else options.seconds
        rate = 0 if phase == "full" else options.rate
        peak = PeakSize(folder / "spool")
        peak.start()
        work = ["--produce", f"redis://127.0.0.1:{port}/0", str(folder / "spool"), str(seconds), str(rate), journal]
        child = subprocess.Popen([sys.executable, __file__, *work], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        child.stdout.readline()
        if phase == "away":
            server.start()
        figures: dict[str, Any] = json.loads(child.stdout.readline())
        child.wait()
        child.stdout.close()
        figures |= {"spool peak MiB": round(peak.stop() / 2**20, 1), "bound MiB": SPOOL_BYTES >> 20}
        client = server.client()
        figures |= compare(client, figures["rows"])
        client.close()
        server.kill()
        return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rate", type=float, default=5000, help="rows a second")
    parser.add_argument("--away-seconds", type=float, default=60)
    parser.add_argument("--latency-ms", type=float, default=100)
    parser.add_argument("--phases", default="full,full+journal,up,up+journal,slow,away")
    parser.add_argument("--produce", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.produce:
        url, spool, seconds, rate, journal = options.produce
        produce(url, spool, float(seconds), float(rate), journal=journal == "journal")
        return
    for phase in options.phases.split(","):
        figures = measure(phase, options)
        print(f"{phase:>12}  " + "  ".join(f"{name} {value}" for name, value in figures.items()), flush=True)
        if figures["lost"] or figures["doubled"] or figures["counted"] or not figures["in order"]:
            sys.exit("rows were lost, doubled or out of order")


if __name__ == "__main__":
    main()
