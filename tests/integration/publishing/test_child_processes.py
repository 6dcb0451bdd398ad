"""Publishers in child processes: they survive fork, spawn and pickling, and lose nothing when the child ends."""

import asyncio
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import redis

from prelabel import AsyncPublisher, PredictionMapping, Publisher, PublisherClosed
from prelabel.wire.keys import ProjectKeys
from tests.support.sources import ROOT

METHODS = ("fork", "spawn", "forkserver")
BOX = {"name": "car", "bbox": {"left": 1, "top": 1, "width": 2, "height": 2}}


def message(key: str) -> dict[str, Any]:
    return {"projectId": "p", "dataRow": {"globalKey": key}, "annotations": [BOX]}


def run(method: str, url: str, prefix: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "tests.support.child_programs", method, url, prefix],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_children_that_end_without_close_lose_nothing(
    method: str, redis_url: str, prefix: str, client: "redis.Redis"
) -> None:
    done = run(method, redis_url, prefix)

    assert (done.returncode, done.stdout, done.stderr) == (0, "0 -15\n", "")
    assert client.hget(ProjectKeys(prefix, "p").counts, "published") == b"12"


def test_children_that_end_while_redis_is_away_say_how_many_rows_are_lost(tmp_path: Path) -> None:
    done = run("fork", f"unix://{tmp_path}/nowhere.sock", "prelabel")

    assert done.stdout == "0 -15\n"
    lost = [int(line.split(" ")[0]) for line in done.stderr.splitlines() if " lost: " in line]
    assert {3, 4} <= set(lost)
    assert sum(lost) == 12, done.stderr


def test_a_pickled_publisher_has_the_options_and_none_of_the_rows(
    redis_url: str, prefix: str, client: "redis.Redis", tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    publisher = Publisher(redis_url, key_prefix=prefix, spool_dir="spool", max_rows=7, linger_seconds=3600)
    publisher.publish(message("a"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    copy = pickle.loads(pickle.dumps(publisher))

    assert copy._core.settings.max_rows == 7
    copy.publish(message("b"))
    copy.close()
    assert client.hget(ProjectKeys(prefix, "p").counts, "published") == b"1"
    publisher.close()
    assert client.hget(ProjectKeys(prefix, "p").counts, "published") == b"2"
    assert sorted(os.listdir(tmp_path / "spool")) == ["0", "1"]


def test_a_pickled_publisher_maps_as_the_first_did_and_a_closed_one_stays_closed(redis_url: str, prefix: str) -> None:
    with Publisher(redis_url, key_prefix=prefix, mapping=PredictionMapping(project="p")) as publisher:
        copy = pickle.loads(pickle.dumps(publisher))
        copy.publish({"dataRow": {"globalKey": "a"}, "annotations": [BOX]})
        copy.close()

    with pytest.raises(PublisherClosed):
        pickle.loads(pickle.dumps(publisher)).publish(message("a"))


def test_a_pickled_publisher_of_asyncio_starts_anew(redis_url: str, prefix: str) -> None:
    async def publish() -> None:
        async with AsyncPublisher(redis_url, key_prefix=prefix, max_rows=1) as publisher:
            await publisher.publish(message("a"))
            await publisher.publish(message("b"))
            async with pickle.loads(pickle.dumps(publisher)) as copy:
                await copy.publish(message("c"))

    asyncio.run(publish())
