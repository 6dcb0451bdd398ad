"""`prelabel up`: it keeps its addresses, says what other programs need, and starts again what ends."""

import os
import pty
import re
import shlex
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import redis

from prelabel import Publisher
from prelabel.stack_file import StackFile, read
from prelabel_worker.queries.audit import audit
from prelabel_worker.queries.status import Inspector
from tests.support.flow import COMMAND, box, run_in
from tests.support.waiting import wait_for

PROJECT = "demo-project"
RECEIVER = "http://127.0.0.1:9/nobody-listens"
STARTED = "Ctrl-C stops everything."


class Up:
    """`prelabel up` in a process of its own."""

    def __init__(self, folder: Path, stdout: Any = None, **variables: str) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self._out, self._err = folder / "out", folder / "err"
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PRELABEL_")}
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                [*COMMAND, "up", "--gateway"], cwd=folder, env=clean | variables, stdout=stdout or out, stderr=err
            )

    def started(self) -> "Up":
        wait_for(lambda: STARTED in self.out or self.process.poll() is not None, "the stack", 90)
        assert self.process.poll() is None, self.err
        return self

    @property
    def out(self) -> str:
        return self._out.read_text("utf-8")

    @property
    def err(self) -> str:
        return self._err.read_text("utf-8")

    @property
    def file(self) -> StackFile:
        return read(self.folder / ".prelabel")

    def kill(self, part: str) -> None:
        """Send SIGKILL to a part and wait until it runs again."""
        restarts = self.err.count(f"{part} runs again")
        os.kill(self.file.pids[part], signal.SIGKILL)
        wait_for(lambda: self.err.count(f"{part} runs again") > restarts, f"{part} to run again", 60)

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "a folder"


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """Yield a stack of the tests that end none."""
    running = Up(tmp_path_factory.mktemp("up") / "a folder", PRELABEL_NOTIFY_URL=RECEIVER).started()
    yield running
    running.stop()


def imported(stack: StackFile) -> int:
    return Inspector(redis.Redis.from_url(stack.redis_url)).status(PROJECT).imported


def settle(stack: StackFile, rows: int) -> None:
    """Wait until so many rows are imported in all, and assert that none was lost or counted twice."""
    client = redis.Redis.from_url(stack.redis_url)
    wait_for(lambda: Inspector(client).status(PROJECT).imported == rows, f"{rows} imported rows", 90)
    status = Inspector(client).status(PROJECT)
    assert (status.published, status.pending, status.dead) == (rows, 0, 0)
    assert [project.balances for project in audit(client)] == [True]


def test_parts_that_are_killed_run_again_and_no_row_is_lost(up: Up) -> None:
    before, rows = up.file, imported(up.file)
    with Publisher(before.redis_url) as publisher:
        for at, part in enumerate(("worker1", "redis", "sandbox", "worker2", "console", "gateway")):
            for row in range(300):
                publisher.publish(box(f"{at}-{row}", project=PROJECT))
            up.kill(part)
            assert f"{part} has ended by itself (SIGKILL): starting it again in 0.5 s" in up.err
    settle(before, rows + 1800)

    after = up.file
    assert (after.redis_url, after.sandbox_url, after.labelbox_api_key, after.console_url) == (
        before.redis_url,
        before.sandbox_url,
        before.labelbox_api_key,
        before.console_url,
    )
    assert {part for part in before.pids if before.pids[part] != after.pids[part]} == before.pids.keys()
    assert up.process.poll() is None


def test_programs_publish_over_http_at_the_address_in_the_private_file(up: Up) -> None:
    url, rows = up.file.gateway_url, imported(up.file)
    token = url.partition("//stack:")[2].partition("@")[0]

    answer = httpx.post(f"{url}/v1/predictions", json=box("posted", project=PROJECT), timeout=30)

    assert answer.json()["results"][0]["durable"] == "redis"
    settle(up.file, rows + 1)
    assert len(token) == 32
    assert token not in up.out + up.err


def test_the_stack_has_a_console_whose_token_is_in_the_private_file_alone(up: Up) -> None:
    url, rows = up.file.console_url, imported(up.file)
    token = url.partition("token=")[2]
    with Publisher(up.file.redis_url) as publisher:
        publisher.publish(box("seen", project=PROJECT))
    settle(up.file, rows + 1)

    with httpx.Client(follow_redirects=True, headers={"accept": "text/html"}) as browser:
        assert browser.get(url.partition("?")[0]).status_code == 401
        page = browser.get(url)
        assert page.status_code == 200
        project = browser.get(str(page.url.join(f"/projects/{PROJECT}"))).text

    worker, sandbox = (psutil.Process(up.file.pids[part]).environ() for part in ("worker1", "sandbox"))
    assert worker["PRELABEL_NOTIFY_URL"] == RECEIVER, "the workers tell whom the settings name"
    assert url.startswith(worker["PRELABEL_CONSOLE_URL"])
    assert "PRELABEL_NOTIFY_URL" not in sandbox
    assert "Every row is accounted for" in project
    assert f'href="{up.file.sandbox_url}/projects/{PROJECT}"' in project
    assert len(token) == 32
    assert token not in up.out + up.err
    lines = [" ".join(psutil.Process(pid).cmdline()) for pid in up.file.pids.values()]
    assert not [line for line in lines if token in line]


def test_a_stopped_stack_names_no_address_and_a_publisher_continues_at_the_next_start(folder: Path) -> None:
    first = Up(folder).started()
    file = first.file
    assert run_in(folder, "status").returncode == 0
    with Publisher(file.redis_url) as publisher:
        publisher.publish(box("before", project=PROJECT))
        publisher.flush(30)
        assert first.stop() == 0
        assert {path.name for path in (folder / ".prelabel").iterdir()} == {"data", "lock", "logs"}
        publisher.publish(box("meanwhile", project=PROJECT))
        second = Up(folder).started()
        try:
            publisher.flush(60)
            assert second.file.redis_url == file.redis_url
            assert second.file.sandbox_url == file.sandbox_url
            assert second.file.labelbox_api_key == file.labelbox_api_key
            settle(second.file, 2)
        finally:
            second.stop()


def test_a_port_that_somebody_took_is_named_and_another_is_used(folder: Path) -> None:
    first = Up(folder).started()
    before = first.file
    port = int(before.redis_url.rpartition(":")[2].partition("/")[0])
    first.stop()
    with socket.create_server(("127.0.0.1", port)):
        second = Up(folder).started()
        try:
            assert f"port {port}, which Redis had, is taken by another process: Redis listens on port" in second.err
            assert second.file.redis_url != before.redis_url
            assert second.file.sandbox_url == before.sandbox_url
            with Publisher(second.file.redis_url) as publisher:
                publisher.publish(box("a", project=PROJECT))
            settle(second.file, 1)
        finally:
            second.stop()


def test_the_printed_file_gives_other_folders_the_stack_and_no_output_has_its_secrets(up: Up, tmp_path: Path) -> None:
    (line,) = re.findall(r"^  (\. .*stack\.env.*)$", up.out, re.M)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    script = f"{line} && {shlex.join([*COMMAND, 'status'])} && printenv PRELABEL_REDIS_URL"
    done = subprocess.run(["sh", "-c", script], cwd=elsewhere, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == up.file.redis_url
    assert re.search(r"^  PRELABEL_REDIS_URL=redis://:\*\*\*@127\.0\.0\.1:\d+/0$", up.out, re.M)
    password = up.file.redis_url.split(":")[2].partition("@")[0]
    for secret in (password, up.file.labelbox_api_key):
        assert secret not in up.out + up.err


def test_a_terminal_is_shown_the_variables_ready_to_paste(folder: Path) -> None:
    parent, child = pty.openpty()
    running = Up(folder, stdout=child)
    os.close(child)
    shown = b""
    try:
        while STARTED.encode() not in shown:
            shown += os.read(parent, 4096)
        stack = running.file
        lines = [line.strip() for line in shown.decode().splitlines()]
        for name, value in (
            ("PRELABEL_REDIS_URL", stack.redis_url),
            ("PRELABEL_LABELBOX_ENDPOINT", stack.labelbox_endpoint),
            ("PRELABEL_LABELBOX_API_KEY", stack.labelbox_api_key),
        ):
            assert [shlex.split(line) for line in lines if f" {name}=" in line] == [["export", f"{name}={value}"]]
    finally:
        running.stop()
        os.close(parent)


def test_it_gives_up_on_a_part_that_ends_again_and_again_and_shows_why(folder: Path) -> None:
    up = Up(folder).started()
    state = folder / ".prelabel" / "data" / "sandbox"
    for file in state.glob("state.sqlite3*"):
        file.unlink()
    (state / "state.sqlite3").mkdir()
    os.kill(up.file.pids["sandbox"], signal.SIGKILL)

    try:
        assert up.process.wait(120) == 4
    finally:
        up.stop()
    waits = re.findall(r"starting it again in (\S+) s", up.err)
    assert waits == ["0.5", "1", "2", "4", "8"]
    assert re.search(r"sandbox .*, 6 times in a row: giving up\. The last lines of .*sandbox\.log:", up.err)
    assert "OperationalError: unable to open database file" in up.err
    assert not (up.folder / ".prelabel" / "stack.json").exists()
