"""`prelabel bridge sqs` against the server of moto; skipped where `moto_server` is not installed."""

import itertools
import os
import socket
import subprocess
from collections.abc import Iterator
from shutil import which
from typing import Any

import boto3
import pytest

from tests.support.bridging import Bridges, record
from tests.support.waiting import wait_for

pytestmark = [
    pytest.mark.skipif(
        which("moto_server") is None, reason="moto_server is not on the PATH: pip install 'moto[server]'"
    ),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "eu-west-1"}


class Server:
    """A server with one queue."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.client: Any = boto3.client("sqs", endpoint_url=endpoint)
        self.queue = self.client.create_queue(QueueName="detections")["QueueUrl"]

    def send(self, *payloads: bytes, **attributes: str) -> None:
        named = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
        for payload in payloads:
            self.client.send_message(QueueUrl=self.queue, MessageBody=payload.decode(), MessageAttributes=named)

    def left(self) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.client.get_queue_attributes(QueueUrl=self.queue, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)


@pytest.fixture
def server(bridges: Bridges, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    bridges.environment |= KEYS
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    process = subprocess.Popen(
        ["moto_server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | KEYS,
    )  # fmt: skip

    def answers() -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", port)) == 0

    wait_for(answers, "moto_server")
    made = Server(f"http://127.0.0.1:{port}")
    yield made
    made.client.close()
    process.kill()
    process.wait()


def test_messages_are_published_and_deleted_and_bad_ones_kept(bridges: Bridges, server: Server) -> None:
    server.send(*[record(f"k{n}") for n in range(12)], b"{broken")
    server.send(b'{"annotations": []}', **{"X-Frame": "c"})

    bridges.run("sqs", server.queue, "--endpoint", server.endpoint, "--once", code=1)

    assert {each["dataRow"]["globalKey"] for each in bridges.messages()} == {"c", *(f"k{n}" for n in range(12))}
    assert [each["record"] for each in bridges.bad()] == ["{broken"]
    assert server.left() == 0


def test_messages_stay_invisible_while_the_bridge_waits(server: Server) -> None:
    from prelabel.bridges.sqs import Queue

    now = [0.0]
    feed = Queue(server.queue, endpoint=server.endpoint, visibility_seconds=2, clock=lambda: now[0])
    server.send(record("a"))
    (got,) = feed.read(10, 1)
    for _ in range(10):
        now[0] += 1
        feed.hold()
    visible = server.client.receive_message(QueueUrl=server.queue, WaitTimeSeconds=1).get("Messages", [])

    feed.acknowledge([[got]])

    assert visible == []
    assert server.left() == 0
    feed.close()


def test_messages_are_handed_on_before_slow_calls_make_the_first_ones_visible_again(server: Server) -> None:
    from prelabel.bridges.sqs import Queue

    now = itertools.count()  # each look at the clock is a second later: so slow are the calls
    feed = Queue(server.queue, endpoint=server.endpoint, visibility_seconds=10, clock=lambda: float(next(now)))
    server.send(*[record(f"k{n}") for n in range(60)])

    assert 0 < len(feed.read(500, 1)) <= 20
    feed.close()


def test_a_killed_bridge_loses_nothing(bridges: Bridges, server: Server) -> None:
    def write(number: int) -> None:
        server.send(record(f"k{number}", left=number))

    words = ["sqs", server.queue, "--endpoint", server.endpoint, "--visibility", "10"]
    bridges.survive(words, write, rows=60, seed=5, kills=2)

    assert bridges.lefts() == {f"k{n}": n for n in range(60)}
