"""Threads share a mapping: every n-th row is taken once, and all that is left out is counted."""

import os
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from prelabel.mapping import PredictionMapping
from prelabel.mapping.file import mapping_of

BOX = {"name": "cat", "confidence": 0.1, "bbox": {"left": 1, "top": 2, "width": 3, "height": 4}}
TABLE: dict[str, Any] = {
    "sample": {"every": 2},
    "confidence": 0.5,
    "routes": [{"every": 4, "project": "a"}, {"share": 0.5, "project": "b"}],
}


def test_what_comes_in_is_published_or_counted_from_any_number_of_threads() -> None:
    mapping, start = mapping_of(TABLE), threading.Barrier(8)

    def publish(thread: int) -> Counter[str]:
        start.wait()
        sent: Counter[str] = Counter()
        for at in range(500):
            message = {"dataRow": {"globalKey": f"{thread}-{at}"}, "annotations": [BOX]}
            sent.update(one["projectId"] for one in mapping.apply(message))
        return sent

    with ThreadPoolExecutor(8) as threads:
        sent = sum(threads.map(publish, range(8)), Counter[str]())

    assert sent["a"] == 4000 // 2 // 4
    assert sent.total() + mapping.left_out["data rows that no route takes"] == 2000
    assert mapping.left_out["data rows outside the sample"] == 2000
    assert mapping.left_out["below the minimum confidence"] == 4000


def test_a_forked_child_does_not_wait_for_the_lock_of_a_thread_that_it_does_not_have() -> None:
    mapping, held, over = PredictionMapping(), threading.Event(), threading.Event()

    def hold() -> None:
        with mapping._lock:
            held.set()
            over.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(30)
    child = os.fork()
    if child == 0:
        mapping.forked()
        mapping.leave_out("in the child")
        os._exit(0)
    over.set()
    thread.join()

    assert os.waitpid(child, 0)[1] == 0
