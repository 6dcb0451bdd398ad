"""A bridge that dies between any two of its steps: what it had not finished comes again, and nothing is missing."""

import threading
from pathlib import Path
from typing import Any

import pytest
import redis

from prelabel import Publisher, read_mapping
from prelabel.bridges.bad_records import BadRecords
from prelabel.bridges.bridge import Bridge
from prelabel.bridges.counts import Counts, Health
from prelabel.bridges.feed import Feed
from prelabel.bridges.folder import Folder
from prelabel.bridges.redis_streams import RedisStream
from prelabel.bridges.rows import SingleRows
from tests.support.bridging import Bridges, record
from tests.support.mortal import Killed

ROWS = 8
STEPS = ("publish", "flush", "sync", "acknowledge")


class Mortal:
    """Stands before an object whose method `name` kills the process, before or after it has done its work."""

    def __init__(self, inner: Any, name: str, calls: int, *, after: bool) -> None:
        self._inner, self._name, self._calls, self._after = inner, name, calls, after

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        if name != self._name:
            return method

        def call(*args: Any) -> Any:
            self._calls -= 1
            if self._calls == 0 and not self._after:
                raise Killed
            result = method(*args)
            if self._calls == 0:
                raise Killed
            return result

        return call


def feed_of(kind: str, bridges: Bridges) -> Feed:
    if kind == "folder":
        return Folder(bridges.folder / "watched", bridges.folder / "state.json", patient=False)
    return RedisStream(bridges.client, "Redis", f"{bridges.prefix}:stream", "prelabel", "me")


def fill(kind: str, bridges: Bridges) -> None:
    lines = [record(f"k{number}") if number != 3 else b"{broken" for number in range(ROWS)]
    if kind == "folder":
        (bridges.folder / "watched").mkdir()
        (bridges.folder / "watched" / "a.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    for line in lines:
        bridges.client.xadd(f"{bridges.prefix}:stream", {"body": line})


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("kind", ["redis", "folder"])
def test_nothing_is_missing_after_a_crash_at_any_step(
    kind: str, step: str, after: bool, bridges: Bridges, redis_url: str, client: "redis.Redis"
) -> None:
    fill(kind, bridges)
    mapping = read_mapping(bridges.mapping)
    for mortal in (True, False):
        publisher = Publisher(redis_url, key_prefix=bridges.prefix, linger_seconds=3600)
        feed: Any = feed_of(kind, bridges)
        bad: Any = BadRecords(Path(bridges.folder / "bad-records.ndjson"), 10**6)
        parts = {"publish": publisher, "flush": publisher, "sync": bad, "acknowledge": feed}
        dying: dict[int, Any] = {id(part): part for part in parts.values()}
        if mortal:
            dying[id(parts[step])] = Mortal(parts[step], step, 4 if step == "publish" else 1, after=after)
        bridge = Bridge(
            kind, dying[id(feed)], SingleRows(), mapping, dying[id(publisher)], dying[id(bad)], Counts(), Health(),
            threading.Event(), once=True,
        )  # fmt: skip
        try:
            bridge.run()
        except Killed:
            publisher._core.outboxes.own.clear()  # the rows in memory die with the process
        publisher.close(5)
        bad.close()
        if kind == "folder":
            feed.close()

    keys = [each["dataRow"]["globalKey"] for each in bridges.messages()]
    assert set(keys) == {f"k{number}" for number in range(ROWS) if number != 3}
    assert {each["record"].strip() for each in bridges.bad()} == {"{broken"}
