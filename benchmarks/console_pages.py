"""Measure the console's pages with 5,000 projects and a million dead letters in 300 groups.

    python benchmarks/console_pages.py [--requests 200] [--json]

The console serves in this process and reads all projects in its own thread meanwhile; pages are asked for one after
another. Milliseconds until a page is answered, beside the time of a plain read of all counts from Redis.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import redis
from services import redis_server

from prelabel.wire import keys
from prelabel_console.access.roles import Role
from tests.support.console.browsing import browsers, console_settings, serving
from tests.support.console.many import fill_with_dead_letters, fill_with_waiting_rows

PREFIX, AT_MOST_MS = "prelabel", 300


def plain_read_ms(client: "redis.Redis", ids: list[str]) -> float:
    """Return the milliseconds that it takes to read the counts of all projects, and do nothing with them."""
    began = time.perf_counter()
    for at in range(0, len(ids), 500):
        with client.pipeline(transaction=False) as pipeline:
            for name in ids[at : at + 500]:
                pipeline.hgetall(keys.ProjectKeys(PREFIX, name).counts)
            pipeline.execute()
    return 1000 * (time.perf_counter() - began)


def times_ms(answer: Callable[[], int], requests: int) -> list[float]:
    """Return how long each request took."""
    taken = []
    for _ in range(requests):
        began = time.perf_counter()
        assert answer() == 200
        taken.append(1000 * (time.perf_counter() - began))
    return taken


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, redis_server(Path(folder)) as url:
        client = redis.Redis.from_url(url)
        fill_with_waiting_rows(client, PREFIX)
        ids = fill_with_dead_letters(client, PREFIX)
        plain = statistics.median(plain_read_ms(client, ids) for _ in range(5))
        settings = console_settings(url, PREFIX)
        with serving(client, settings) as (console, address), browsers(address) as open_browser:
            viewer = open_browser(Role.VIEWER)
            group = console.dead.groups.latest().value[0].group
            pages = ("/", "/groups", f"/groups/{group}", "/dead", "/projects", f"/projects/{ids[0]}")
            figures = {
                path: times_ms(lambda path=path: viewer.get(path).status_code, options.requests)  # type: ignore[misc]
                for path in pages
            }
        client.close()
    if options.json:
        print(json.dumps({"plainMs": plain, "pages": figures}))
        return 0
    print(f"plain read of all counts {plain:.0f} ms")
    for path, taken in figures.items():
        ordered = sorted(taken)
        print(f"{path:40} median {statistics.median(taken):6.0f} ms, 99 % {ordered[len(ordered) * 99 // 100]:6.0f} ms")
    return int(max(map(statistics.median, figures.values())) > AT_MOST_MS)


if __name__ == "__main__":
    sys.exit(main())
