"""A gateway for each test module, since a process takes a second to start."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.gateway import RunningGateway, running_gateway


@pytest.fixture(scope="module")
def gate_prefix() -> str:
    """The key prefix of the module's gateway: tests of it use projects of their own."""
    return f"t{secrets.token_hex(4)}"


@pytest.fixture(scope="module")
def gateway(redis_socket: Path, gate_prefix: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    folder = tmp_path_factory.mktemp("gateway")
    with running_gateway(folder, f"unix://{redis_socket}?db=0", gate_prefix, "--max-rows", "2000") as running:
        yield running
