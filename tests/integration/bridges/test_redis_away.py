"""A bridge whose Redis is away waits, says so once, and acknowledges nothing."""

import json
from pathlib import Path

import redis

from tests.support.bridging import Bridges, record
from tests.support.redis_server import start_redis
from tests.support.waiting import wait_for


def test_records_wait_in_the_source_until_redis_is_back(
    bridges: Bridges, client: "redis.Redis", redis_url: str, tmp_path: Path
) -> None:
    (tmp_path / "target").mkdir()
    bridges.environment["PRELABEL_REDIS_URL"] = f"unix://{tmp_path}/target/redis.sock?db=0"
    stream = f"{bridges.prefix}:stream"
    for number in range(20):
        client.xadd(stream, {"body": record(f"k{number}")})
    running = bridges.start("redis", stream, "--source-url", redis_url, "--metrics", "bridge.prom")
    wait_for(lambda: "bridge.waits" in running.text, "the bridge to wait")
    assert client.xpending(stream, "prelabel")["pending"] == 20

    target = start_redis(tmp_path / "target", "--save", "", "--appendonly", "no")
    wait_for(lambda: client.xpending(stream, "prelabel")["pending"] == 0, "the records to be acknowledged")
    running.process.terminate()
    code = running.end()
    with redis.Redis(unix_socket_path=f"{tmp_path}/target/redis.sock") as other:
        frames = other.hlen(f"{bridges.prefix}:{{p}}:frames")
    target.terminate()
    target.wait(10)

    events = [json.loads(line) for line in running.text.splitlines()]
    assert code == 0
    assert frames > 0
    assert [each["event"] for each in events] == ["bridge.started", "bridge.waits", "bridge.continues", "bridge.ended"]
    assert events[1]["waits_for"] == "redis"
    assert events[-1]["published"] == 20
    assert 'prelabel_bridge_waiting{source="redis",for="redis"} 0' in (tmp_path / "bridge.prom").read_text()


def test_a_bridge_that_waits_ends_by_sigterm_without_acknowledging(
    bridges: Bridges, client: "redis.Redis", redis_url: str, tmp_path: Path
) -> None:
    bridges.environment["PRELABEL_REDIS_URL"] = f"unix://{tmp_path}/nowhere.sock?db=0"
    stream = f"{bridges.prefix}:stream"
    client.xadd(stream, {"body": record("a")})
    running = bridges.start("redis", stream, "--source-url", redis_url)
    wait_for(lambda: "bridge.waits" in running.text, "the bridge to wait")

    running.process.terminate()

    assert running.end() == 0
    assert client.xpending(stream, "prelabel")["pending"] == 1


def test_with_once_a_redis_that_is_away_is_an_error(bridges: Bridges, redis_url: str, tmp_path: Path) -> None:
    bridges.environment["PRELABEL_REDIS_URL"] = f"unix://{tmp_path}/nowhere.sock?db=0"

    running = bridges.start("redis", f"{bridges.prefix}:stream", "--source-url", redis_url, "--once")

    assert running.end() == 4
