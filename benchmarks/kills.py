"""Kill each part with SIGKILL in a run of 20,000 rows: which rows were lost, and how soon imports resumed.

    python benchmarks/kills.py [--rows 20000]

The sandbox stays down for 20 s. Seconds to recovery are measured from the kill (for the sandbox, from its restart) to
the next imported row; if workers are killed while they upload, until their chunks are recovered.
"""

import argparse
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import httpx
import orjson
import psutil

from prelabel import Publisher
from prelabel.wire import keys
from prelabel_worker.queries.audit import audit
from prelabel_worker.queries.status import Inspector
from prelabel_worker.stack.stack import Stack

PROJECT = "kills"
SETTINGS = {"PRELABEL_CHUNK_ROWS": "1000", "PRELABEL_LINGER_SECONDS": "0.3"}


class Run:
    """One stack, one run of rows, one kill in the middle."""

    def __init__(self, stack: Stack, rows: int) -> None:
        self.stack = stack
        self.rows = rows
        self.inspector = Inspector(stack.client())

    def imported(self) -> int:
        try:
            return self.inspector.status(PROJECT).imported
        except OSError:
            return -1

    def publish(self) -> None:
        with Publisher(self.stack.file.redis_url) as publisher:
            for n in range(self.rows):
                box = {"name": "vessel", "bbox": {"top": 1, "left": n, "height": 3, "width": 4}}
                row = {"projectId": PROJECT, "dataRow": {"globalKey": f"k{n}"}, "annotations": [box]}
                publisher.publish(row)
                if n % 100 == 0:
                    time.sleep(0.02)  # so that rows are still being published when the part is killed

    def until(self, done: Callable[[], bool]) -> float:
        started = time.monotonic()
        while not done():
            if time.monotonic() - started > 180:
                raise TimeoutError
            time.sleep(0.02)
        return time.monotonic() - started


def kill_child(run: Run) -> float:
    psutil.Process(run.stack.pids()["worker1"]).children()[0].kill()
    return next_import(run)


def kill_during_upload(run: Run) -> float:
    """Kill all children while two of them upload; return the seconds until their chunks are recovered.

    Only these two uploads are slow: after other slow uploads, a chunk would also wait for its turn.
    """
    faults = f"{run.stack.file.sandbox_url}/_sandbox/faults"
    httpx.post(faults, json={"fault": "latency", "latency": 5, "operations": "create", "times": 2}).raise_for_status()
    client, project_keys = run.stack.client(), keys.ProjectKeys(keys.DEFAULT_PREFIX, PROJECT)

    def tokens(state: bytes) -> dict[str, bytes]:
        ids = [name.decode() for name in client.zrange(project_keys.chunks, 0, -1)]
        chunks = {chunk_id: client.hmget(project_keys.chunk(chunk_id), "state", "token") for chunk_id in ids}
        return {chunk_id: token for chunk_id, (actual, token) in chunks.items() if actual == state and token}

    run.until(lambda: len(tokens(b"submitting")) == 2)
    held = tokens(b"submitting")
    for worker in ("worker1", "worker2"):
        for child in psutil.Process(run.stack.pids()[worker]).children():
            child.kill()
    seconds = run.until(lambda: all(tokens(b"submitting").get(chunk_id) != token for chunk_id, token in held.items()))
    httpx.delete(faults).raise_for_status()
    return seconds


def kill_worker(run: Run) -> float:
    """Kill both workers, so that none is left, and start one again."""
    run.stack.kill("worker1")
    run.stack.kill("worker2")
    before = time.monotonic()
    run.stack.restart("worker1")
    next_import(run)
    return time.monotonic() - before


def kill_redis(run: Run) -> float:
    run.stack.kill("redis")
    run.stack.restart("redis")
    return next_import(run)


def kill_sandbox(run: Run) -> float:
    run.stack.kill("sandbox")
    time.sleep(20)
    run.stack.restart("sandbox")
    return next_import(run)


def next_import(run: Run) -> float:
    before = run.imported()
    return run.until(lambda: run.imported() > max(before, 0))


def one(kill: Callable[[Run], float], rows: int) -> str:
    with (
        tempfile.TemporaryDirectory() as folder,
        Stack(Path(folder), workers=2, processes=(2,), settings=SETTINGS) as stack,
    ):
        tools = [{"tool": "rectangle", "name": "vessel"}]
        body = {"id": PROJECT, "ontology": {"tools": tools}, "dataRows": "any"}
        httpx.post(f"{stack.file.sandbox_url}/_sandbox/projects", json=body).raise_for_status()
        run = Run(stack, rows)
        publisher = threading.Thread(target=run.publish)
        publisher.start()
        run.until(lambda: run.imported() > rows // 10)
        seconds = kill(run)
        publisher.join()
        run.until(lambda: run.inspector.status(PROJECT).pending == 0)
        status = run.inspector.status(PROJECT)
        (audited,) = audit(stack.client())
        lines = httpx.get(f"{stack.file.sandbox_url}/_sandbox/projects/{PROJECT}/pre-labels", timeout=60).text
        counts = Counter(orjson.loads(line)["dataRow"]["globalKey"] for line in lines.split("\n") if line)
        lost, doubled = rows - len(counts), sum(count - 1 for count in counts.values())
        verdict = "balances" if audited.balances else "; ".join(audited.differences)
        return f"{status.imported:>8} {status.dead:>5} {lost:>5} {doubled:>8} {seconds:>10.1f} s  {verdict}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    rows = parser.parse_args().rows
    print(f"{'killed':<22} {'imported':>8} {'dead':>5} {'lost':>5} {'doubled':>8} {'recovery':>12}  audit")
    for name, kill in (
        ("a pool child", kill_child),
        ("all, while uploading", kill_during_upload),
        ("both workers", kill_worker),
        ("Redis", kill_redis),
        ("the sandbox, for 20 s", kill_sandbox),
    ):
        print(f"{name:<22} {one(kill, rows)}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
