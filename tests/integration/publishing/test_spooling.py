"""A publisher with a spool: with Redis down, slow or full, crashes and forks, each row counts once, in order."""

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from prelabel import BufferFull, Publisher, RedisUnavailable
from prelabel.spool.files import ProjectSpool
from prelabel.spool.slots import project_folders, slot_folders, take_slot
from prelabel.wire.frame import read_header
from tests.support.frames import encode_frame
from tests.support.publishing import message, published, waiting
from tests.support.redis_server import start_redis
from tests.support.waiting import wait_for


class OwnRedis:
    """A Redis that can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"unix://{folder}/redis.sock"
        self._server: subprocess.Popen[bytes] | None = None
        self.client = redis.Redis(unix_socket_path=str(folder / "redis.sock"))

    def start(self) -> None:
        self._server = start_redis(self.folder, "--appendonly", "yes", "--appendfsync", "always")

    def kill(self) -> None:
        if self._server is not None:
            self._server.kill()
            self._server.wait()
            self._server = None

    def signal(self, number: int) -> None:
        assert self._server is not None
        self._server.send_signal(number)


@pytest.fixture
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnRedis]:
    server = OwnRedis(tmp_path_factory.mktemp("own"))
    yield server
    server.kill()
    server.client.close()


def numbered(n: int, keys: int = 20, project: str = "p") -> dict[str, object]:
    """The n-th message of a project; its data row comes again every `keys` messages."""
    return message(f"k{n % keys}", project) | {"messageId": f"{n:06d}"}


def numbers_by_data_row(client: "redis.Redis", prefix: str = "prelabel", project: str = "p") -> dict[str, list[int]]:
    """Return the numbers of the messages in the inbox, by data row, in order of arrival."""
    found: dict[str, list[int]] = {}
    for raw in waiting(client, prefix, project):
        body = json.loads(raw)
        found.setdefault(body["dataRow"]["globalKey"], []).append(int(body["messageId"]))
    return found


def assert_each_once_in_order(own: OwnRedis, count: int, keys: int = 20, project: str = "p") -> None:
    found = numbers_by_data_row(own.client, project=project)
    assert sorted(n for each in found.values() for n in each) == list(range(count))
    assert all(each == sorted(each) for each in found.values())
    assert published(own.client, "prelabel", project) == count


def test_rows_published_while_redis_is_unreachable_are_counted_once_in_order(own: OwnRedis, tmp_path: Path) -> None:
    own.start()
    with Publisher(own.url, spool_dir=tmp_path, linger_seconds=0.001, frame_rows=7) as publisher:
        for n in range(100):
            publisher.publish(numbered(n))
        publisher.flush(10)
        assert publisher.spooled_rows == 0
        own.kill()
        for n in range(100, 2000):
            publisher.publish(numbered(n))
        wait_for(lambda: publisher.spooled_rows == 1900, "all rows to be on the disk")
        with pytest.raises(RedisUnavailable, match="1,900 rows"):
            publisher.flush(0.3)
        own.start()
        for n in range(2000, 2500):  # join the end of the spool, or go directly once it is empty
            publisher.publish(numbered(n))
        publisher.flush(30)
        assert publisher.spooled_rows == 0
        for n in range(2500, 2600):
            publisher.publish(numbered(n))

    assert_each_once_in_order(own, 2600)


def test_a_send_whose_answer_was_lost_is_counted_once(own: OwnRedis, tmp_path: Path) -> None:
    """A stopped Redis takes the frames out of its socket when it continues, long after the publisher gave up."""
    own.start()
    with Publisher(own.url, spool_dir=tmp_path, linger_seconds=0.001) as publisher:
        publisher.publish(numbered(0))
        publisher.flush(10)
        own.signal(signal.SIGSTOP)
        for n in range(1, 300):
            publisher.publish(numbered(n))
        wait_for(lambda: publisher.spooled_rows == 299, "all rows to be on the disk")
        own.signal(signal.SIGCONT)
        publisher.flush(30)

    assert_each_once_in_order(own, 300)


def test_rows_that_come_faster_than_redis_takes_them_go_to_the_disk(own: OwnRedis, tmp_path: Path) -> None:
    """Redis answers, but each send takes most of a second; publish() neither waits nor refuses."""
    own.start()
    way = NarrowWay(own.folder / "redis.sock", tmp_path / "way.sock", 20_000)
    options: dict[str, Any] = {"max_rows": 200, "when_full": "raise", "send_rows": 20, "linger_seconds": 0.001}
    publisher = Publisher(f"unix://{tmp_path}/way.sock", spool_dir=tmp_path / "spool", **options)
    for n in range(1000):
        publisher.publish(numbered(n) | {"traceparent": os.urandom(250).hex()})
        # As fast as the disk takes them, which is faster than Redis does on any machine.
        wait_for(lambda: publisher._core.outboxes.rows_in_memory() < 190, "the disk to take rows")
    assert publisher.spooled_rows > 0
    publisher.close(0.1)
    way.close()
    with Publisher(own.url, spool_dir=tmp_path / "spool"):
        pass

    assert_each_once_in_order(own, 1000)


def test_rows_that_the_disk_does_not_take_stay_in_memory_in_order(
    own: OwnRedis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    append = ProjectSpool.append
    failures = iter([OSError(28, "No space left on device"), ValueError("unforeseen")])

    def now_and_then(self: ProjectSpool, frames: list[bytes]) -> None:
        for failure in failures:
            raise failure
        append(self, frames)

    monkeypatch.setattr(ProjectSpool, "append", now_and_then)
    monkeypatch.setattr("prelabel.publishing.outbox._WRITE_AGAIN_SECONDS", 0.05)
    with Publisher(own.url, spool_dir=tmp_path, linger_seconds=0.001) as publisher:
        for n in range(200):
            publisher.publish(numbered(n))
        wait_for(lambda: publisher.spooled_rows == 200, "the rows to be on the disk after all")
        own.start()
        publisher.flush(10)

    assert "No space left" in caplog.text
    assert_each_once_in_order(own, 200)


def test_a_full_spool_holds_up_its_own_project_only(own: OwnRedis, tmp_path: Path) -> None:
    own.start()
    options: dict[str, Any] = {
        "spool_bytes": 100_000,
        "frame_bytes": 100_000,
        "max_rows": 500,
        "when_full": "raise",
        "send_rows": 100,
    }
    publisher = Publisher(own.url, spool_dir=tmp_path, linger_seconds=0.001, **options)
    own.kill()
    taken = 0

    def full() -> bool:
        nonlocal taken
        try:
            publisher.publish(numbered(taken, project="enormous") | {"traceparent": os.urandom(200).hex()})
        except BufferFull as error:
            return "on the disk" in str(error) and publisher.spooled_rows > 200
        taken += 1
        return False

    deadline = time.monotonic() + 30
    while not full():
        assert time.monotonic() < deadline
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.frames")) <= 100_000
    for n in range(50):
        publisher.publish(numbered(n, project="small"))
    own.start()
    publisher.close()

    assert_each_once_in_order(own, taken, project="enormous")
    assert_each_once_in_order(own, 50, project="small")


def test_a_full_inbox_holds_up_its_own_project_only(redis_url: str, client: "redis.Redis", prefix: str) -> None:
    with Publisher(
        redis_url, key_prefix=prefix, max_inbox_rows=100, max_rows=50, when_full="raise", linger_seconds=0.001
    ) as publisher:
        for n in range(100):
            publisher.publish(numbered(n, project="full"))
            publisher.flush(10)
        for n in range(100, 150):
            publisher.publish(numbered(n, project="full"))
        with pytest.raises(RedisUnavailable, match="the project's inbox is full with 100 rows; nothing was accepted"):
            publisher.flush(0.3)
        with pytest.raises(BufferFull, match="50 rows"):
            publisher.publish(numbered(150, project="full"))
        started = time.monotonic()
        for n in range(40):
            publisher.publish(numbered(n, project="free"))
            wait_for(lambda: published(client, prefix, "free") > n, "the other project's row to arrive")  # noqa: B023
        assert time.monotonic() - started < 8
        assert published(client, prefix, "full") == 100
        client.hset(f"{prefix}:{{full}}:inbox", "rows", 0)

    assert published(client, prefix, "full") == 150


def test_rows_that_a_full_inbox_refuses_go_to_the_disk_and_then_in(
    redis_url: str, client: "redis.Redis", prefix: str, tmp_path: Path
) -> None:
    with Publisher(
        redis_url, key_prefix=prefix, max_inbox_rows=100, spool_dir=tmp_path, linger_seconds=0.001
    ) as publisher:
        for n in range(100):
            publisher.publish(numbered(n))
        publisher.flush(10)
        for n in range(100, 200):
            publisher.publish(numbered(n))
        wait_for(lambda: publisher.spooled_rows == 100, "the refused rows to be on the disk")
        client.hset(f"{prefix}:{{p}}:inbox", "rows", 0)
        publisher.flush(10)

    assert published(client, prefix) == 200


class NarrowWay:
    """A proxy in front of Redis that forwards a limited number of bytes per second to it."""

    def __init__(self, target: Path, socket_path: Path, bytes_per_second: int) -> None:
        self._target, self._rate = str(target), bytes_per_second
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(socket_path))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                producer, _ = self._listener.accept()
            except OSError:
                return
            producer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._target)
            for pair in ((producer, server, self._rate), (server, producer, 10**9)):
                threading.Thread(target=self._carry, args=pair, daemon=True).start()

    @staticmethod
    def _carry(source: socket.socket, target: socket.socket, rate: int) -> None:
        with source, target, contextlib.suppress(OSError):
            while piece := source.recv(1024):
                target.sendall(piece)
                threading.Event().wait(len(piece) / rate)

    def close(self) -> None:
        self._listener.close()


def test_a_connection_too_slow_for_a_full_send_carries_smaller_ones(own: OwnRedis, tmp_path: Path) -> None:
    own.start()
    way = NarrowWay(own.folder / "redis.sock", tmp_path / "way.sock", 60_000)
    publisher = Publisher(f"unix://{tmp_path}/way.sock", spool_dir=tmp_path / "spool", frame_rows=10)
    for n in range(700):  # in one send three seconds, more than the time-out
        publisher.publish(numbered(n) | {"traceparent": os.urandom(250).hex()})
    publisher.flush(60)
    publisher.close()
    way.close()

    assert_each_once_in_order(own, 700)


PRODUCER = """
import os, sys
from prelabel import Publisher
url, folder, first, count, then = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
publisher = Publisher(url, spool_dir=folder, linger_seconds=0.01)
for n in range(first, first + count):
    publisher.publish({"projectId": "p", "messageId": f"{n:06d}", "dataRow": {"globalKey": f"k{n % 20}"},
                       "annotations": [{"name": "b", "point": {"x": 1, "y": 2}}]})
if then == "wait":
    while publisher.spooled_rows < first + count: pass
    print("ready", flush=True)
    sys.stdin.read()
if then == "sigterm":
    import signal, time
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print("ready", flush=True)
    while True: time.sleep(0.1)  # a signal that comes just before signal.pause() would not end it
"""


def produce(own: OwnRedis, folder: Path, first: int, count: int, then: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", PRODUCER, own.url, str(folder), str(first), str(count), then]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    if then != "exit":
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
    return process


def end(process: "subprocess.Popen[bytes]", number: int | None = None) -> int:
    if number is not None:
        process.send_signal(number)
    code = process.wait(30)
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
    return code


def test_a_killed_producers_rows_are_sent_when_it_runs_again(own: OwnRedis, tmp_path: Path) -> None:
    """The producer is killed while Redis is down, and so is the next one, which has sent nothing either."""
    assert end(produce(own, tmp_path, 0, 500, "wait"), signal.SIGKILL) == -signal.SIGKILL
    assert end(produce(own, tmp_path, 500, 500, "wait"), signal.SIGKILL) == -signal.SIGKILL
    own.start()
    with Publisher(own.url, spool_dir=tmp_path) as publisher:
        for n in range(1000, 1100):
            publisher.publish(numbered(n))

    assert_each_once_in_order(own, 1100)


RESTLESS = """
import sys
from prelabel import Publisher
url, folder, first = sys.argv[1], sys.argv[2], int(sys.argv[3])
publisher = Publisher(url, spool_dir=folder, linger_seconds=0.001, frame_rows=7, send_rows=60)
outboxes = publisher._core.outboxes
for n in range(first, first + 100_000):
    publisher.publish({"projectId": "p", "messageId": f"{n:06d}", "dataRow": {"globalKey": f"k{n % 20}"},
                       "annotations": [{"name": "b", "point": {"x": 1, "y": 2}}]})
    if n % 50 == 49:
        with outboxes.changed:
            outboxes.changed.wait_for(lambda: not outboxes.own["p"].buffer.rows_in_memory)
        print(n + 1, flush=True)
"""


def test_kills_at_any_instant_lose_nothing_that_was_in_safety_and_double_nothing(own: OwnRedis, tmp_path: Path) -> None:
    """Producer and Redis are killed in the middle of sends, writes, replays and steps of the cursor."""
    chance, safe, first = random.Random(11), set[int](), 0
    for _ in range(8):
        command = [sys.executable, "-c", RESTLESS, own.url, str(tmp_path), str(first)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as producer:
            assert producer.stdout is not None
            end_of_it = first
            for _ in range(chance.randrange(3, 15)):
                end_of_it = int(producer.stdout.readline())
                if chance.random() < 0.3:
                    own.kill()
                elif chance.random() < 0.4:
                    own.kill()
                    own.start()
            producer.kill()
            rest = producer.stdout.read().split()
        safe |= set(range(first, int(rest[-1]) if rest else end_of_it))
        first = max(safe) + 10_001 - max(safe) % 50
    own.kill()
    own.start()
    with Publisher(own.url, spool_dir=tmp_path) as publisher:
        publisher.flush(30)

    found = numbers_by_data_row(own.client)
    numbers = [n for each in found.values() for n in each]
    assert safe - set(numbers) == set()
    assert len(numbers) == len(set(numbers)) == published(own.client, "prelabel")
    assert all(each == sorted(each) for each in found.values())


@pytest.mark.parametrize(("then", "number"), [("exit", None), ("sigterm", signal.SIGTERM)])
def test_a_producer_that_ends_without_close_leaves_its_rows_on_the_disk(
    own: OwnRedis, tmp_path: Path, then: str, number: int | None
) -> None:
    started = time.monotonic()
    assert end(produce(own, tmp_path, 0, 300, then), number) == 0
    assert time.monotonic() - started < 20

    own.start()
    with Publisher(own.url, spool_dir=tmp_path) as publisher:
        publisher.publish(numbered(300))
    assert_each_once_in_order(own, 301)


def test_closing_without_time_to_wait_hands_everything_to_the_disk(own: OwnRedis, tmp_path: Path) -> None:
    own.start()
    publisher = Publisher(own.url, spool_dir=tmp_path, linger_seconds=0.01)
    publisher.publish(numbered(0))
    publisher.flush(10)
    own.signal(signal.SIGSTOP)
    for n in range(1, 300):
        publisher.publish(numbered(n))
    publisher.close(0)
    assert publisher.spooled_rows == 299
    own.signal(signal.SIGCONT)

    with Publisher(own.url, spool_dir=tmp_path):
        pass
    assert_each_once_in_order(own, 300)


def test_frames_that_redis_had_answered_are_counted_once_when_they_are_sent_again(
    own: OwnRedis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The crash between Redis's answer and the cursor: the next process sends the same frames under the same ids."""
    publisher = Publisher(own.url, spool_dir=tmp_path, linger_seconds=0.001)
    for n in range(200):
        publisher.publish(numbered(n))
    wait_for(lambda: publisher.spooled_rows == 200, "all rows to be on the disk")

    def crash(self: ProjectSpool, frames: list[bytes]) -> None:
        raise OSError("crashed")

    monkeypatch.setattr(ProjectSpool, "advance", crash)
    own.start()
    wait_for(lambda: published(own.client, "prelabel") == 200, "Redis to have the rows")
    publisher.close(0)
    monkeypatch.undo()
    assert ProjectSpool(project_folders(tmp_path / "0")[0], 10**9).rows == 200
    with Publisher(own.url, spool_dir=tmp_path) as after:
        after.publish(numbered(200))

    assert_each_once_in_order(own, 201)


def test_spooled_frames_are_cut_anew_for_the_lanes_of_their_project(own: OwnRedis, tmp_path: Path) -> None:
    publisher = Publisher(own.url, spool_dir=tmp_path, linger_seconds=0.001)
    for n in range(500):
        publisher.publish(numbered(n))
    publisher.close(5)
    assert publisher.spooled_rows == 500
    own.start()
    own.client.hset("prelabel:{p}:meta", mapping={"lanes": 4})

    with Publisher(own.url, spool_dir=tmp_path) as again:
        for n in range(500, 600):
            again.publish(numbered(n))

    assert {read_header(frame).lanes for frame in own.client.hvals("prelabel:{p}:frames")} == {4}
    assert_each_once_in_order(own, 600)


def test_a_crash_after_cutting_anew_sends_the_new_frames_alone(
    own: OwnRedis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis takes the new frames, and the process dies before it knows: the old ones must not come back."""
    publisher = Publisher(own.url, spool_dir=tmp_path, linger_seconds=0.001)
    for n in range(100):
        publisher.publish(numbered(n))
    publisher.close(5)
    own.start()
    own.client.hset("prelabel:{p}:meta", mapping={"lanes": 4})

    def crash(self: ProjectSpool, frames: list[bytes]) -> None:
        raise OSError("crashed")

    monkeypatch.setattr(ProjectSpool, "advance", crash)
    dying = Publisher(own.url, spool_dir=tmp_path)
    wait_for(lambda: published(own.client, "prelabel") == 100, "Redis to have the rows")
    dying.close(0)
    monkeypatch.undo()
    with Publisher(own.url, spool_dir=tmp_path):
        pass

    assert_each_once_in_order(own, 100)


def test_frames_that_are_too_old_are_not_sent_and_flush_says_so(
    own: OwnRedis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("prelabel.ids.time.time_ns", lambda: int((time.time() - 7 * 86_400) * 1e9))
        old = encode_frame([json.dumps(message("old")).encode()], lane=1, lanes=16, slow=0, form="k")
    slot = take_slot(tmp_path)
    slot.spool("p", 10**9).append([old])
    slot.release()
    own.start()

    with Publisher(own.url, spool_dir=tmp_path) as publisher:
        publisher.publish(numbered(0))
        with pytest.raises(RedisUnavailable, match="1 row set aside"):
            publisher.flush(10)
        publisher.flush(10)

    assert_each_once_in_order(own, 1)
    (folder,) = project_folders(tmp_path / "0")
    assert ProjectSpool(folder / "expired", 10**9).rows == 1


def test_what_another_process_left_is_sent_by_one_that_runs(
    own: OwnRedis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prelabel.publishing.spooler._FIRST_LOOK_SECONDS", 0.1)
    monkeypatch.setattr("prelabel.publishing.spooler._LOOK_SECONDS", 0.1)
    first, second = take_slot(tmp_path), take_slot(tmp_path)
    for n, slot in enumerate((first, second)):
        body = json.dumps(message(f"of slot {n}")).encode()
        slot.spool("p", 10**9).append([encode_frame([body], lane=1, lanes=16, slow=0, form="k")])
    own.start()

    with Publisher(own.url, spool_dir=tmp_path) as publisher:  # owns slot 2
        assert publisher.spooled_rows == 0
        second.release()
        wait_for(lambda: published(own.client, "prelabel") == 1, "the leftover to be sent")
        first.release()
        wait_for(lambda: published(own.client, "prelabel") == 2, "the other leftover to be sent")


def test_a_parent_and_its_forked_child_both_publish_each_row_once(own: OwnRedis, tmp_path: Path) -> None:
    """As a server that loads the application before it forks its workers; Redis is away meanwhile."""
    publisher = Publisher(own.url, spool_dir=tmp_path, linger_seconds=0.01)
    for n in range(100):
        publisher.publish(message(f"before-{n}"))
    children = []
    for worker in range(2):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                for n in range(100):
                    publisher.publish(message(f"{worker}-{n}"))
                publisher.close(5)
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    for n in range(100):
        publisher.publish(message(f"after-{n}"))
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
    publisher.close(5)
    # A child that begins when another has ended continues in its slot.
    assert {len(project_folders(slot)) for slot in slot_folders(tmp_path)} == {1}

    own.start()
    replay_all(own, tmp_path)

    found = [json.loads(raw)["messageId"] for raw in waiting(own.client, "prelabel")]
    assert len(found) == len(set(found)) == 400


def replay_all(own: OwnRedis, folder: Path) -> None:
    """Send the frames of dead producers, with three publishers at the same time: one for each spool."""
    publishers = [Publisher(own.url, spool_dir=folder) for _ in range(3)]
    for publisher in publishers:
        publisher.close()


def test_random_outages_lose_and_double_nothing(own: OwnRedis, tmp_path: Path) -> None:
    """Redis stops, continues, dies and comes back at random moments, the publisher is closed and opened again."""
    chance, count = random.Random(20), 0
    own.start()
    for _ in range(6):
        with Publisher(
            own.url, spool_dir=tmp_path, linger_seconds=0.001, frame_rows=11, send_rows=100, max_rows=10_000
        ) as publisher:
            for _ in range(3):
                if chance.random() < 0.5:
                    own.kill()
                for _ in range(chance.randrange(400)):
                    publisher.publish(numbered(count))
                    count += 1
                if chance.random() < 0.5:
                    own.kill()
                    own.start()
    own.kill()
    own.start()
    with Publisher(own.url, spool_dir=tmp_path):
        pass

    assert_each_once_in_order(own, count)
