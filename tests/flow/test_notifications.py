"""Faults of the sandbox and dead workers, told to a real receiver and shown by the console: within 15 s and once."""

import json
import os
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from prelabel_worker.stack.redis_server import free_port
from prelabel_worker.stack.stack import Stack
from tests.support.flow import COMMAND, SETTINGS, Flow, box, run_in
from tests.support.receiver import Receiver, running_receiver
from tests.support.waiting import wait_for

MARK_SECONDS = 15.0


def within() -> float:
    """Return how long a trouble may take to be received: more on a machine that has many other things to do."""
    return MARK_SECONDS if os.getloadavg()[0] <= (os.cpu_count() or 1) / 2 else 6 * MARK_SECONDS


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with running_receiver() as running:
        yield running


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[Stack]:
    """A worker of each role that tells the receiver, and `prelabel metrics`, which outlives them."""
    settings = SETTINGS | {"PRELABEL_NOTIFY_URL": receiver.url}
    folder = tmp_path_factory.mktemp("told") / ".prelabel"
    with Stack(folder, workers=2, roles=("submit", "poll"), console=True, settings=settings) as running:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PRELABEL_")}
        variables = clean | {"PRELABEL_REDIS_URL": running.file.redis_url, "PRELABEL_NOTIFY_URL": receiver.url}
        with (folder / "metrics.log").open("wb") as log:
            metrics = subprocess.Popen(
                [*COMMAND, "metrics", "--port", str(free_port())], cwd=folder, env=variables, stdout=log, stderr=log
            )
        yield running
        metrics.terminate()
        metrics.wait(10)


@pytest.fixture
def flow(told: Stack) -> Iterator[Flow]:
    found = Flow(told, f"p{secrets.token_hex(4)}", told.client())
    found.create()
    yield found
    found.control("DELETE", "faults")


def expect(receiver: Receiver, kind: str, subject: str, changes: list[str], seconds: float | None = None) -> None:
    """Wait for these changes of a trouble."""
    wait_for(lambda: receiver.told(kind, subject) == changes, f"{kind} {subject}: {changes}", seconds or within())


@pytest.fixture
def console(told: Stack) -> Iterator[httpx.Client]:
    """Yield a client of the stack's console, signed in."""
    address = httpx.URL(told.file.console_url)
    with httpx.Client(base_url=address.copy_with(query=None), follow_redirects=True, trust_env=False) as client:
        client.get(address)
        yield client


def expect_shown(console: httpx.Client, path: str, *texts: str) -> None:
    """Wait until a page of the console has these texts."""
    wait_for(lambda: all(text in console.get(path).text for text in texts), f"{path}: {texts}", within())


def expect_gone(console: httpx.Client, path: str, text: str) -> None:
    """Wait until a page of the console has this text no more."""
    wait_for(lambda: text not in console.get(path).text, f"{path} without {text}", within())


def test_a_throttle_is_told_within_seconds_once_and_so_is_its_end(
    flow: Flow, receiver: Receiver, console: httpx.Client
) -> None:
    flow.fault("429", retryAfter=6)
    flow.publish(*(box(f"k{n}", project=flow.project) for n in range(3)))

    expect(receiver, "account-stopped", "default", ["began"])
    expect_shown(console, "/accounts", "throttled")
    flow.control("DELETE", "faults")
    expect(receiver, "account-stopped", "default", ["began", "ended"], 90)
    expect_gone(console, "/accounts", "throttled")

    assert flow.settled().imported == 3
    assert receiver.told("account-stopped", "default") == ["began", "ended"]


def test_rows_that_die_of_a_new_cause_are_told_without_their_content_and_so_is_their_end(
    flow: Flow, receiver: Receiver, console: httpx.Client
) -> None:
    name = f"vessel-{secrets.token_hex(2)}"
    flow.publish(*(box(f"secret-key-{n}", name, project=flow.project) for n in range(3)))

    def groups() -> list[dict[str, Any]]:
        return [
            change
            for change in receiver.changes()
            if change["kind"] == "error-group" and change.get("reason") == "unknown-feature"
        ]

    wait_for(groups, "the new cause to be told", within())
    (group,) = groups()
    expect_shown(console, "/groups", name)
    assert group["change"] == "began"
    assert "did you mean" in group["text"]
    assert not [word for word in ("secret-key", name) if word in receiver.text()]

    folder = flow.stack.folder.parent
    done = run_in(folder, "dead", "discard", "--project", flow.project, "--all", "--yes")
    assert done.returncode == 0, done.stderr
    expect(receiver, "error-group", group["subject"], ["began", "ended"], 90)


def test_a_project_that_a_person_pauses_is_told_and_so_is_its_end(flow: Flow, receiver: Receiver) -> None:
    flow.publish(box("a", project=flow.project))
    folder = flow.stack.folder.parent
    assert run_in(folder, "project", "pause", flow.project, "--why", "budget").returncode == 0
    expect(receiver, "project-paused", flow.project, ["began"])

    assert run_in(folder, "project", "resume", flow.project).returncode == 0
    expect(receiver, "project-paused", flow.project, ["began", "ended"], 60)


def test_dead_workers_are_told_by_those_that_are_left_and_so_is_their_return(
    flow: Flow, receiver: Receiver, console: httpx.Client
) -> None:
    """Also when the dead one held the lease; when no worker is left, the process that serves metrics tells it."""
    flow.stack.kill("worker2")
    expect(receiver, "no-worker", "poll", ["began"])
    flow.stack.kill("worker1")
    expect(receiver, "no-worker", "submit", ["began"])
    expect_shown(console, "/", "No worker")

    flow.stack.restart("worker1")
    flow.stack.restart("worker2")
    expect(receiver, "no-worker", "submit", ["began", "ended"], 90)
    expect(receiver, "no-worker", "poll", ["began", "ended"], 90)
    expect_gone(console, "/", "No worker")


def test_the_address_is_in_no_log_and_on_no_screen(flow: Flow, receiver: Receiver) -> None:
    receiver.status = 500
    try:
        done = run_in(flow.stack.folder.parent, "notify", "test", "--json", PRELABEL_NOTIFY_URL=receiver.url)
        assert done.returncode == 1
        assert json.loads(done.stdout) == {"accepted": False, "status": 500, "answer": "ok"}
        flow.publish(box("a", project=flow.project))
        run_in(flow.stack.folder.parent, "project", "pause", flow.project)
        wait_for(lambda: any("notify.failed" in log for log in logs(flow)), "an attempt that the receiver refuses")
    finally:
        receiver.status = 200

    assert "s3cret-part" not in done.stdout + done.stderr + "".join(logs(flow))
    expect(receiver, "project-paused", flow.project, ["began"])


def logs(flow: Flow) -> list[str]:
    files = [*flow.stack.logs.glob("*.log"), flow.stack.folder / "metrics.log"]
    return [Path(file).read_text("utf-8", "replace") for file in files]


def test_the_command_says_what_the_receiver_answered(flow: Flow, receiver: Receiver, tmp_path: Path) -> None:
    accepted = run_in(tmp_path, "notify", "test", PRELABEL_NOTIFY_URL=receiver.url)
    nobody = run_in(tmp_path, "notify", "test", PRELABEL_NOTIFY_URL="http://127.0.0.1:9/hooks/s3cret-part")
    unset = run_in(tmp_path, "notify", "test")

    assert (accepted.returncode, accepted.stderr) == (0, "prelabel: 127.0.0.1 answered 200: ok\n")
    assert (nobody.returncode, unset.returncode) == (4, 2)
    assert "s3cret-part" not in nobody.stderr
    assert "PRELABEL_NOTIFY_URL is not set" in unset.stderr
    assert receiver.bodies[-1]["text"].endswith("notifications arrive here")


def test_what_was_told_is_listed(flow: Flow, receiver: Receiver) -> None:
    flow.publish(box("a", project=flow.project))
    folder = flow.stack.folder.parent
    run_in(folder, "project", "pause", flow.project)
    expect(receiver, "project-paused", flow.project, ["began"])

    listed = json.loads(run_in(folder, "notify", "list", "--json").stdout)

    assert flow.project in [trouble["subject"] for trouble in listed["troubles"]]
