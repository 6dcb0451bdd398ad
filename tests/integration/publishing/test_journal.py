"""A publisher with a journal: whatever ends its process, each row that it had accepted counts once, in order."""

import json
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from prelabel import Publisher
from prelabel.spool.slots import is_owned
from tests.support.journal_program import numbered
from tests.support.publishing import published, waiting
from tests.support.sources import ROOT
from tests.support.waiting import wait_for

Program = Callable[..., "subprocess.Popen[str]"]
AWAY = "unix:///nowhere/redis.sock"


@pytest.fixture
def program(redis_url: str, prefix: str, tmp_path: Path) -> Program:
    """Return a function that starts the program that publishes with a journal."""

    def start(first: int, count: int, end: str, url: str = redis_url) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "tests.support.journal_program", url, prefix, str(tmp_path / "spool")]
        return subprocess.Popen(
            [*command, str(first), str(count), end],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    return start


def accepted(process: "subprocess.Popen[str]", code: int) -> list[int]:
    """Return the numbers of the rows that a process had accepted when it ended, with this exit code."""
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        out, err = process.stdout.read(), process.stderr.read()
    assert process.returncode == code, err
    return [int(line) for line in out.split() if line != "ready"]


def counted(client: "redis.Redis", prefix: str) -> list[int]:
    """Return the numbers of all rows that Redis counted; checks the order of each data row."""
    by_data_row: dict[str, list[int]] = {}
    for raw in waiting(client, prefix):
        body = json.loads(raw)
        by_data_row.setdefault(body["dataRow"]["globalKey"], []).append(int(body["messageId"]))
    assert all(numbers == sorted(numbers) for numbers in by_data_row.values())
    rows = sorted(number for numbers in by_data_row.values() for number in numbers)
    assert published(client, prefix) == len(rows)
    return rows


def send_the_rest(url: str, prefix: str, tmp_path: Path) -> None:
    with Publisher(url, key_prefix=prefix, spool_dir=tmp_path / "spool"):
        pass
    assert list((tmp_path / "spool").glob("*/journal/*")) == []


@pytest.mark.parametrize("end", ["exit", "fork", "asyncio"])
def test_rows_in_memory_outlive_a_process_that_ends_itself(
    program: Program, end: str, redis_url: str, client: "redis.Redis", prefix: str, tmp_path: Path
) -> None:
    rows = accepted(program(0, 500, end), 9)
    assert rows == list(range(500))
    assert client.exists(f"{prefix}:{{p}}:counts") == 0

    with Publisher(redis_url, key_prefix=prefix, spool_dir=tmp_path / "spool") as publisher:
        if end == "fork":  # the parent's slot and the child's
            wait_for(lambda: published(client, prefix) == 500, "the other slot to be adopted")
        publisher.publish(numbered(500))

    assert counted(client, prefix) == list(range(501))
    assert list((tmp_path / "spool").glob("*/journal/*")) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV])
def test_rows_in_memory_outlive_a_process_that_a_signal_ends(
    program: Program, number: int, redis_url: str, client: "redis.Redis", prefix: str, tmp_path: Path
) -> None:
    process = program(0, 300, "waits")
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(301)]
    assert lines[-1] == "ready\n"
    process.send_signal(number)
    accepted(process, -number)

    send_the_rest(redis_url, prefix, tmp_path)

    assert counted(client, prefix) == list(range(300))


@pytest.mark.parametrize("redis_is_there", [True, False])
def test_rows_outlive_kills_at_any_moment_while_they_are_sent_or_spooled(
    program: Program, redis_is_there: bool, redis_url: str, client: "redis.Redis", prefix: str, tmp_path: Path
) -> None:
    chance = random.Random(redis_is_there)
    client.hset(f"{prefix}:{{p}}:meta", "lanes", 3)  # so rows are cut twice
    rows: list[int] = []
    for _ in range(6):
        first = rows[-1] + 2 if rows else 0  # the row after the last may have been accepted too
        process = program(first, 10**6, "sends", redis_url if redis_is_there else AWAY)
        assert process.stdout is not None
        for _ in range(chance.randrange(1, 3000)):
            rows.append(int(process.stdout.readline()))
        process.kill()
        rows += accepted(process, -signal.SIGKILL)

    send_the_rest(redis_url, prefix, tmp_path)

    found = counted(client, prefix)
    assert len(found) == len(set(found))
    assert set(rows) <= set(found)
    assert len(set(found) - set(rows)) <= 6  # those that a process accepted and had no time to say so


def test_a_process_that_is_killed_while_it_recovers_a_journal_leaves_it_to_the_next(program: Program) -> None:
    """Processes are killed at their first, second, third … operation on a file, until one comes through."""
    rows = accepted(program(0, 100, "exit"), 9)

    process = program(0, 0, "recovers")

    assert process.stdout is not None
    outcomes = process.stdout.readlines()
    assert accepted(process, 0) == []
    assert len(outcomes) > 8
    for outcome in outcomes:
        assert sorted(map(int, outcome.split())) == rows


def test_rows_that_neither_redis_nor_the_spool_takes_stay_in_the_journal_when_the_publisher_is_closed(
    redis_url: str, client: "redis.Redis", prefix: str, tmp_path: Path
) -> None:
    publisher = Publisher(
        AWAY, key_prefix=prefix, spool_dir=tmp_path / "spool", journal=True,
        spool_bytes=10_000, frame_bytes=10_000, send_rows=100, linger_seconds=0.001,
    )  # fmt: skip
    for n in range(5000):
        publisher.publish(numbered(n))
    publisher.close(0.5)  # raises nothing, since nothing is lost
    assert 0 < publisher.spooled_rows < 5000

    send_the_rest(redis_url, prefix, tmp_path)

    assert counted(client, prefix) == list(range(5000))


def test_a_disk_without_room_stops_the_journal_and_no_row(
    program: Program, redis_url: str, client: "redis.Redis", prefix: str, tmp_path: Path
) -> None:
    process = program(0, 100, "no room")
    assert process.stdout is not None
    while process.stdout.readline() != "ready\n":
        pass
    process.kill()
    assert process.stderr is not None
    err = process.stderr.read()
    accepted(process, -signal.SIGKILL)

    assert err.count("cannot be written: [Errno 28] No space left on device") == 1
    assert "can be written again" in err
    send_the_rest(redis_url, prefix, tmp_path)
    rows = counted(client, prefix)
    assert len(rows) > 100
    assert rows == list(range(len(rows)))


def test_a_running_publisher_adopts_the_journal_of_a_dead_one(
    program: Program, redis_url: str, client: "redis.Redis", prefix: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    monkeypatch.setattr("prelabel.publishing.spooler._FIRST_LOOK_SECONDS", 0.1)
    monkeypatch.setattr("prelabel.publishing.spooler._LOOK_SECONDS", 0.1)
    with Publisher(redis_url, key_prefix=prefix, spool_dir=tmp_path / "spool"):
        accepted(program(0, 50, "exit"), 9)
        wait_for(lambda: published(client, prefix) == 50, "the rows of the dead publisher to be sent")
        wait_for(lambda: not is_owned(tmp_path / "spool/1"), "the slot to be released")

    assert counted(client, prefix) == list(range(50))
    assert "50 rows of a publisher that ended without close() will be sent now" in caplog.text


def test_a_journal_is_private_and_gone_when_its_publisher_is_closed(
    redis_url: str, prefix: str, tmp_path: Path
) -> None:
    with Publisher(redis_url, key_prefix=prefix, spool_dir=tmp_path, journal=True, linger_seconds=3600) as publisher:
        publisher.publish(numbered(0))
        (path,) = (tmp_path / "0" / "journal").iterdir()
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700

    assert not path.exists()
