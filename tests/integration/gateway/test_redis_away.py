"""A gateway while Redis is away or slow, and one that is killed: what an answer calls accepted is never lost."""

import json
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import redis

from prelabel_worker.stack.redis_server import find_redis_server, free_port
from tests.support.forwarder import Forwarder
from tests.support.gateway import RunningGateway, running_gateway
from tests.support.publishing import message, waiting
from tests.support.waiting import wait_for

PREFIX = "away"


class Server:
    """A Redis on a port of its own, which is started when a test wants it."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.client = redis.Redis(port=self.port)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [str(find_redis_server()), "--port", str(self.port), "--save", ""]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_for(self._answers, "Redis")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
        self.client.close()

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.ConnectionError:
            return False

    def ids(self, project: str = "p") -> list[str]:
        return [json.loads(raw)["messageId"] for raw in waiting(self.client, PREFIX, project)]


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.stop()


def test_without_a_spool_rows_that_redis_does_not_have_are_to_be_sent_again(server: Server, tmp_path: Path) -> None:
    with running_gateway(tmp_path, server.url, PREFIX, "--answer-seconds", "0.3") as gateway:
        away = gateway.post([message("a"), {}])
        server.start()
        wait_for(lambda: gateway.post([message("a")]).status_code == 200, "the repeat to be accepted")

    assert away.status_code == 503
    assert int(away.headers["retry-after"]) > 0
    assert [result["status"] for result in away.json()["results"]] == ["retry", "refused"]
    assert set(server.ids()) == {"a"}


def test_with_a_spool_rows_are_accepted_on_the_disk_and_sent_when_redis_is_back(server: Server, tmp_path: Path) -> None:
    with running_gateway(tmp_path, server.url, PREFIX, "--spool-dir", "spool") as gateway:
        answer = gateway.post([message("a"), message("b")])
        health = gateway.get("/healthz").json()
        server.start()
        wait_for(lambda: sorted(server.ids()) == ["a", "b"], "the rows of the disk")
        later = gateway.post([message("c")])

    assert answer.status_code == 200
    assert [result["durable"] for result in answer.json()["results"]] == ["disk", "disk"]
    assert health == {"status": "ok", "redis": "away", "rowsInMemory": 0, "rowsOnDisk": 2}
    assert later.json()["results"][0]["durable"] == "redis"


def test_an_event_is_answered_from_the_disk_while_redis_is_slow(server: Server, tmp_path: Path) -> None:
    server.start()
    forwarder = Forwarder(server.port)
    forwarder.delay = 0.7
    try:
        url = f"redis://127.0.0.1:{forwarder.port}/0"
        with running_gateway(tmp_path, url, PREFIX, "--spool-dir", "spool") as gateway:
            results = []
            for number in range(5):
                headers = {"ce_specversion": "1.0", "ce_type": "t", "ce_source": "/s", "ce_id": str(number)}
                answer = gateway.post(message(f"k{number}"), path="/v1/events", **headers)
                assert answer.status_code == 200, answer.text
                results += answer.json()["results"]
            wait_for(lambda: len(set(server.ids())) == 5, "the events to be in Redis")
    finally:
        forwarder.close()
    assert {result["durable"] for result in results[:2]} == {"disk"}


def test_a_gateway_that_ends_hands_over_its_rows(server: Server, tmp_path: Path) -> None:
    with running_gateway(tmp_path, server.url, PREFIX, "--answer-seconds", "0.2") as gateway:
        assert gateway.post([message("a")]).status_code == 503
        server.start()
        assert gateway.stop() in (0, -15)

    assert server.ids() == ["a"]


def test_a_full_buffer_without_a_spool_is_back_pressure_that_keeps_the_order(server: Server, tmp_path: Path) -> None:
    options = ("--answer-seconds", "0.2", "--buffer-rows", "3")
    with running_gateway(tmp_path, server.url, PREFIX, *options) as gateway:
        away = gateway.post([message(f"k{number}") for number in range(6)])
        server.start()
        wait_for(lambda: len(server.ids()) == 3, "the rows that had room")

    assert away.status_code == 503
    assert {result["status"] for result in away.json()["results"]} == {"retry"}
    assert set(server.ids()) == {"k0", "k1", "k2"}


def test_killed_gateways_lose_no_row_that_they_called_accepted(server: Server, tmp_path: Path) -> None:
    """Kill it three times under load, with Redis away at first; accepted rows are in Redis in the end, each once."""
    accepted: list[str] = []
    stop = threading.Event()

    def load(gateway: RunningGateway, part: str) -> None:
        for batch in range(10_000):
            if stop.is_set():
                return
            rows = [message(f"{part}-{batch}-{number}") for number in range(20)]
            try:
                answer = gateway.post(rows).json()
            except (httpx.HTTPError, ValueError):
                return
            accepted.extend(one["messageIds"][0] for one in answer["results"] if one["status"] == "accepted")

    for life in range(3):
        if life == 1:
            server.start()
        before = len(accepted)
        with running_gateway(tmp_path, server.url, PREFIX, "--spool-dir", "spool") as gateway:
            threads = [threading.Thread(target=load, args=(gateway, f"{life}.{at}")) for at in range(3)]
            for thread in threads:
                thread.start()
            wait_for(lambda before=before: len(accepted) > before + 400, "accepted rows")
            gateway.process.kill()
            for thread in threads:
                thread.join(30)
    with running_gateway(tmp_path, server.url, PREFIX, "--spool-dir", "spool") as gateway:
        wait_for(lambda: gateway.get("/healthz").json()["rowsOnDisk"] == 0, "the rows of the disk")

    there = server.ids()
    assert len(there) == len(set(there)), "each row once"
    assert set(accepted) <= set(there), "counts in equal counts out"
    assert len(there) - len(accepted) <= 3 * 3 * 20, "only rows whose answer was lost are there beside them"
