"""Putting frames into the inbox: each once, all or none of a send, with the project's lanes."""

import shutil
from pathlib import Path

import pytest
import redis

from prelabel import Publisher
from prelabel.errors import InboxFull, PrelabelError
from prelabel.publishing.inbox import Inbox, LanesDiffer, ProjectFrames
from prelabel.wire import keys
from prelabel.wire.durability import NotDurable
from prelabel.wire.frame import read_header
from prelabel_worker.settings import load_settings
from tests.support.project import Project, message
from tests.support.redis_server import start_redis

BOX = {"name": "car", "bbox": {"left": 1, "top": 1, "width": 2, "height": 2}}


def test_frames_wait_in_the_lane_that_their_header_names(project: Project) -> None:
    (frame,) = project.frames(message("a"), message("a"))
    project.inbox.put("p", [frame])
    header = read_header(frame)

    (entry,) = project.client.lrange(f"{project.root}:lane:{header.segments[0].lane}", 0, -1)

    kind, name, version, rows, size, slow, seq, _ = entry.decode().split(" ")
    assert (kind, name, version, rows, size, slow, seq) == ("f", header.id, "1", "2", str(header.bytes), "0", "1")
    assert project.client.hget(f"{project.root}:frames", header.id) == frame
    assert project.status().published == 2


def test_a_frame_sent_twice_counts_once_while_it_waits_and_after_it_is_settled(project: Project) -> None:
    frames = project.frames(message("a"), message("b"))
    assert project.inbox.put("p", frames) == 2
    assert project.inbox.put("p", frames) == 0
    project.import_all(project.cut())
    assert project.inbox.put("p", frames) == 0

    status = project.status()

    assert (status.published, status.imported, status.pending) == (2, 2, 0)


def test_a_send_with_another_lane_count_is_refused_whole_and_names_the_right_one(project: Project) -> None:
    project.publish(message("a"))

    with pytest.raises(LanesDiffer) as refusal:
        project.inbox.put("p", project.frames(message("b"), message("c"), lanes=4))

    assert refusal.value.lanes == 16
    assert project.status().published == 1


def test_a_full_inbox_takes_nothing_of_a_send(project: Project) -> None:
    inbox = Inbox(project.client, project.settings.key_prefix, max_rows=3)
    inbox.put("p", project.frames(message("a"), message("b")))

    with pytest.raises(InboxFull):
        inbox.put("p", project.frames(message("c"), message("d")))

    assert project.status().published == 2


def test_in_one_round_trip_the_refusal_of_one_project_stops_no_other(project: Project) -> None:
    prefix = project.settings.key_prefix
    inbox = Inbox(project.client, prefix, max_rows=1)
    (frame,), two = project.frames(message("a")), project.frames(message("a"), message("b"))
    sends = [
        ProjectFrames("full", two),
        ProjectFrames("newer", [b"\x09" + frame[1:]]),
        ProjectFrames("broken", [frame]),
        ProjectFrames("good", [frame]),
    ]
    project.client.hset(keys.ProjectKeys(prefix, "broken").meta, "lanes", "many")
    project.client.script_flush()

    full, newer, broken, good = inbox.put_all(sends)

    assert (type(full), type(newer), type(broken)) == (InboxFull, PrelabelError, redis.ResponseError)
    assert good == 1
    assert project.client.hget(keys.ProjectKeys(prefix, "good").counts, "published") == b"1"
    assert inbox.put_all(sends[3:]) == [0]


def test_no_project_of_a_round_trip_counts_as_sent_while_its_writes_are_not_durable(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prelabel.wire.durability._WITHIN_MS", 50)
    prefix, (frame,) = project.settings.key_prefix, project.frames(message("a"))
    inbox = Inbox(project.client, prefix, durability="replica")  # and there is none
    project.client.hset(keys.ProjectKeys(prefix, "broken").meta, "lanes", "many")

    with pytest.raises(redis.ResponseError, match="KEYS-DIFFER"):
        inbox.put_all([ProjectFrames("broken", [frame]), ProjectFrames("good", [frame])])
    with pytest.raises(NotDurable):
        inbox.put_all([ProjectFrames("good", [frame])])


def test_a_publisher_sends_hundreds_of_projects_in_a_few_round_trips(project: Project) -> None:
    url, prefix = project.settings.redis_url.get_secret_value(), project.settings.key_prefix

    def round_trips() -> int:
        stats = project.client.info("commandstats")
        return int(stats.get("cmdstat_zadd", {"calls": 0})["calls"])  # one names the projects of a send

    with Publisher(url, key_prefix=prefix, linger_seconds=60) as publisher:
        for at in range(300):
            publisher.publish({"projectId": f"p{at}", "dataRow": {"globalKey": "a"}, "annotations": [BOX]})
        before = round_trips()
        publisher.flush(60)

    timers = 300  # each project's script sets its own
    assert round_trips() - before - timers <= 5
    assert project.client.zcard(keys.projects(prefix)) == 300


def test_a_frame_of_an_unknown_version_is_refused(project: Project) -> None:
    (frame,) = project.frames(message("a"))

    with pytest.raises(PrelabelError, match="version 9"):
        project.inbox.put("p", [b"\x09" + frame[1:]])

    assert project.client.hget(f"{project.root}:counts", "published") is None


def test_arrival_numbers_follow_the_order_of_arrival(project: Project) -> None:
    project.publish(message("a"), message("a"))
    project.publish(message("a"))
    chunk = project.take(project.cut())

    assert [row.seq for row in project.rows(chunk)] == [1, 2, 3]


def test_a_published_project_is_looked_at_at_once(project: Project) -> None:
    project.publish(message("a"))

    assert project.client.zscore(keys.projects(project.settings.key_prefix), "p") == 0


def test_publishing_stops_above_the_watermark_of_redis_memory(project: Project) -> None:
    used = int(project.client.info("memory")["used_memory"])
    project.client.config_set("maxmemory", used)
    try:
        inbox = Inbox(project.client, project.settings.key_prefix)
        with pytest.raises((InboxFull, redis.exceptions.OutOfMemoryError)):
            inbox.put("p", project.frames(message("a")))
        with pytest.raises(InboxFull):
            inbox.put("p", project.frames(message("b")))
    finally:
        project.client.config_set("maxmemory", 0)


def test_where_the_server_can_wait_for_its_disk_an_answer_waits_for_it(tmp_path: Path) -> None:
    program = shutil.which("valkey-server")
    if program is None:
        pytest.skip("no valkey-server was found on the PATH")
    server = start_redis(tmp_path, "--save", "", "--appendonly", "yes", "--appendfsync", "everysec", program=program)
    client = redis.Redis(unix_socket_path=str(tmp_path / "redis.sock"))
    waiting = Project(client, load_settings(durability="waitaof", linger_seconds=0))
    waiting.inbox = Inbox(client, waiting.settings.key_prefix, durability="waitaof")
    try:
        waiting.publish(message("a"))
        waiting.import_all(waiting.cut())
        published, imported = waiting.status().published, waiting.status().imported
        calls = client.info("commandstats")["cmdstat_waitaof"]["calls"]
    finally:
        client.close()
        server.terminate()
        server.wait(10)

    assert (published, imported) == (1, 1)
    assert calls >= 2  # a publisher's and a worker's
