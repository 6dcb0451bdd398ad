"""`prelabel bridge nats` against a nats-server of each test's own; skipped where there is none."""

import asyncio
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from typing import Any

import nats
import pytest

from prelabel.bridges.nats_jetstream import JetStream
from tests.support.bridging import Bridges, record
from tests.support.waiting import wait_for

SERVER = which("nats-server") or which("nats-server", path="/usr/sbin:/usr/local/sbin")
pytestmark = pytest.mark.skipif(SERVER is None, reason="there is no nats-server on this machine")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


class Broker:
    """A nats-server with one stream."""

    def __init__(self, port: int) -> None:
        self.url = f"nats://127.0.0.1:{port}"

    def do(self, *payloads: bytes, headers: dict[str, str] | None = None) -> Any:
        """Publish messages, and return what the consumer has not acknowledged."""

        async def act() -> Any:
            client = await nats.connect(self.url)
            stream = client.jetstream()
            await stream.add_stream(name="detections", subjects=["detections.>"])
            for payload in payloads:
                await stream.publish("detections.cam", payload, headers=headers)
            infos = await stream.consumers_info("detections")
            await client.close()
            return infos

        return asyncio.run(act())

    def pending(self) -> tuple[int, int]:
        (info,) = self.do()
        return info.num_pending, info.num_ack_pending


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    port = free_port()
    server = subprocess.Popen(
        [str(SERVER), "-js", "-sd", str(tmp_path / "store"), "-a", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wait_for(lambda: answers(port), "nats-server")
    broker = Broker(port)
    broker.do()
    yield broker
    server.kill()
    server.wait()


def test_messages_are_published_and_acknowledged_and_bad_ones_kept(bridges: Bridges, broker: Broker) -> None:
    broker.do(record("a"), b"{broken", record("b"))
    broker.do(b'{"annotations": []}', headers={"X-Frame": "c"})

    bridges.run("nats", "detections.>", "--server", broker.url, "--once", code=1)

    assert {each["dataRow"]["globalKey"] for each in bridges.messages()} == {"a", "b", "c"}
    assert {each["messageId"] for each in bridges.messages()} == {f"nats:detections:{n}" for n in (1, 3, 4)}
    assert [each["where"] for each in bridges.bad()] == ["detections at 2"]
    assert broker.pending() == (0, 0)


@pytest.mark.parametrize("error", [nats.errors.TimeoutError, TimeoutError])
def test_a_stream_with_nothing_new_is_not_a_source_that_is_away(
    broker: Broker, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """nats-py 2.16 raises the built-in error when its time is over between two of its requests."""

    async def fetch(*_: Any, **__: Any) -> None:
        raise error

    feed = JetStream(broker.url, "detections.>", "prelabel")
    assert feed.read(10, 0.1) == []
    monkeypatch.setattr(feed._subscription, "fetch", fetch)

    assert feed.read(10, 0.1) == []
    assert feed.drained()
    feed.close()


def test_a_killed_bridge_loses_nothing(bridges: Bridges, broker: Broker) -> None:
    total = 300

    def write(number: int) -> None:
        if number % 50 == 0:
            broker.do(*[record(f"k{n}", left=n) for n in range(number, number + 50)])

    bridges.survive(
        ["nats", "detections.>", "--server", broker.url, "--ack-seconds", "2"], write, rows=total, seed=3, kills=2
    )

    assert bridges.lefts() == {f"k{n}": n for n in range(total)}
    assert bridges.bad() == []
