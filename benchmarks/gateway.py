"""Measure publishing over HTTP beside publishing in the process, on one core.

    python benchmarks/gateway.py [--rows 100000] [--batch 5000] [--profile]

Both publish the same messages of five boxes to the same Redis, in turn, three times each; the figure is the median. The
gateway, and the process that publishes without it, are bound to core 0, which includes their threads; Redis and the
client, whose work is another machine's, have the other cores. The client sends NDJSON in requests of `--batch` rows on
one connection. `--profile` prints where the gateway spends its time. At the end Redis must have each row that was
counted.
"""

import argparse
import cProfile
import http.client
import os
import pstats
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import orjson
import redis

from benchmarks.five_boxes import row
from prelabel import Publisher
from prelabel_worker.queries.status import Inspector
from prelabel_worker.stack.redis_server import find_redis_server, free_port

TOKEN = "a-token-of-the-benchmark"
ROUNDS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--batch", type=int, default=5000)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--serve", nargs=2, metavar=("URL", "PROFILE"), help=argparse.SUPPRESS)
    parser.add_argument("--in-process", metavar="URL", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(*options.serve)
    elif options.in_process:
        publish(options.in_process, messages(options.rows))
    else:
        compare(options.rows, options.batch, options.profile)


def messages(rows: int) -> list[bytes]:
    chance = random.Random(1)
    return [orjson.dumps(row("bench", number, chance)) for number in range(rows)]


def publish(url: str, lines: list[bytes]) -> None:
    began = time.perf_counter()
    with Publisher(url) as publisher:
        for line in lines:
            publisher.publish(line)
        publisher.flush(120)
        print(len(lines) / (time.perf_counter() - began))


def serve(url: str, profile_file: str) -> None:
    from prelabel import web_server
    from prelabel.access_tokens import Tokens, digest_of
    from prelabel.gateway.server import open_gateway, serve_gateway
    from prelabel.gateway.settings import Settings

    holders = {digest_of(TOKEN): "benchmark"}
    gateway = open_gateway(Settings(url), Tokens(lambda: holders))
    listening = web_server.listen("127.0.0.1", 0)
    profile = cProfile.Profile()

    def started() -> None:
        print(web_server.address_of(listening, "127.0.0.1"), flush=True)
        if profile_file != "-":
            profile.enable()

    try:
        serve_gateway(gateway, listening, started)
    finally:
        if profile_file != "-":
            profile.dump_stats(profile_file)


def post(address: str, lines: list[bytes], batch: int) -> float:
    """Return how many rows a second were accepted."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=120)
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/x-ndjson"}
    bodies = [b"\n".join(lines[at : at + batch]) for at in range(0, len(lines), batch)]
    accepted = 0
    began = time.perf_counter()
    for body in bodies:
        connection.request("POST", "/v1/predictions", body, headers)
        response = connection.getresponse()
        answer = response.read()
        assert response.status == 200, answer[:500]
        accepted += int(answer[len(b'{"accepted":') : answer.index(b",")])
    seconds = time.perf_counter() - began
    assert accepted == len(lines), accepted
    return accepted / seconds


def bound(*words: str) -> list[str]:
    """Return the command of this program on core 0."""
    return ["taskset", "--cpu-list", "0", sys.executable, "-m", "benchmarks.gateway", *words]


def compare(rows: int, batch: int, profile: bool) -> None:
    lines = messages(rows)
    others = set(range(1, os.cpu_count() or 1)) or {0}
    os.sched_setaffinity(0, others)
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        url = f"redis://127.0.0.1:{port}/0"
        command = [str(find_redis_server()), "--port", str(port), "--dir", folder, "--save", ""]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        client = redis.Redis(port=port)
        while not answers(client):
            time.sleep(0.05)
        found = Path(folder) / "profile"
        serving = subprocess.Popen(bound("--serve", url, str(found) if profile else "-"), stdout=subprocess.PIPE)
        try:
            assert serving.stdout is not None
            address = serving.stdout.readline().decode().strip()
            over_http, in_process = [], []
            for _ in range(ROUNDS):
                over_http.append(post(address, lines, batch))
                done = subprocess.run(
                    bound("--in-process", url, "--rows", str(rows)), capture_output=True, check=True, text=True
                )
                in_process.append(float(done.stdout))
            published = Inspector(client, "prelabel").status("bench").published
            assert published == 2 * ROUNDS * rows, published
        finally:
            serving.terminate()
            serving.wait(60)
            server.terminate()
            server.wait(60)
        print(f"load before {load:.2f}, {rows:,} rows of five boxes, {batch:,} a request, one core each")
        print(f"over HTTP:      {statistics.median(over_http):>9,.0f} rows/s")
        print(f"in the process: {statistics.median(in_process):>9,.0f} rows/s")
        if profile:
            pstats.Stats(str(found)).sort_stats("tottime").print_stats(18)


def answers(client: "redis.Redis") -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


if __name__ == "__main__":
    main()
