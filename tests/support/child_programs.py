"""A program whose children publish and end without `close()`: python -m tests.support.child_programs METHOD URL PREFIX.

Each child prints nothing unless it fails; the program prints the exit codes of its children.
"""

import multiprocessing
import sys
import time
from typing import Any

from prelabel import Publisher

BOX = {"name": "car", "bbox": {"left": 1, "top": 1, "width": 2, "height": 2}}


def publish(publisher: Publisher, key: str, count: int) -> None:
    """Publish rows that nothing sends before the process ends."""
    for at in range(count):
        publisher.publish({"projectId": "p", "dataRow": {"globalKey": f"{key}-{at}"}, "annotations": [BOX]})


def publish_and_wait(publisher: Publisher, key: str, count: int, ready: Any) -> None:
    """Publish, and wait until the parent ends this process."""
    publish(publisher, key, count)
    ready.set()
    time.sleep(60)


_pool: list[Publisher] = []


def keep(publisher: Publisher) -> None:
    """Keep the publisher of a process of a pool."""
    _pool.append(publisher)


def publish_in_pool(key: str) -> None:
    """Publish one row in a process of a pool."""
    publish(_pool[0], key, 1)


def main(method: str, url: str, prefix: str) -> None:
    """Publish 3 rows in a child that returns, 4 in one that is terminated and 5 in a pool."""
    context = multiprocessing.get_context(method)
    publisher = Publisher(url, key_prefix=prefix, linger_seconds=3600)
    returns = context.Process(target=publish, args=(publisher, "returns", 3))
    ready = context.Event()
    waits = context.Process(target=publish_and_wait, args=(publisher, "terminated", 4, ready))
    for child in (returns, waits):
        child.start()
    ready.wait(60)
    waits.terminate()
    for child in (returns, waits):
        child.join(60)
    sys.stdout.write(f"{returns.exitcode} {waits.exitcode}\n")
    sys.stdout.flush()
    with context.Pool(2, initializer=keep, initargs=(publisher,)) as pool:
        pool.map(publish_in_pool, [f"pool-{at}" for at in range(5)])


if __name__ == "__main__":
    main(*sys.argv[1:])
