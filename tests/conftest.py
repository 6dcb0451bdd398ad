"""Fixtures of all tests: one real Redis for the session, and a new key prefix for each test."""

import gc
import secrets
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
import redis
from hypothesis import HealthCheck, settings

from prelabel_worker.settings import load_settings
from tests.support.project import Project
from tests.support.redis_server import start_redis
from tests.support.waiting import wait_for

# How long an example takes says more of what else the machine does than of our code.
settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep the garbage collector from reading the millions of objects of the collected tests again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session")
def redis_socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield a client of the session's Redis."""
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
    """Yield a key prefix for this test; its keys are removed afterwards, so that the session's Redis stays small."""
    name = f"t{secrets.token_hex(4)}"
    yield name
    names = list(client.scan_iter(f"{name}:*", count=1000))
    if names:
        client.delete(*names)


@pytest.fixture
def make_project(client: "redis.Redis", redis_url: str, prefix: str) -> Callable[..., Project]:
    def make(**settings: object) -> Project:
        chosen = {"redis_url": redis_url, "key_prefix": prefix, "linger_seconds": 0, **settings}
        return Project(client, load_settings(**chosen))

    return make


@pytest.fixture
def project(make_project: Callable[..., Project]) -> Project:
    return make_project()


@pytest.fixture(name="wait_for")
def _wait_for() -> Callable[..., None]:
    return wait_for
