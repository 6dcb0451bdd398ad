"""A secret is found in every place that it could reach."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from prelabel_worker.stack.stack import Stack
from tests.chaos.leaks import leaks


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with Stack(tmp_path / ".prelabel", workers=0) as running:
        yield running


def test_a_secret_in_a_log_a_value_or_what_a_producer_keeps_is_found(stack: Stack, tmp_path: Path) -> None:
    key, password = stack.file.labelbox_api_key, stack.file.redis_url.split(":")[2].split("@")[0]
    client = stack.client()
    client.hset("prelabel:{p}:held:body", "1", b"{}")
    client.set("harmless", 1)
    (stack.logs / "worker1.log").write_text(f"authorization: Bearer {key}\n")
    (tmp_path / "producer0.journal").write_text(f"redis://:{password}@localhost\n")
    client.hset("prelabel:{p}:held:body", "2", f'{{"error": "{key}"}}')
    client.lpush("a queue", f"redis://:{password}@localhost")
    client.set(f"key {key}", 1)

    found = leaks(stack, tmp_path)
    assert [Path(place).name for place in found[:2]] == ["worker1.log", "producer0.journal"]
    assert sorted(found[2:]) == ["Redis a queue", f"Redis key {key}", "Redis prelabel:{p}:held:body"]
    client.close()
