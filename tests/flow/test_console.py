"""`prelabel console` as a process of its own, and as a part of `prelabel up`."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from prelabel.access_tokens import digest_of
from prelabel_worker.settings import load_settings
from tests.support.command import command_of
from tests.support.flow import COMMAND, run_in

BROWSER = {"accept": "text/html"}


class ConsoleProcess:
    """`prelabel console` on a free port."""

    def __init__(self, folder: Path, *options: str, **environment: str) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PRELABEL_")}
        command = [*COMMAND, "console", "--port", "0", *options]
        with (folder / "err").open("wb") as err:
            self.process = subprocess.Popen(
                command, cwd=folder, env=clean | environment, stdout=subprocess.PIPE, stderr=err, text=True
            )
        assert self.process.stdout is not None
        self.line = self.process.stdout.readline()
        self.folder = folder

    @property
    def address(self) -> str:
        return re.findall(r"http://[^/]+", self.line)[0]

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        code = self.process.wait(20)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


@pytest.fixture
def consoles(tmp_path: Path) -> Iterator[list[ConsoleProcess]]:
    started: list[ConsoleProcess] = []
    yield started
    for one in started:
        if one.process.poll() is None:
            one.end()


def start(consoles: list[ConsoleProcess], folder: Path, *options: str, **environment: str) -> ConsoleProcess:
    consoles.append(ConsoleProcess(folder, *options, **environment))
    return consoles[-1]


def test_it_prints_an_address_with_a_token_that_lets_in(
    consoles: list[ConsoleProcess], tmp_path: Path, redis_url: str
) -> None:
    console = start(consoles, tmp_path, "--redis-url", redis_url)
    link = console.line.split()[-1]

    assert re.fullmatch(r"console at http://127\.0\.0\.1:\d+/\?token=[\w-]{32}\n", console.line)
    assert httpx.get(console.address, headers=BROWSER).status_code == 401
    with httpx.Client(follow_redirects=True, headers=BROWSER) as browser:
        answer = browser.get(link)
    assert answer.status_code == 200
    assert "token" not in str(answer.url)
    assert console.end() == 0
    assert link.partition("token=")[2] not in (tmp_path / "err").read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_on_a_signal_while_a_browser_is_connected(
    consoles: list[ConsoleProcess], tmp_path: Path, redis_url: str, number: signal.Signals
) -> None:
    console = start(consoles, tmp_path, "--redis-url", redis_url)
    with httpx.Client() as browser:
        assert browser.get(f"{console.address}/healthz").json()["serves"]

        assert console.end(number) == 0
    assert "Traceback" not in (tmp_path / "err").read_text()


def test_with_tokens_in_the_settings_no_other_is_made(
    consoles: list[ConsoleProcess], tmp_path: Path, redis_url: str
) -> None:
    tokens = json.dumps({"ada": {"role": "viewer", "sha256": digest_of("ada-has-this-token")}})
    console = start(consoles, tmp_path, "--redis-url", redis_url, PRELABEL_CONSOLE_TOKENS=tokens)

    assert "token" not in console.line
    answer = httpx.get(console.address, headers={**BROWSER, "authorization": "Bearer ada-has-this-token"})
    assert "ada (viewer)" in answer.text


def test_it_serves_while_redis_is_away_and_says_so(consoles: list[ConsoleProcess], tmp_path: Path) -> None:
    console = start(consoles, tmp_path, "--redis-url", f"unix://{tmp_path}/none.sock", "--token", "0123456789abcdef")

    answer = httpx.get(console.address, headers={**BROWSER, "authorization": "Bearer 0123456789abcdef"}, timeout=30)

    assert answer.status_code == 503
    assert "Redis does not answer" in answer.text


@pytest.mark.parametrize(
    ("options", "environment", "words"),
    [
        (("--token", "short"), {}, "--token: expected at least 16 characters"),
        (
            (),
            {"PRELABEL_CONSOLE_TOKENS": '{"ada": {"role": "boss", "sha256": "00"}}'},
            "PRELABEL_CONSOLE_TOKENS.ADA.ROLE",
        ),
        ((), {"PRELABEL_CONSOLE_TOKENS": '{"ada": {"role": "viewer"}}'}, "PRELABEL_CONSOLE_TOKENS.ADA: expected"),
        ((), {"PRELABEL_CONSOLE_PROXY_ADDRESSES": '["all"]'}, "expected addresses or networks"),
        ((), {"PRELABEL_ENVIRONMENT": "<b>"}, "PRELABEL_ENVIRONMENT"),
    ],
)
def test_what_is_wrong_with_the_command_is_said(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    environment: dict[str, str],
    words: str,
) -> None:
    console = command_of(load_settings(redis_url="redis://localhost:1"), monkeypatch, tmp_path, capsys, "console")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    ended = console("--port", "0", *options)

    assert ended.code == 2, ended.err
    assert words in ended.err
    assert "Traceback" not in ended.err


def test_an_address_of_another_machine_is_named(tmp_path: Path) -> None:
    ended = run_in(tmp_path, "console", "--port", "0", "--redis-url", "redis://localhost:1", "--host", "192.0.2.1")

    assert ended.returncode == 2, ended.stderr
    assert "cannot listen on 192.0.2.1" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_port_that_is_taken_is_named(consoles: list[ConsoleProcess], tmp_path: Path, redis_url: str) -> None:
    console = start(consoles, tmp_path, "--redis-url", redis_url)
    port = console.address.rpartition(":")[2]

    ended = run_in(tmp_path, "console", "--port", port, "--redis-url", redis_url)

    assert ended.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}" in ended.stderr


def test_the_console_loads_no_code_of_a_broker() -> None:
    """A page that opened a channel of a broker could take tasks from workers."""
    code = (
        "import sys, prelabel_worker.cli.health.console, prelabel_console.start, prelabel_console.server;"
        "print([m for m in ('celery', 'kombu', 'amqp', 'billiard', 'prelabel_worker.runtime') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "[]"


def test_other_commands_load_nothing_of_the_console() -> None:
    code = (
        "import sys, prelabel_worker.cli.health.console, prelabel_worker.cli.main;"
        "print([m for m in ('starlette', 'jinja2', 'uvicorn', 'prelabel_console') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "[]"


def test_the_probe_answers_at_once_after_the_line(
    consoles: list[ConsoleProcess], tmp_path: Path, redis_url: str
) -> None:
    console = start(consoles, tmp_path, "--redis-url", redis_url)

    assert httpx.get(f"{console.address}/healthz", timeout=5).status_code == 200
