"""One real Redis for the session, a fresh key prefix for each test, and the clock nobody sleeps by."""

import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from hypothesis import HealthCheck, settings

from prelabel_worker.stack.redis_server import find_redis_server

# How long an example takes says more of what else the machine does than of our code.
settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")


def start_redis(folder: Path, *options: str, program: str | None = None) -> "subprocess.Popen[bytes]":
    """A redis-server of our own on `<folder>/redis.sock`: no port, nothing of the machine's is used.

    `program` is another server that takes the same options.
    """
    socket = folder / "redis.sock"
    program = program or str(find_redis_server())
    command = [program, "--port", "0", "--unixsocket", str(socket), "--dir", str(folder), *options]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    client = redis.Redis(unix_socket_path=str(socket))

    def answers() -> bool:
        if server.poll() is not None:
            pytest.fail(f"{program} ended with {server.returncode} while it started")
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False

    wait_for(answers, "redis-server to answer")
    client.close()
    return server


@pytest.fixture(scope="session")
def redis_socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The session's Redis."""
    folder = tmp_path_factory.mktemp("redis")
    server = start_redis(folder, "--save", "", "--appendonly", "no")
    yield folder / "redis.sock"
    server.terminate()
    server.wait(10)


@pytest.fixture
def redis_url(redis_socket: Path) -> str:
    return f"unix://{redis_socket}?db=0"


@pytest.fixture
def client(redis_url: str) -> Iterator["redis.Redis"]:
    connection = redis.Redis.from_url(redis_url)
    yield connection
    connection.close()


@pytest.fixture
def prefix(client: "redis.Redis") -> Iterator[str]:
    """A prefix of this test's own; what it left is removed, so that the session's Redis stays small."""
    name = f"t{secrets.token_hex(4)}"
    yield name
    names = list(client.scan_iter(f"{name}:*", count=1000))
    if names:
        client.delete(*names)


def wait_for(state: Callable[[], object], what: str, seconds: float = 60.0) -> None:
    """Wait until `state()` is true; fail with what was waited for."""
    deadline = time.monotonic() + seconds
    while not state():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds} s for {what}")
        time.sleep(0.02)


@pytest.fixture(name="wait_for")
def _wait_for() -> Callable[..., None]:
    return wait_for
