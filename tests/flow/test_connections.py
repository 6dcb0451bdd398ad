"""Every option of a Redis URL works in every process; a wrong URL ends a command or a worker at once."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from prelabel import Publisher, RedisUnavailable
from prelabel.wire.redis_url import InvalidUrl
from prelabel_worker.queries.status import Inspector
from prelabel_worker.settings import load_settings
from prelabel_worker.stack.redis_server import free_port
from tests.support.command import command_of
from tests.support.flow import box, run_in
from tests.support.redis_server import start_redis
from tests.support.sandbox.process import SandboxProcess
from tests.support.waiting import wait_for
from tests.support.worker_process import environment, running_worker

PASSWORD = "of-a-test"
OPTIONS = "socket_timeout=5&socket_connect_timeout=4&health_check_interval=30&client_name=ours&max_connections=10"


@pytest.mark.parametrize("protocol", [2, 3])
def test_rows_arrive_with_every_option_of_a_url(
    protocol: int,
    sandbox: SandboxProcess,
    redis_socket: Path,
    client: "redis.Redis",
    prefix: str,
    tmp_path: Path,
) -> None:
    url = f"unix://{redis_socket}?db=0&protocol={protocol}&{OPTIONS}"
    told = environment(sandbox, redis_url=url, key_prefix=prefix)
    with running_worker(tmp_path, told, "--concurrency", "1"):
        with Publisher(url, key_prefix=prefix) as publisher:
            publisher.publish(box("a", project="p"))
            publisher.publish(box("b", "unknown", project="p"))
        wait_for(lambda: Inspector(client, prefix).status("p").dead == 1, "the bad row to die")
        wait_for(lambda: Inspector(client, prefix).status("p").imported == 1, "the good row to settle")
        names = [each["name"] for each in client.client_list()]
        for command in ("status", "dead list", "dead groups", "project show p", "row show a", "healthy"):
            done = run_in(tmp_path, *command.split(" "), **told)
            assert (done.returncode, done.stderr) == (0, ""), command
    assert names.count("ours") > 2  # for the state, in two processes, and for Celery
    assert b"tick.broken" not in (tmp_path / "worker.log").read_bytes()


def start_locked(folder: Path, port: int) -> "subprocess.Popen[bytes]":
    folder.mkdir()
    server = start_redis(folder, "--port", str(port), "--save", "")
    with redis.Redis(unix_socket_path=str(folder / "redis.sock")) as client:
        client.config_set("requirepass", PASSWORD)
    return server


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[str]:
    """Yield host and port of a Redis that requires a password."""
    port = free_port()
    server = start_locked(tmp_path / "locked", port)
    yield f"127.0.0.1:{port}"
    server.terminate()
    server.wait(10)


WRONG = [
    ("redis://:wrong@{place}/0", "invalid username-password pair", "check the user, its password and its rights"),
    ("redis://{place}/0", "Authentication required", "check the user, its password and its rights"),
    (f"redis://:{PASSWORD}@{{place}}/4711", "DB index is out of range", "check the database number"),
]


def test_publishers_and_commands_refuse_the_same_urls(tmp_path: Path) -> None:
    url = "redis://h/prod"
    with pytest.raises(InvalidUrl) as error:
        Publisher(url)
    problem = str(error.value).removeprefix("redis_url: ")
    for command in (["status"], ["publish", "-"], ["worker"]):
        done = run_in(tmp_path, *command, PRELABEL_REDIS_URL=url)
        assert (done.returncode, done.stderr) == (2, f"prelabel: PRELABEL_REDIS_URL: {problem}\n")


@pytest.mark.parametrize(("url", "words", "remedy"), WRONG)
def test_a_wrong_setting_ends_every_command_with_the_error_of_the_server(
    url: str,
    words: str,
    remedy: str,
    locked: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    url = url.format(place=locked)
    worker = run_in(tmp_path, "worker", PRELABEL_REDIS_URL=url, PRELABEL_LABELBOX_API_KEY="a-key")
    status = command_of(load_settings(redis_url=url), monkeypatch, tmp_path, capsys)("status")
    assert (worker.returncode, status.code) == (2, 2)
    for said in (worker.stderr, status.err):
        assert words.lower() in said.lower()
        assert remedy in said
        assert PASSWORD not in said
        assert "start it" not in said


@pytest.mark.parametrize(("url", "words", "remedy"), WRONG)
def test_a_wrong_broker_url_ends_a_worker_with_the_error_of_the_server(
    url: str,
    words: str,
    remedy: str,
    locked: str,
    redis_url: str,
    prefix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = {"PRELABEL_REDIS_URL": redis_url, "PRELABEL_BROKER_URL": url.format(place=locked)}
    told |= {"PRELABEL_KEY_PREFIX": prefix, "PRELABEL_LABELBOX_API_KEY": "a-key"}
    settings = load_settings(redis_url=redis_url, key_prefix=prefix, labelbox_endpoint="http://127.0.0.1:1/graphql")
    command = command_of(settings, monkeypatch, tmp_path, capsys)
    monkeypatch.setenv("PRELABEL_BROKER_URL", told["PRELABEL_BROKER_URL"])

    worker, doctor = run_in(tmp_path, "worker", **told), command("doctor")

    assert worker.returncode == 2
    assert f"PRELABEL_BROKER_URL: the broker at {url.partition('://')[0]}://{locked}/" in worker.stderr
    for said in (worker.stderr, doctor.out):
        assert words.lower() in said.lower()
        assert remedy in said


def test_a_server_without_tls_is_distinguished_from_one_that_is_unreachable(locked: str, tmp_path: Path) -> None:
    done = run_in(tmp_path, "status", "--redis-url", f"rediss://:{PASSWORD}@{locked}/0?socket_connect_timeout=2")

    assert done.returncode == 4
    assert "the TLS handshake timed out" in done.stderr


def test_a_publisher_says_the_words_of_a_server_that_refuses_it(locked: str) -> None:
    publisher = Publisher(f"redis://:wrong@{locked}/0")
    publisher.publish(box("a", project="p"))

    with pytest.raises(RedisUnavailable, match=r"invalid username-password pair.*; check the user, its password"):
        publisher.flush()  # without a time limit: it must not wait for what never comes
    with pytest.raises(RedisUnavailable):
        publisher.close(0)


@pytest.mark.parametrize(
    ("setting", "waits"), [("redis_url", b"tick.failed"), ("broker_url", b"Trying again")], ids=["state", "broker"]
)
def test_a_server_that_is_away_is_waited_for_until_it_says_that_the_password_is_wrong(
    setting: str, waits: bytes, sandbox: SandboxProcess, redis_url: str, prefix: str, tmp_path: Path
) -> None:
    port = free_port()
    urls = {"redis_url": redis_url, "broker_url": redis_url, setting: f"redis://:wrong@127.0.0.1:{port}/0"}
    log = tmp_path / "worker.log"
    command = [sys.executable, "-m", "prelabel_worker.cli", "worker", "--concurrency", "1"]
    with log.open("wb") as output:
        told = environment(sandbox, **urls, key_prefix=prefix)
        worker = subprocess.Popen(command, cwd=tmp_path, env=told, stdout=output, stderr=output)
    try:
        wait_for(lambda: waits in log.read_bytes(), "the worker to wait for its server")
        server = start_locked(tmp_path / "late", port)
        assert worker.wait(30) == 2
        server.terminate()
        server.wait(10)
    finally:
        worker.kill()
        worker.wait()
    for each in (b"worker.waits", b"worker.cannot_start", b"invalid username-password pair"):
        assert each in log.read_bytes()


@pytest.mark.parametrize("role", ["all", "submit", "poll"])
def test_a_worker_without_any_key_does_not_start(role: str, redis_url: str, prefix: str, tmp_path: Path) -> None:
    told = {"PRELABEL_REDIS_URL": redis_url, "PRELABEL_KEY_PREFIX": prefix}

    done = run_in(tmp_path, "worker", "--role", role, **told)

    assert done.returncode == 2
    assert "there is no API key, neither for account default nor for another" in done.stderr
    assert "PRELABEL_LABELBOX_API_KEY" in done.stderr


def test_a_row_of_an_account_without_a_key_continues_at_once_when_its_key_is_set(
    sandbox: SandboxProcess, client: "redis.Redis", redis_url: str, prefix: str, tmp_path: Path
) -> None:
    """It was never sent: no server's time limit has to pass before it is."""
    told = environment(sandbox, redis_url=redis_url, key_prefix=prefix)
    without = told | {"PRELABEL_LABELBOX_API_KEY": "", "PRELABEL_ACCOUNT_KEYS": '{"other": "a-key"}'}
    log = tmp_path / "worker.log"
    with Publisher(redis_url, key_prefix=prefix) as publisher:
        publisher.publish(box("a", project="p"))
    with running_worker(tmp_path, without, "--concurrency", "1"):
        wait_for(lambda: b"uploads.paused" in log.read_bytes(), "the project to pause for the missing key")
    assert b"OutcomeUnknown" not in log.read_bytes()
    assert run_in(tmp_path, "project", "resume", "p", **told).returncode == 0
    with running_worker(tmp_path, told, "--concurrency", "1"):
        wait_for(lambda: Inspector(client, prefix).status("p").imported == 1, "the row to settle", 60)
