"""SIGKILL of every part in the middle of a run: the audit balances and Labelbox holds each annotation exactly once."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from prelabel import Publisher
from prelabel_worker.stack.stack import Stack
from tests.support.flow import SETTINGS, Flow, box
from tests.support.waiting import wait_for

ROWS = 3000
RECOVERY_SECONDS = 15.0


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Flow]:
    """Yield a stack for this test alone, since it will be killed; imports take so long that a kill hits them."""
    settings = SETTINGS | {"PRELABEL_CHUNK_ROWS": "200", "PRELABEL_LEASE_SECONDS": "4"}
    with Stack(tmp_path, workers=2, processes=(1, 2), settings=settings) as stack:
        client = stack.client()
        flow = Flow(stack, "killed", client)
        flow.create()
        flow.control("POST", "settings", {"secondsPerImport": 0.5})
        yield flow
        client.close()


def publish(flow: Flow) -> None:
    with Publisher(flow.stack.file.redis_url) as publisher:
        for n in range(ROWS):
            publisher.publish(box(f"k{n}", project=flow.project, left=n))


def assert_exactly_once(flow: Flow) -> None:
    status = flow.settled(90)
    assert (status.published, status.imported, status.dead) == (ROWS, ROWS, 0)
    found = sorted((line["dataRow"]["globalKey"], line["bbox"]["left"]) for line in flow.pre_labels())
    assert found == sorted((f"k{n}", n) for n in range(ROWS))


def pool_child(flow: Flow, worker: str) -> int:
    """Return one of the processes of a worker that has more than one."""
    return int(psutil.Process(flow.stack.pids()[worker]).children()[0].pid)


def progress(flow: Flow) -> int:
    return flow.status().imported


def test_a_killed_pool_child(run: Flow) -> None:
    publish(run)
    wait_for(lambda: progress(run) > 100, "imports to settle")

    os.kill(pool_child(run, "worker2"), signal.SIGKILL)

    assert_exactly_once(run)


def test_a_chunk_whose_holder_is_killed_while_uploading_is_recovered_within_the_bound(run: Flow) -> None:
    run.control("POST", "faults", {"fault": "latency", "latency": 3, "operations": "create", "times": 2})
    publish(run)
    root = f"prelabel:{{{run.project}}}"

    def submitting() -> dict[str, bytes]:
        names = [name.decode() for name in run.client.zrange(f"{root}:chunks", 0, -1)]
        found = {name: run.client.hmget(f"{root}:chunk:{name}", "state", "token") for name in names}
        return {name: token for name, (state, token) in found.items() if state == b"submitting" and token}

    wait_for(lambda: len(submitting()) == 2, "two chunks to be uploaded")
    held, started = submitting(), time.monotonic()
    for worker in ("worker1", "worker2"):
        run.stack.kill(worker)
        run.stack.restart(worker)

    wait_for(lambda: not submitting().items() & held.items(), "the chunks to be recovered", RECOVERY_SECONDS)
    assert time.monotonic() - started < RECOVERY_SECONDS
    assert_exactly_once(run)


def test_a_killed_worker(run: Flow) -> None:
    publish(run)
    wait_for(lambda: run.status().chunks, "a chunk to be cut")

    run.stack.kill("worker1")
    run.stack.kill("worker2")
    assert run.status().pending > 0
    run.stack.restart("worker1")
    before, started = progress(run), time.monotonic()
    wait_for(lambda: progress(run) > before, "work to continue", RECOVERY_SECONDS)
    assert time.monotonic() - started < RECOVERY_SECONDS

    assert_exactly_once(run)


def test_a_stopped_worker_that_comes_back_changes_nothing(run: Flow) -> None:
    """SIGSTOP for longer than a lease: others take its chunks over, and what it does afterwards is refused."""
    publish(run)
    wait_for(lambda: progress(run) > 100, "imports to settle")
    worker = run.stack.pids()["worker1"]

    os.kill(worker, signal.SIGSTOP)
    before = progress(run)
    wait_for(lambda: progress(run) > before + 1000, "the other worker to continue", 60)
    os.kill(worker, signal.SIGCONT)

    assert_exactly_once(run)


def test_a_killed_redis(run: Flow) -> None:
    with Publisher(run.stack.file.redis_url) as publisher:
        for n in range(ROWS):
            publisher.publish(box(f"k{n}", project=run.project, left=n))
            if n == ROWS // 2:
                publisher.flush()
                run.stack.kill("redis")
                run.stack.restart("redis")

    assert_exactly_once(run)


def test_a_killed_sandbox(run: Flow) -> None:
    publish(run)
    wait_for(lambda: progress(run) > 100, "imports to settle")

    run.stack.kill("sandbox")
    before = progress(run)
    # Whatever state the chunks are in: they may all be uploaded, or one with an outcome that is not known.
    logs = [run.stack.logs / f"worker{number}.log" for number in (1, 2)]
    wait_for(
        lambda: any(b"Labelbox cannot be reached" in log.read_bytes() for log in logs), "a worker to miss Labelbox"
    )
    run.stack.restart("sandbox")
    wait_for(lambda: progress(run) > before, "work to continue", RECOVERY_SECONDS)

    assert_exactly_once(run)


def test_a_warm_stop_gives_back_what_it_holds(run: Flow) -> None:
    publish(run)
    wait_for(lambda: progress(run) > 100, "imports to settle")
    worker = psutil.Process(run.stack.pids()["worker1"])

    worker.terminate()
    worker.wait(20)

    assert_exactly_once(run)
