"""`prelabel bridge redis` against a real Redis: a consumer group, crashes, DeepStream's frames."""

import json

import redis

from tests.support.bridging import Bridges, record
from tests.support.waiting import wait_for


def test_every_record_is_published_acknowledged_and_recognisable(bridges: Bridges, client: "redis.Redis") -> None:
    stream = f"{bridges.prefix}:stream"
    names = [client.xadd(stream, {"metadata": record(f"k{n}"), "X-Camera": "7"}).decode() for n in range(30)]

    log = bridges.run("redis", stream, "--once", "--metrics", "bridge.prom")

    assert {each["dataRow"]["globalKey"] for each in bridges.messages()} == {f"k{n}" for n in range(30)}
    assert {each["messageId"] for each in bridges.messages()} == {f"redis:{stream}:{name}" for name in names}
    assert client.xpending(stream, "prelabel")["pending"] == 0
    assert [each["event"] for each in log] == ["bridge.started", "bridge.ended"]
    assert log[-1]["published"] == log[-1]["messages"] == 30
    assert (bridges.folder / "bridge.prom").stat().st_mode & 0o777 == 0o644
    metrics = (bridges.folder / "bridge.prom").read_text()
    assert 'prelabel_bridge_records_total{source="redis",result="published"} 30' in metrics


def test_bad_records_are_kept_with_the_reason_and_stop_no_other(bridges: Bridges, client: "redis.Redis") -> None:
    stream = f"{bridges.prefix}:stream"
    client.xadd(stream, {"body": b"{not json"})
    client.xadd(stream, {"body": b'{"annotations": []}'})
    client.xadd(stream, {"body": '{"annotations": [{"name": "b", "bbox": {"top": 1}}]}', "X-Frame": "a"})
    client.xadd(stream, {"first": "1", "second": "2"})
    client.xadd(stream, {"body": b"[" * 5000})
    client.xadd(stream, {"body": b"\xff\xfe"})
    client.xadd(stream, {"body": record("good")})

    log = bridges.run("redis", stream, "--once", code=1)

    assert list(bridges.lefts()) == ["good"]
    bad = bridges.bad()
    assert len(bad) == 6
    assert (log[-1]["unreadable"], log[-1]["refused"], log[-1]["published"]) == (4, 2, 1)
    assert bad[0]["record"] == "{not json"
    assert "{header.x-frame} is empty" in bad[1]["problem"]
    assert bad[2]["path"] == "annotations[0].bbox.left"
    assert "found first, second" in bad[3]["problem"]
    assert "recordBase64" in bad[5]
    assert (bridges.folder / "bad-records.ndjson").stat().st_mode & 0o777 == 0o600
    assert client.xpending(stream, "prelabel")["pending"] == 0


def test_records_of_a_consumer_that_ended_are_taken_over(bridges: Bridges, client: "redis.Redis") -> None:
    stream = f"{bridges.prefix}:stream"
    client.xadd(stream, {"body": record("lost")})
    client.xgroup_create(stream, "prelabel", "0")
    client.xreadgroup("prelabel", "dead", {stream: ">"})
    (entry,) = client.xpending_range(stream, "prelabel", "-", "+", 1)
    client.xclaim(stream, "prelabel", "dead", 0, [entry["message_id"]], idle=61_000)

    bridges.run("redis", stream, "--once")

    assert list(bridges.lefts()) == ["lost"]
    assert client.xpending(stream, "prelabel")["pending"] == 0


def test_a_record_that_was_trimmed_away_is_named(bridges: Bridges, client: "redis.Redis") -> None:
    stream = f"{bridges.prefix}:stream"
    name = client.xadd(stream, {"body": record("lost")})
    client.xgroup_create(stream, "prelabel", "0")
    client.xreadgroup("prelabel", "here", {stream: ">"})
    client.xdel(stream, name)

    bridges.run("redis", stream, "--once", "--consumer", "here", code=1)

    (bad,) = bridges.bad()
    assert bad["where"] == f"{stream} {name.decode()}"
    assert "trimmed" in bad["problem"]


def deepstream(sensor: str, timestamp: str, kind: str, left: int) -> str:
    return json.dumps({
        "messageid": "m", "mdsversion": "1.0", "@timestamp": timestamp, "sensor": {"id": sensor},
        "object": {
            "id": "-1", "speed": 0, kind: {"type": "x", "confidence": 0.5},
            "bbox": {"topleftx": left, "toplefty": 1, "bottomrightx": left + 4, "bottomrighty": 6},
        },
        "event": {"id": "e", "type": "entry"}, "videoPath": "",
    })  # fmt: skip


def test_the_objects_of_a_frame_become_one_row_also_when_the_bridge_is_killed_between_them(
    bridges: Bridges, client: "redis.Redis"
) -> None:
    stream = f"{bridges.prefix}:stream"
    bridges.mapping.write_text('project = "p"\nglobal_key = "{record.sensor}/{record.timestamp}"\n')
    client.xadd(stream, {"metadata": deepstream("cam-1", "t1", "vehicle", 1)})
    client.xadd(stream, {"metadata": deepstream("cam-2", "t1", "person", 9)})
    first = bridges.start("redis", stream, "--format", "deepstream")
    wait_for(lambda: client.exists(stream) and client.xinfo_groups(stream), "the group")
    wait_for(lambda: client.xpending(stream, "prelabel")["pending"] == 2, "the records to be read")
    first.kill()
    client.xadd(stream, {"metadata": deepstream("cam-1", "t1", "person", 2)})
    client.xadd(stream, {"metadata": deepstream("cam-1", "t2", "person", 3)})

    bridges.run("redis", stream, "--format", "deepstream", "--once")

    rows = {each["dataRow"]["globalKey"]: each["annotations"] for each in bridges.messages()}
    assert [(each["name"], each["bbox"]["left"], each["confidence"]) for each in rows["cam-1/t1"]] == [
        ("vehicle", 1, 0.5),
        ("person", 2, 0.5),
    ]
    assert {key: len(found) for key, found in rows.items()} == {"cam-1/t1": 2, "cam-2/t1": 1, "cam-1/t2": 1}
    assert client.xpending(stream, "prelabel")["pending"] == 0


def test_a_killed_bridge_loses_nothing(bridges: Bridges, client: "redis.Redis") -> None:
    stream = f"{bridges.prefix}:stream"

    def write(number: int) -> None:
        client.xadd(stream, {"body": record(f"k{number}", left=number)})

    bridges.survive(["redis", stream], write, rows=400, seed=1, kills=2)

    assert bridges.lefts() == {f"k{n}": n for n in range(400)}
    assert bridges.bad() == []


def test_sigterm_ends_a_bridge_cleanly(bridges: Bridges, client: "redis.Redis") -> None:
    stream = f"{bridges.prefix}:stream"
    client.xadd(stream, {"body": record("a")})
    process = bridges.start("redis", stream)
    wait_for(bridges.messages, "the row")

    process.process.terminate()

    assert process.end() == 0
    assert '"event": "bridge.ended"' in process.text
    assert client.xpending(stream, "prelabel")["pending"] == 0
