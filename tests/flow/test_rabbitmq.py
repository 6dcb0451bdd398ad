"""RabbitMQ as Celery's broker: the state stays in Redis, hints go over AMQP."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from kombu import Connection, Exchange, Queue
from kombu.exceptions import ChannelError, OperationalError

from prelabel import Publisher
from prelabel_worker.queries.audit import audit
from prelabel_worker.queries.status import Inspector
from prelabel_worker.runtime.roles import QUEUES
from prelabel_worker.stack.redis_server import free_port
from tests.support.flow import TOOLS, box, run_in
from tests.support.forwarder import Forwarder
from tests.support.sandbox.process import SandboxProcess
from tests.support.waiting import wait_for
from tests.support.worker_process import environment, running_worker

PORT = 5672
URL = f"amqp://guest:guest@127.0.0.1:{PORT}//"
ROWS = 200


@pytest.fixture
def broker() -> Iterator[str]:
    """Yield the machine's RabbitMQ to one test at a time; the queues of tests are removed before and after."""
    with Connection(URL, connect_timeout=2) as connection:
        try:
            connection.connect()
        except (OperationalError, OSError) as error:
            pytest.skip(f"no RabbitMQ answers on port 5672 ({type(error).__name__})")
        lock = Queue("prelabel.test", Exchange(""), exclusive=True, auto_delete=True)

        def locked() -> bool:
            try:
                lock(connection.channel()).declare()
            except ChannelError:
                return False
            return True

        wait_for(locked, "other tests to be done with RabbitMQ", 60)
        _remove(connection)
        yield URL
        _remove(connection)


def _remove(connection: Connection) -> None:
    for name in QUEUES.values():
        with contextlib.suppress(ChannelError):
            connection.channel().queue_delete(name)


def test_rows_arrive_with_hints_over_rabbitmq_also_after_it_was_unreachable(
    broker: str, client: "redis.Redis", redis_url: str, prefix: str, tmp_path: Path
) -> None:
    sandbox = SandboxProcess(tmp_path / "sandbox")
    sandbox.project("p", {"tools": TOOLS, "classifications": []})
    forwarder = Forwarder(PORT)
    way = broker.replace(str(PORT), str(forwarder.port))
    told = environment(sandbox, redis_url=redis_url, broker_url=way, key_prefix=prefix, chunk_rows="50")
    log = tmp_path / "worker.log"
    with running_worker(tmp_path, told, "--concurrency", "2"), Publisher(redis_url, key_prefix=prefix) as publisher:
        publish(publisher, range(ROWS))
        wait_for(lambda: Inspector(client, prefix).status("p").imported, "rows to settle")
        forwarder.target = free_port()
        forwarder.cut()
        wait_for(lambda: b"tick.failed" in log.read_bytes(), "the worker to say that the broker is away")
        publish(publisher, range(ROWS, 2 * ROWS))
        forwarder.target = PORT
        wait_for(lambda: Inspector(client, prefix).status("p").imported == 2 * ROWS, "all rows to settle")
        doctor = json.loads(run_in(tmp_path, "doctor", "--json", **told).stdout)["findings"]
    assert b"tick.broken" not in log.read_bytes()
    (found,) = audit(client, prefix)
    assert found.balances, found.differences
    seen = sorted((line["dataRow"]["globalKey"], line["bbox"]["left"]) for line in sandbox.pre_labels("p"))
    assert seen == sorted((f"k{n}", n) for n in range(2 * ROWS))
    assert [each["found"] for each in doctor if each["check"] == "broker"] == ["the broker answers; it is no Redis"]
    assert not list(client.scan_iter(f"{prefix}:celery:*"))
    sandbox.stop()
    forwarder.close()


def publish(publisher: Publisher, numbers: range) -> None:
    for n in numbers:
        publisher.publish(box(f"k{n}", project="p", left=n))


@pytest.mark.parametrize(
    ("url", "words", "remedy"),
    [
        (f"amqp://guest:wrong@127.0.0.1:{PORT}//", "ACCESS_REFUSED", "check the user, its password and its rights"),
        (f"amqp://guest:guest@127.0.0.1:{PORT}/nowhere", "vhost nowhere not found", "check the virtual host"),
        (f"amqps://guest:guest@127.0.0.1:{PORT}//", "SSL", "check that the server speaks TLS at this port"),
    ],
)
def test_a_rabbitmq_that_refuses_for_good_ends_a_worker_and_is_named_by_doctor(
    broker: str, url: str, words: str, remedy: str, redis_url: str, prefix: str, tmp_path: Path
) -> None:
    told = {"PRELABEL_REDIS_URL": redis_url, "PRELABEL_BROKER_URL": url, "PRELABEL_KEY_PREFIX": prefix}
    told["PRELABEL_LABELBOX_API_KEY"] = "a-key"

    worker, doctor = (run_in(tmp_path, command, **told) for command in ("worker", "doctor"))

    assert worker.returncode == 2
    for said in (worker.stderr, doctor.stdout):
        assert words in said
        assert remedy in said
        assert "Traceback" not in said
