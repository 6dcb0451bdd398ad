"""Two releases side by side: each handles the versions that it knows and leaves the others alone."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from prelabel.publishing.buffer import Limits, Row, gathered
from prelabel.publishing.inbox import Inbox
from prelabel_worker.chunks.rows import Unreadable
from prelabel_worker.doctor import projects as doctor
from prelabel_worker.runtime.timers import Timers
from prelabel_worker.stack.stack import Stack
from tests.support import newer
from tests.support.flow import SETTINGS, Flow, box
from tests.support.project import Project, message
from tests.support.waiting import wait_for

ROOT = Path(__file__).parents[2]
ROWS = 40


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Yield one worker of this release."""
    with Stack(tmp_path_factory.mktemp("versions") / ".prelabel", settings=SETTINGS) as running:
        yield running


@pytest.fixture
def flow(stack: Stack) -> Iterator[Flow]:
    found = Flow(stack, f"p{secrets.token_hex(4)}", stack.client())
    found.create()
    yield found
    found.client.close()


@pytest.fixture
def newer_worker(stack: Stack, tmp_path: Path) -> Iterator[Callable[[], None]]:
    """Return a function that starts a worker of the next release."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PRELABEL_")}
        environment = clean | SETTINGS
        environment |= {
            "PRELABEL_REDIS_URL": stack.file.redis_url,
            "PRELABEL_LABELBOX_ENDPOINT": stack.file.labelbox_endpoint,
            "PRELABEL_LABELBOX_API_KEY": stack.file.labelbox_api_key,
            "PYTHONPATH": str(ROOT),
        }
        command = [sys.executable, "-m", "celery", "-A", "tests.support.newer_worker", "worker", "-c", "1"]
        command += ["--hostname", "newer@%h", "--queues", "prelabel,prelabel.poll"]
        with (tmp_path / "newer.log").open("wb") as log:
            started.append(subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=log))

    yield start
    for process in started:
        process.terminate()
        process.wait(30)


def rows_of(flow: Flow, left: int) -> list[Row]:
    """Return a row of a message for each data row, with a box at `left`."""
    return [
        Row(f"k:k{n}", json.dumps(box(f"k{n}", project=flow.project, left=left, messageId=f"{left}-{n}")).encode(), 0)
        for n in range(ROWS)
    ]


def frames(rows: list[Row]) -> list[bytes]:
    """Return frames of one lane each, as all releases know them."""
    return gathered(rows, 16, Limits(1000, 10**6, 10, 10**6, 100, 0)).frames()


def publish_newer(flow: Flow, left: int) -> None:
    inbox = Inbox(flow.client)
    inbox._script = flow.client.register_script(newer.publish_script())
    inbox.put(flow.project, [newer.written(frame) for frame in frames(rows_of(flow, left))])


def boxes(flow: Flow) -> dict[str, int]:
    return {line["dataRow"]["globalKey"]: line["bbox"]["left"] for line in flow.pre_labels()}


def everywhere(left: int) -> dict[str, int]:
    return {f"k{n}": left for n in range(ROWS)}


def test_an_old_worker_leaves_newer_frames_to_a_newer_one_and_order_holds(
    flow: Flow, newer_worker: Callable[[], None]
) -> None:
    inbox = Inbox(flow.client)
    inbox.put(flow.project, frames(rows_of(flow, 1)))
    wait_for(lambda: flow.status().imported == ROWS, "what the old worker knows")
    publish_newer(flow, 2)
    inbox.put(flow.project, frames(rows_of(flow, 3)))

    root = f"prelabel:{{{flow.project}}}"
    before = flow.client.time()[0] * 1000
    wait_for(lambda: (flow.client.zscore(f"{root}:timers", "group") or 0) > before + 400, "the old worker to look")
    status = flow.status()
    assert (status.imported, status.pending, status.newer) == (ROWS, 2 * ROWS, 2 * ROWS)
    assert boxes(flow) == everywhere(1)
    (seen,) = doctor.look(flow.client, "prelabel", flow.project) or []
    (finding,) = [each for each in doctor.findings(seen, 1, 10) if each.check.label == "project-newer"]
    assert not finding.good

    newer_worker()

    status = flow.settled()
    assert boxes(flow) == everywhere(3)
    assert (status.imported + status.superseded, status.dead, status.newer) == (3 * ROWS, 0, 0)


def hash_of(project: Project, chunk_id: str) -> str:
    return f"{project.root}:chunk:{chunk_id}"


def test_a_chunk_says_the_newest_version_of_what_is_in_it(project: Project) -> None:
    project.publish(message("a"))
    project.publish(message("b"))
    assert project.client.hget(hash_of(project, project.cut()), "v") == b"1"

    project.publish(message("c"))
    project.publish(message("d"), message("e"))  # of two lanes, which share a frame
    assert project.client.hget(hash_of(project, project.cut()), "v") == b"3"


def test_a_worker_of_the_previous_release_leaves_shared_frames_to_newer_ones(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.publish(message("a"))
    project.publish(message("b"), message("c"))
    with monkeypatch.context() as previous:
        previous.setattr("prelabel_worker.chunks.ledger.FRAME_VERSION", 1)
        previous.setattr("prelabel_worker.chunks.ledger.KNOWN_VERSION", 2)
        assert project.client.hget(hash_of(project, project.cut()), "rows") == b"1"
        assert project.ledger.cut_chunk("p") is None

    newer_chunk = project.cut()
    before = project.client.hgetall(hash_of(project, newer_chunk))
    with monkeypatch.context() as previous:
        previous.setattr("prelabel_worker.chunks.ledger.KNOWN_VERSION", 2)
        assert project.ledger.take("p", newer_chunk, "submit") is None
    assert project.client.hgetall(hash_of(project, newer_chunk)) == before

    project.import_all(newer_chunk)
    assert (project.status().imported, project.status().pending) == (2, 1)


@pytest.mark.parametrize("purpose", ["submit", "follow"])
def test_a_chunk_of_a_newer_version_waits_for_a_newer_worker_and_is_not_asked_for_all_the_time(
    project: Project, monkeypatch: pytest.MonkeyPatch, purpose: Any
) -> None:
    project.publish(message("a"), message("b"))
    chunk_id = project.cut()
    if purpose == "follow":
        chunk = project.take(chunk_id)
        project.ledger.record_import(chunk, "default", "name", project.sent(chunk))
        project.ledger.running(chunk, "import", 0)
        Timers(project.client, project.settings.key_prefix, 10).due(10, ("poll",))  # the hint goes to this worker
    project.client.hset(hash_of(project, chunk_id), "v", 4)
    before = project.client.hgetall(hash_of(project, chunk_id))

    assert project.ledger.take("p", chunk_id, purpose) is None

    assert project.client.hgetall(hash_of(project, chunk_id)) == before
    seconds, micros = project.client.time()
    in_ms = project.client.zscore(f"{project.root}:timers", f"chunk:{chunk_id}") - seconds * 1000 - micros / 1000
    assert 400 < in_ms <= 2000
    due, _ = Timers(project.client, project.settings.key_prefix, 10).due(10)
    assert [each.chunk_id for each in due if each.chunk_id] == []
    status = project.status()
    assert (status.newer, status.pending) == (2, 2)
    monkeypatch.setattr("prelabel_worker.chunks.ledger.KNOWN_VERSION", 4)
    assert len(project.rows(project.take(chunk_id, purpose))) == 2


def test_a_chunk_that_was_cut_before_chunks_had_a_version_is_finished(project: Project) -> None:
    project.publish(message("a"))
    project.publish(message("b"))
    chunk_id = project.cut()
    project.client.hdel(hash_of(project, chunk_id), "v")

    first, second = project.ledger.split(project.take(chunk_id))

    assert project.client.hget(hash_of(project, first), "v") == b"1"
    project.client.hdel(hash_of(project, second), "v")
    project.import_all(first)
    project.import_all(second)
    assert project.status().imported == 2


def test_the_parts_of_a_chunk_have_its_version(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prelabel_worker.chunks.ledger.KNOWN_VERSION", 4)
    project.publish(message("a"), message("b"))
    chunk_id = project.cut()
    project.client.hset(hash_of(project, chunk_id), "v", 4)

    children = project.ledger.split(project.take(chunk_id))

    assert [project.client.hget(hash_of(project, child), "v") for child in children] == [b"4", b"4"]


def test_a_frame_whose_entry_hides_its_version_is_one_dead_letter_and_no_endless_task(project: Project) -> None:
    (frame,) = project.frames(message("a"), message("a"))
    project.inbox.put("p", [frame])
    project.client.hset(f"{project.root}:frames", frame[2:18].hex(), b"\x09" + frame[1:])

    (row,) = project.reader.rows(project.take(project.cut()))

    assert isinstance(row, Unreadable)
    assert (row.rows, row.problem) == (2, "frame version 9; this release knows 1 and 3")
