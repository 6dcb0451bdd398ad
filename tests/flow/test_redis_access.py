"""Publishers and workers with no more rights in Redis than docs/operations.md gives them, in clear and under TLS."""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from prelabel import Publisher
from prelabel.client import open_client
from prelabel_worker.inspector import Inspector
from prelabel_worker.stack.redis_server import find_redis_server, free_port
from tests.conftest import start_redis, wait_for
from tests.flow.conftest import TOOLS, box, run_in
from tests.sandbox.process import SandboxProcess
from tests.worker_process import environment, running_worker

OPERATIONS = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")
PASSWORD = "of-a-test"
ROWS = 100


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[SandboxProcess]:
    process = SandboxProcess(tmp_path / "sandbox")
    process.project("p", {"tools": TOOLS, "classifications": []})
    yield process
    process.stop()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., "redis.Redis"]]:
    """Starts a server with the users of the docs; answers a client that may everything."""
    started = []

    def start(*options: str) -> "redis.Redis":
        server = start_redis(tmp_path, "--save", "", "--appendonly", "yes", "--appendfsync", "always", *options)
        client = redis.Redis(unix_socket_path=str(tmp_path / "redis.sock"))
        started.append((server, client))
        for line in re.findall(r"^ACL SETUSER .*$", OPERATIONS, re.MULTILINE):
            client.execute_command(*line.replace("CHANGE-ME", PASSWORD).split(" "))
        return client

    yield start
    for server, client in started:
        client.close()
        server.terminate()
        server.wait(10)


def publish(url: str, *messages: dict[str, Any]) -> None:
    with Publisher(url) as publisher:
        for each in messages:
            publisher.publish(each)


def test_the_users_of_the_docs_are_enough(
    serve: Callable[..., "redis.Redis"], sandbox: SandboxProcess, tmp_path: Path
) -> None:
    port = free_port()
    admin = serve("--port", str(port))
    address = f"{PASSWORD}@127.0.0.1:{port}/0"
    told = environment(sandbox, redis_url=f"redis://prelabel-worker:{address}")
    with running_worker(tmp_path, told, "--concurrency", "1"):
        good = (box(f"k{n}", project="p", left=n) for n in range(ROWS))
        publish(f"redis://prelabel-publisher:{address}", *good, box("bad", "unknown", project="p"))
        wait_for(lambda: not Inspector(admin).status("p").pending, "all rows to settle")
        for command in ("audit", "dead discard -p p --all --yes"):
            assert run_in(tmp_path, *command.split(" "), **told).returncode == 0
        assert "BAD  redis" not in run_in(tmp_path, "doctor", **told).stdout
    status = Inspector(admin).status("p")
    assert (status.imported, status.discarded) == (ROWS, 1)
    assert admin.acl_log() == []


@pytest.mark.parametrize(
    ("user", "command"),
    [
        ("prelabel-publisher", "HGETALL prelabel:{p}:frames"),
        ("prelabel-publisher", "DEL prelabel:{p}:frames"),
        ("prelabel-publisher", "RPUSH prelabel:celery:prelabel x"),
        ("prelabel-publisher", "HSET prelabel:account:{default} x 1"),
        ("prelabel-publisher", "FLUSHALL"),
        ("prelabel-worker", "FLUSHALL"),
        ("prelabel-worker", "KEYS *"),
        ("prelabel-worker", "CONFIG SET appendonly no"),
        ("prelabel-worker", "GET another-application"),
        ("prelabel-worker", "ACL LIST"),
    ],
)
def test_the_users_of_the_docs_may_no_more(
    serve: Callable[..., "redis.Redis"], tmp_path: Path, user: str, command: str
) -> None:
    serve()
    client = open_client(f"unix://{user}:{PASSWORD}@{tmp_path}/redis.sock", 5)

    with pytest.raises(redis.exceptions.NoPermissionError):
        client.execute_command(*command.split(" "))
    client.close()


def test_rows_arrive_under_tls_from_a_server_whose_certificate_is_known(
    serve: Callable[..., "redis.Redis"], sandbox: SandboxProcess, tmp_path: Path
) -> None:
    if built_without_tls(tmp_path):
        pytest.skip(f"{find_redis_server().resolve()} was built without TLS")
    if not shutil.which("openssl"):
        pytest.skip("there is no openssl to make certificates with")
    make_certificate(tmp_path)
    port = free_port()
    files = ["--tls-cert-file", f"{tmp_path}/cert.pem", "--tls-key-file", f"{tmp_path}/key.pem"]
    admin = serve("--tls-port", str(port), *files, "--tls-auth-clients", "no")
    address = f"localhost:{port}/0"

    stranger = open_client(f"rediss://prelabel-worker:{PASSWORD}@{address}", 5, retry=Retry(NoBackoff(), 0))
    with pytest.raises(redis.ConnectionError, match="certificate verify failed"):
        stranger.ping()
    address += f"?ssl_cert_reqs=required&ssl_ca_certs={tmp_path}/cert.pem"
    told = environment(sandbox, redis_url=f"rediss://prelabel-worker:{PASSWORD}@{address}")
    with running_worker(tmp_path, told, "--concurrency", "1"):
        publish(f"rediss://prelabel-publisher:{PASSWORD}@{address}", box("a", project="p"))
        wait_for(lambda: Inspector(admin).status("p").imported == 1, "the row to settle")


def built_without_tls(folder: Path) -> bool:
    """Whether it says so itself: a Valkey without TLS knows its settings all the same."""
    options = ["--port", "0", "--tls-port", str(free_port()), "--tls-cert-file", "none", "--tls-key-file", "none"]
    done = subprocess.run(
        [find_redis_server(), "--dir", folder, *options], capture_output=True, text=True, timeout=20, check=False
    )
    return any(word in done.stdout + done.stderr for word in ("Failed finding TLS support", "Bad directive"))


def make_certificate(folder: Path) -> None:
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", "key.pem", "-out", "cert.pem"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject, *files]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
