"""The script for other languages: what it puts into the inbox is what a publisher would put there."""

import json
from typing import Any

import orjson
import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prelabel.validation.gate import prepare, slow_count
from prelabel.validation.gate import read_message as read
from prelabel.wire.frame import MAX_FRAME_ROWS, read_header, read_messages
from prelabel.wire.keys import projects
from prelabel.wire.lanes import lane_of
from tests.golden import strategies
from tests.support.project import Project
from tests.support.publish_script import VECTORS, call, frames_by_the_page, frames_in
from tests.support.redis_server import start_redis
from tests.support.rig import Rig

BOX = {"name": "car", "bbox": {"left": 1, "top": 1, "width": 2, "height": 2}}


def raw(key: str, **more: Any) -> bytes:
    return orjson.dumps({"projectId": "p", "dataRow": {"globalKey": key}, "annotations": [BOX], **more})


def vectors() -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads(VECTORS.read_text("utf-8"))["cases"]
    return cases


@pytest.mark.parametrize("case", vectors(), ids=lambda case: case["name"])
def test_the_script_makes_the_frames_of_the_published_vectors(case: dict[str, Any], project: Project) -> None:
    messages = [text.encode() for text in case["messages"]]
    client, prefix = project.client, project.settings.key_prefix
    client.hset(f"{project.root}:meta", "lanes", case["lanes"])

    status, rows = call(client, prefix, messages, call_id=case["callId"])

    assert (status, rows) == (b"ok", len(messages))
    found = sorted(frame.hex() for frame in frames_in(client, prefix))
    assert found == sorted(frame["hex"] for frame in case["frames"])
    assert found == sorted(frame.hex() for frame in frames_by_the_page(case["callId"], messages, case["lanes"]))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    messages=st.lists(strategies.messages(), min_size=1, max_size=8),
    ids=st.booleans(),
    indent=st.booleans(),
    lanes=st.integers(1, 1024),
)
def test_any_right_message_gets_the_lane_and_the_counts_that_a_publisher_gives_it(
    messages: list[dict[str, Any]], ids: bool, indent: bool, lanes: int, project: Project
) -> None:
    client, prefix = project.client, project.settings.key_prefix
    for name in list(client.scan_iter(f"{prefix}:*")):
        client.delete(name)
    client.hset(f"{project.root}:meta", "lanes", lanes)
    for at, message in enumerate(messages):
        message.pop("messageId", None)
        if ids:
            message["messageId"] = f"id-{at}"
    texts = [json.dumps(message, indent=2 if indent else None).encode() for message in messages]

    assert call(client, prefix, texts) == [b"ok", len(texts)]

    seen: dict[str, list[str]] = {}
    for frame in frames_in(client, prefix):
        header, slow = read_header(frame), 0
        for line in read_messages(frame):
            prepared = prepare(line)
            assert prepared.raw == line, "it is one line, and has an id"
            assert lane_of(prepared.data_row_key, lanes) == header.segments[0].lane
            slow += slow_count(read(line)[1])
            seen.setdefault(prepared.data_row_key, []).append(prepared.message_id)
        assert header.slow == slow
    sent = [prepare(text).data_row_key for text in texts]
    assert {key: len(found) for key, found in seen.items()} == {key: sent.count(key) for key in sent}
    if ids:
        assert all(found == sorted(found, key=lambda name: int(name[3:])) for found in seen.values()), "in order"


def test_frames_are_those_of_the_page_for_any_right_messages(project: Project) -> None:
    texts = [raw(f"cam-{at % 7}/é{at}.jpg") for at in range(300)]

    call(project.client, project.settings.key_prefix, texts, call_id="ü 1")

    assert sorted(frames_in(project.client, project.settings.key_prefix)) == sorted(frames_by_the_page("ü 1", texts))


def test_a_repeated_call_counts_once_and_another_call_counts_again(project: Project) -> None:
    client, prefix = project.client, project.settings.key_prefix
    texts = [raw("a"), raw("b"), raw("a")]
    assert call(client, prefix, texts) == [b"ok", 3]
    assert call(client, prefix, texts) == [b"ok", 0]
    while project.status().pending:
        project.import_all(project.cut())
    assert call(client, prefix, texts) == [b"ok", 0]

    assert call(client, prefix, texts, call_id="call-2") == [b"ok", 3]

    assert project.status().published == 6


def test_a_reused_call_id_with_other_messages_loses_none(project: Project) -> None:
    client, prefix = project.client, project.settings.key_prefix

    assert call(client, prefix, [raw("a")]) == [b"ok", 1]
    assert call(client, prefix, [raw("a", produced=1)]) == [b"ok", 1]

    assert project.status().published == 2


def test_lines_breaks_between_tokens_become_blanks_and_in_a_string_stay_a_mistake(project: Project) -> None:
    client, prefix = project.client, project.settings.key_prefix
    escaped = json.dumps({"projectId": "p", "dataRow": {"globalKey": 'a"\n'}, "annotations": [BOX]}, indent=1).encode()
    broken = raw("b").replace(b"car", b"ca\nr")

    call(client, prefix, [escaped, broken])

    lines = [line for frame in frames_in(client, prefix) for line in read_messages(frame)]
    assert len(lines) == 2
    assert {prepare(line).data_row_key for line in lines if b"car" in line} == {'k:a"\n'}
    with pytest.raises(Exception, match="JSON"):
        prepare(next(line for line in lines if b"car" not in line))


WRONG = [b"", b"{", b"[]", b"{}", b"null", b'{"dataRow": 1}', b'{"dataRow": {"id": "a", "globalKey": "b"}}',
         b'{"dataRow": {"id": null}}', b'{"dataRow": {"globalKey": 7}}', b"\xff\xfe", b"[" * 3000,
         b'{"dataRow": {"globalKey": "\\ud800"}}']  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_message_refuses_no_other_and_is_left_to_the_worker(wrong: bytes, project: Project) -> None:
    client, prefix = project.client, project.settings.key_prefix

    assert call(client, prefix, [raw("a"), wrong, raw("b")]) == [b"ok", 3]

    lines = [line for frame in frames_in(client, prefix) for line in read_messages(frame)]
    assert wrong in lines
    assert project.status().pending == 3


def test_a_full_inbox_and_a_call_beyond_its_limits_take_nothing(project: Project) -> None:
    client, prefix = project.client, project.settings.key_prefix
    texts = [raw("a"), raw("b")]
    assert call(client, prefix, texts, max_rows=2) == [b"ok", 2]

    assert call(client, prefix, [raw("c")], max_rows=2, call_id="2") == [b"full", 2]
    assert call(client, prefix, [raw("c")] * 1001, call_id="3") == [b"limit", 1001]
    assert call(client, prefix, [raw("c"), raw("d", note="x" * 4_200_000)], call_id="4") == [b"limit", 2]

    assert project.status().published == 2


def test_frames_are_cut_where_slow_annotations_are_too_many(project: Project) -> None:
    client, prefix = project.client, project.settings.key_prefix
    mask = {"name": "hull", "mask": {"instanceURI": "https://masks.example.org/1", "colorRGB": [1, 1, 1]}}
    texts = [raw("a", annotations=[mask] * 100) for _ in range(5)]

    call(client, prefix, texts)

    headers = [read_header(frame) for frame in frames_in(client, prefix)]
    assert [(header.rows, header.slow) for header in headers] == [(2, 200), (2, 200), (1, 100)]
    assert all(header.rows <= MAX_FRAME_ROWS for header in headers)


def test_workers_learn_of_a_project_that_only_the_script_writes_to(project: Project) -> None:
    client, prefix = project.client, project.settings.key_prefix

    call(client, prefix, [raw("a")], project_id="new-one")

    assert client.zscore(projects(prefix), "new-one") == 0


def test_wrong_arguments_are_named(project: Project) -> None:
    client, prefix = project.client, project.settings.key_prefix
    for arguments, words in (
        ({"messages": []}, "messages"),
        ({"messages": [b"{}"], "call_id": ""}, "id of the call"),
        ({"messages": [b"{}"], "max_rows": "many"}, "maximum rows"),
        ({"messages": [b"{}"], "project_id": ""}, "KEYS"),
    ):
        with pytest.raises(redis.ResponseError, match=words):
            call(client, prefix, **arguments)  # type: ignore[arg-type]


def test_a_redis_near_its_memory_limit_takes_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("r")
    server = start_redis(folder, "--save", "", "--maxmemory", "1mb", "--maxmemory-policy", "noeviction")
    client = redis.Redis(unix_socket_path=str(folder / "redis.sock"))
    try:
        status, used = call(client, "t", [raw("a")])
        assert status == b"memory"
        assert used > 0.85 * 1024 * 1024
        assert client.keys("*") == []
    finally:
        client.close()
        server.terminate()
        server.wait(10)


def test_a_worker_imports_what_the_script_accepted_and_holds_what_is_wrong_as_dead_letters(rig: Rig) -> None:
    project_id = rig.project.id
    right = [raw(key, projectId=project_id) for key in ("a", "b")]
    wrong = [b"not JSON", raw("c", projectId=project_id, annotations=[{"name": "car", "bbox": {"left": "1"}}])]

    call(rig.client, rig.settings.key_prefix, [right[0], *wrong, right[1]], project_id=project_id)
    rig.settle()

    status = rig.project.status()
    assert (status.published, status.imported, status.dead, status.pending) == (4, 2, 2, 0)
