"""The publisher: it returns at once, sends everything, and reports the rows that it still has."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from prelabel import (
    BufferFull,
    GlobalKey,
    MessageError,
    Point,
    PredictionMessage,
    Publisher,
    PublisherClosed,
    RedisUnavailable,
)
from prelabel.wire.frame import read_header
from prelabel.wire.lanes import DEFAULT_LANES
from prelabel_worker.stack import redis_server
from tests.support.publishing import message, published, waiting
from tests.support.redis_server import start_redis


def test_redis_has_a_message_when_flush_returns(redis_url: str, client: "redis.Redis", prefix: str) -> None:
    with Publisher(redis_url, key_prefix=prefix, linger_seconds=3600) as publisher:
        message_id = publisher.publish(
            PredictionMessage(project_id="p", data_row=GlobalKey("a"), annotations=[Point("b", x=1, y=2)])
        )
        assert published(client, prefix) == 0
        publisher.flush(10)
        assert published(client, prefix) == 1

    (raw,) = waiting(client, prefix)
    assert message_id.encode() in raw


def test_rows_go_by_themselves_after_the_linger_time(
    redis_url: str, client: "redis.Redis", prefix: str, wait_for: Callable[..., None]
) -> None:
    with Publisher(redis_url, key_prefix=prefix, linger_seconds=0.01) as publisher:
        publisher.publish(message("a"))

        wait_for(lambda: published(client, prefix) == 1, "the row to arrive without a flush")


def test_a_full_send_does_not_wait_for_the_linger_time(
    redis_url: str, client: "redis.Redis", prefix: str, wait_for: Callable[..., None]
) -> None:
    with Publisher(redis_url, key_prefix=prefix, linger_seconds=3600, send_rows=50) as publisher:
        for n in range(50):
            publisher.publish(message(f"k{n}"))

        wait_for(lambda: published(client, prefix) == 50, "a full send to arrive")


def test_leaving_the_block_hands_everything_over(redis_url: str, client: "redis.Redis", prefix: str) -> None:
    with Publisher(redis_url, key_prefix=prefix, linger_seconds=3600) as publisher:
        for n in range(1000):
            publisher.publish(message(f"k{n}", f"p{n % 3}"))

    assert [published(client, prefix, f"p{n}") for n in range(3)] == [334, 333, 333]


def test_one_send_is_one_round_trip_whatever_the_number_of_lanes(
    redis_url: str, client: "redis.Redis", prefix: str
) -> None:
    with Publisher(redis_url, key_prefix=prefix, linger_seconds=3600) as publisher:
        publisher.publish(message("first"))
        publisher.flush()
        before = client.info("commandstats")["cmdstat_evalsha"]["calls"]
        for n in range(200):  # too many to share a frame
            publisher.publish(message(f"k{n}"))
        publisher.flush()

    assert client.info("commandstats")["cmdstat_evalsha"]["calls"] == before + 1
    assert len(client.hkeys(f"{prefix}:{{p}}:frames")) == 1 + DEFAULT_LANES


def test_rows_of_a_data_row_keep_their_order_from_many_threads(
    redis_url: str, client: "redis.Redis", prefix: str
) -> None:
    with Publisher(redis_url, key_prefix=prefix, linger_seconds=0.001) as publisher:

        def publish(thread: int) -> None:
            for n in range(200):
                publisher.publish(message(f"t{thread}") | {"messageId": f"{thread}-{n:04d}"})

        threads = [threading.Thread(target=publish, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    found: dict[bytes, list[bytes]] = {}
    for raw in waiting(client, prefix):
        name = raw.split(b'"messageId":"')[1].split(b'"')[0]
        found.setdefault(name.split(b"-")[0], []).append(name)
    assert len(found) == 8
    assert all(names == sorted(names) and len(names) == 200 for names in found.values())


def test_a_refused_message_takes_nothing_with_it(redis_url: str, client: "redis.Redis", prefix: str) -> None:
    with Publisher(redis_url, key_prefix=prefix) as publisher:
        publisher.publish(message("a"))
        with pytest.raises(MessageError, match=r"annotations\[0\]"):
            publisher.publish(message("b") | {"annotations": [{"name": "b"}]})
        publisher.publish(message("c"))

    assert published(client, prefix) == 2


def test_a_publisher_adopts_the_lanes_of_its_project(redis_url: str, client: "redis.Redis", prefix: str) -> None:
    client.hset(f"{prefix}:{{p}}:meta", mapping={"lanes": 4})

    with Publisher(redis_url, key_prefix=prefix) as publisher:
        for n in range(100):
            publisher.publish(message(f"k{n}"))

    headers = [read_header(frame) for frame in client.hvals(f"{prefix}:{{p}}:frames")]
    assert {header.lanes for header in headers} == {4}
    assert sum(header.rows for header in headers) == published(client, prefix) == 100


def test_a_project_that_is_always_full_does_not_keep_another_waiting(
    redis_url: str, client: "redis.Redis", prefix: str, wait_for: Callable[..., None]
) -> None:
    over = threading.Event()
    with Publisher(redis_url, key_prefix=prefix, send_rows=1, max_rows=1000, linger_seconds=0.01) as publisher:

        def enormous() -> None:
            while not over.is_set():
                publisher.publish(message("k", "enormous"))

        thread = threading.Thread(target=enormous)
        thread.start()
        wait_for(lambda: published(client, prefix, "enormous") > 10, "the enormous project to be busy")
        try:
            publisher.publish(message("k", "small"))
            wait_for(lambda: published(client, prefix, "small") == 1, "the small project's row", 5)
            assert publisher._core.outboxes.own["enormous"].buffer.rows > 500
        finally:
            over.set()
            thread.join()


def test_a_full_buffer_refuses_or_blocks_and_loses_nothing(prefix: str) -> None:
    nowhere = "redis://127.0.0.1:1/0"
    publisher = Publisher(nowhere, key_prefix=prefix, max_rows=10, when_full="raise")
    for n in range(10):
        publisher.publish(message(f"k{n}"))

    with pytest.raises(BufferFull, match="10 rows"):
        publisher.publish(message("one more"))
    publisher.publish(message("another project has a buffer of its own", "q"))
    with pytest.raises(RedisUnavailable, match="11 rows"):
        publisher.close(0.1)

    patient = Publisher(nowhere, key_prefix=prefix, max_rows=1, when_full="block", block_seconds=0.2)
    patient.publish(message("a"))
    started = time.monotonic()
    with pytest.raises(BufferFull):
        patient.publish(message("b"))
    assert time.monotonic() - started >= 0.2
    with pytest.raises(RedisUnavailable):
        patient.close(0.1)


def test_a_buffer_is_full_of_bytes_as_well(prefix: str) -> None:
    publisher = Publisher("redis://127.0.0.1:1/0", key_prefix=prefix, max_bytes=200, when_full="raise")
    publisher.publish(message("a"))
    publisher.publish(message("b"))

    with pytest.raises(BufferFull, match="2 rows"):
        publisher.publish(message("c"))
    with pytest.raises(RedisUnavailable):
        publisher.close(0.1)


def test_trouble_is_told_without_the_password(prefix: str) -> None:
    publisher = Publisher("redis://:s3cret@127.0.0.1:1/0", key_prefix=prefix)
    publisher.publish(message("a"))

    with pytest.raises(RedisUnavailable) as error:
        publisher.close(0.3)

    assert "s3cret" not in str(error.value)
    assert "127.0.0.1:1" in str(error.value)


def test_a_closed_publisher_takes_nothing(redis_url: str, prefix: str) -> None:
    publisher = Publisher(redis_url, key_prefix=prefix)
    publisher.close()

    with pytest.raises(PublisherClosed):
        publisher.publish(message("a"))
    publisher.close()


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[Callable[[], "subprocess.Popen[bytes]"]]:
    """Return a function that starts a Redis on one socket, as often as it is called."""
    started = []

    def start() -> "subprocess.Popen[bytes]":
        started.append(start_redis(tmp_path, "--appendonly", "yes", "--appendfsync", "always"))
        return started[-1]

    yield start
    for server in started:
        server.kill()
        server.wait()


def test_rows_published_while_redis_is_unreachable_arrive_when_it_is_back(
    own_redis: Callable[[], "subprocess.Popen[bytes]"], tmp_path: Path
) -> None:
    server = own_redis()
    with Publisher(f"unix://{tmp_path}/redis.sock", linger_seconds=0.01) as publisher:
        for n in range(100):
            publisher.publish(message(f"k{n}"))
        publisher.flush(10)
        server.kill()
        server.wait()
        for n in range(100, 200):
            publisher.publish(message(f"k{n}"))
        with pytest.raises(RedisUnavailable, match="100 rows"):
            publisher.flush(0.5)
        own_redis()
        publisher.flush(20)

        client = redis.Redis(unix_socket_path=str(tmp_path / "redis.sock"))
        assert published(client, "prelabel") == 200
        assert len(waiting(client, "prelabel")) == 200
        client.close()


def test_an_answer_means_durable_by_a_replica_where_that_is_asked_for(
    own_redis: Callable[[], "subprocess.Popen[bytes]"],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    wait_for: Callable[..., None],
) -> None:
    monkeypatch.setattr("prelabel.wire.durability._WITHIN_MS", 200)
    own_redis()
    client = redis.Redis(unix_socket_path=str(tmp_path / "redis.sock"))
    publisher = Publisher(f"unix://{tmp_path}/redis.sock", durability="replica")
    publisher.publish(message("a"))
    with pytest.raises(RedisUnavailable, match="1 row "):
        publisher.flush(1)

    port = redis_server.free_port()
    client.config_set("port", port)
    (tmp_path / "replica").mkdir()
    replica = start_redis(tmp_path / "replica", "--replicaof", "127.0.0.1", str(port))
    try:
        publisher.flush(20)
        publisher.close()
        assert published(client, "prelabel") == 1
    finally:
        replica.kill()
        replica.wait()
        client.close()


def test_a_forked_child_has_a_buffer_and_a_connection_of_its_own(
    redis_url: str, client: "redis.Redis", prefix: str
) -> None:
    publisher = Publisher(redis_url, key_prefix=prefix, linger_seconds=3600)
    publisher.publish(message("of the parent"))

    child = os.fork()
    if child == 0:
        try:
            publisher.publish(message("of the child"))
            publisher.flush(10)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert [raw for raw in waiting(client, prefix) if b"parent" in raw] == []
    publisher.close()

    found = waiting(client, prefix)
    assert len(found) == 2
    assert sum(b"of the parent" in raw for raw in found) == 1


def test_an_interpreter_that_ends_without_close_hands_its_rows_over(
    redis_url: str, client: "redis.Redis", prefix: str
) -> None:
    code = (
        "import sys; from prelabel import Publisher\n"
        "publisher = Publisher(sys.argv[1], key_prefix=sys.argv[2], linger_seconds=3600)\n"
        "publisher.publish({'projectId': 'p', 'dataRow': {'globalKey': 'a'},"
        " 'annotations': [{'name': 'b', 'point': {'x': 1, 'y': 2}}]})\n"
    )
    subprocess.run([sys.executable, "-c", code, redis_url, prefix], check=True, timeout=30)

    assert published(client, prefix) == 1


EXITS = {
    "no log": ("", False),
    "a log on standard error": ("import logging; logging.basicConfig()", False),
    "a log in a file": ("import logging; logging.basicConfig(filename='log')", True),
    "a log that is off": ("import logging; logging.getLogger('prelabel').setLevel('CRITICAL')", False),
}
ENDS_WITHOUT_CLOSE = """
{logging}
import asyncio, prelabel
publisher = prelabel.{publisher}('redis://:s3cret@127.0.0.1:1/0', linger_seconds=3600, **{options})
for key in 'ab':
    accepted = publisher.publish(
        {{'projectId': 'p', 'dataRow': {{'globalKey': key}},
         'annotations': [{{'name': 'b', 'point': {{'x': 1, 'y': 2}}}}]}}
    )
    if prelabel.{publisher} is prelabel.AsyncPublisher:
        asyncio.run(accepted)
{then}
"""


def ended(folder: Path, logging: str = "", *, publisher: str = "Publisher", options: str = "{}", then: str = "") -> str:
    """Run a process that publishes two rows to a Redis that is down and ends; return its standard error."""
    code = ENDS_WITHOUT_CLOSE.format(logging=logging, publisher=publisher, options=options, then=then)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    return done.stderr


@pytest.mark.parametrize(("logging", "in_file"), EXITS.values(), ids=EXITS.keys())
@pytest.mark.parametrize("publisher", ["Publisher", "AsyncPublisher"])
def test_an_interpreter_that_ends_while_redis_is_down_says_once_how_many_rows_are_lost(
    tmp_path: Path, publisher: str, logging: str, in_file: bool
) -> None:
    said = ended(tmp_path, logging, publisher=publisher)

    assert said.count("2 rows are lost: the publisher ended while still waiting for Redis at ") == 1
    assert "Call close() before that, or set spool_dir" in said
    assert "Traceback" not in said
    assert "s3cret" not in said
    if in_file:
        assert (tmp_path / "log").read_text().count("ERROR:prelabel.publisher:2 rows are lost: ") == 1


def test_an_interpreter_that_ends_says_nothing_of_rows_that_are_on_the_disk(tmp_path: Path) -> None:
    assert "lost" not in ended(tmp_path, options="{'spool_dir': 'spool'}")
    assert list((tmp_path / "spool").rglob("*.frames"))


def test_rows_whose_loss_close_has_raised_are_not_reported_again_at_exit(tmp_path: Path) -> None:
    then = "try: publisher.close(0)\nexcept prelabel.RedisUnavailable: pass"

    assert "lost" not in ended(tmp_path, then=then)


def test_an_interrupted_close_says_once_how_many_rows_are_lost(tmp_path: Path) -> None:
    # A shell's background job, such as a CI's, ignores SIGINT, and its children do too.
    handler = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    then = "print('closes', flush=True); publisher.close(60)"
    code = ENDS_WITHOUT_CLOSE.format(logging=handler, publisher="Publisher", options="{}", then=then)
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "closes\n"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)

    assert said.count("2 rows are lost: the publisher ended while still waiting for Redis at ") == 1
    assert "KeyboardInterrupt" in said


INTERRUPTS_CLOSE_AT_ITS_LINE = """
import sys
from prelabel.publishing.core import PublisherCore

lines = 0

def trace(frame, event, argument):
    global lines
    if frame.f_code is not PublisherCore._stop.__code__:
        return trace
    if event == "line":
        lines += 1
        if lines == {line}:
            sys.settrace(None)
            raise KeyboardInterrupt
    return trace

sys.settrace(trace)
publisher.close(0.1)
"""


@pytest.mark.parametrize("line", [2, 5])
def test_a_close_interrupted_at_its_very_start_says_how_many_rows_are_lost(tmp_path: Path, line: int) -> None:
    said = ended(tmp_path, then=INTERRUPTS_CLOSE_AT_ITS_LINE.format(line=line))

    assert said.count("2 rows are lost: the publisher ended while still waiting for Redis at ") == 1
    assert "KeyboardInterrupt" in said
