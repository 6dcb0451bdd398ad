"""A starter of bridges for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.support.bridging import Bridges


@pytest.fixture
def bridges(tmp_path: Path, client: "redis.Redis", redis_url: str, prefix: str) -> Iterator[Bridges]:
    made = Bridges(tmp_path, client, redis_url, prefix)
    yield made
    made.close()
