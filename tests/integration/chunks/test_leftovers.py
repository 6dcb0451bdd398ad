"""What Labelbox keeps of an older message when a newer one has less: counted, logged, and named by uuid."""

import secrets
import uuid
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prelabel.publishing.buffer import Row
from prelabel_worker.chunks.annotation_counts import MODEL, Leftovers, pack, unpack
from prelabel_worker.chunks.rows import Committed, Slice
from prelabel_worker.queries.leftovers import read_leftovers
from prelabel_worker.rendering.identity import row_key
from tests.support.project import Project, message
from tests.support.rig import MakeRig, Rig
from tests.support.sandbox.process import SandboxProcess

ONTOLOGY = {"tools": [{"tool": "rectangle", "name": name} for name in ("car", "dog")], "classifications": []}


@pytest.fixture
def rig(make_rig: MakeRig, sandbox: SandboxProcess) -> Rig:
    found = make_rig()
    sandbox.project(found.project.id, ONTOLOGY)
    return found


def publish(rig: Rig, key: str, *names: str, model: str = "m", uuids: bool = False, left: int = 1) -> None:
    """Import a message with a box of each of these names."""
    box = {"top": 1, "left": left, "height": 3, "width": 4}
    annotations: list[dict[str, Any]] = [{"name": name, "bbox": box} for name in names]
    if uuids:
        annotations = [each | {"uuid": str(uuid.uuid4())} for each in annotations]
    body = {
        "projectId": rig.project.id,
        "dataRow": {"globalKey": key},
        "model": {"name": model},
        "annotations": annotations,
    }
    rig.project.publish(Row(f"k:{key}", orjson.dumps(body), 0))
    rig.settle()


def named(rig: Rig, key: str) -> list[Leftovers]:
    return read_leftovers(rig.client, rig.project.keys, rig.project.id, key, rig.settings.history_days)


def reports(rig: Rig) -> list[tuple[int, int]]:
    return [(each["rows"], each["annotations"]) for each in rig.events("rows.leftovers")]


def pre_labels(rig: Rig) -> set[str]:
    return {each["uuid"] for each in rig.sandbox.pre_labels(rig.project.id)}


def test_pre_labels_that_a_newer_message_leaves_over_are_counted_logged_and_named(rig: Rig) -> None:
    publish(rig, "b", "car", "dog", "dog")
    untouched = pre_labels(rig)
    publish(rig, "a", "car", "car", "car", "dog")
    publish(rig, "a", "car", "car", "dog", "dog")
    first = pre_labels(rig) - untouched
    publish(rig, "c", "car")

    (left,) = named(rig, "a")
    assert len(left.uuids) == 1
    assert set(left.uuids) < first
    assert left.unnamed == 0
    assert reports(rig) == [(1, 1)]
    assert rig.status().leftovers == 1
    assert named(rig, "b") == named(rig, "c") == []


def test_leftovers_are_exactly_the_pre_labels_that_labelbox_has_beyond_the_last_message(rig: Rig) -> None:
    publish(rig, "a", "car", "car", "dog")
    older = {each["uuid"]: each for each in rig.sandbox.pre_labels(rig.project.id)}
    publish(rig, "a", "car", left=2)

    (left,) = named(rig, "a")

    now = {each["uuid"]: each for each in rig.sandbox.pre_labels(rig.project.id)}
    assert set(left.uuids) == {key for key in older if now[key] == older[key]}
    assert len(left.uuids) == 2


def test_an_equal_message_or_one_with_more_leaves_nothing(rig: Rig) -> None:
    publish(rig, "a", "car", "dog")
    publish(rig, "a", "dog", "car")
    publish(rig, "a", "car", "dog", "dog")

    assert reports(rig) == []
    assert rig.status().leftovers == 0
    assert named(rig, "a") == []


def test_leftovers_are_named_until_a_message_overrides_them_and_are_counted_once(rig: Rig) -> None:
    publish(rig, "a", "car", "car", "car")
    publish(rig, "a", "car")
    publish(rig, "a", "car")
    publish(rig, "a", "car", "car")

    assert reports(rig) == [(1, 2)]
    assert [len(each.uuids) for each in named(rig, "a")] == [1]

    publish(rig, "a", "car", "car", "car")
    assert named(rig, "a") == []


def test_two_models_stand_side_by_side(rig: Rig) -> None:
    publish(rig, "a", "car", "car", model="yolo")
    publish(rig, "a", "car", model="sam")
    assert named(rig, "a") == []

    publish(rig, "a", "car", model="yolo")
    assert [(each.model, len(each.uuids)) for each in named(rig, "a")] == [("yolo", 1)]


def test_with_uuids_from_the_producer_the_minimum_number_of_leftovers_is_reported(rig: Rig) -> None:
    publish(rig, "a", "car", "car", "car", uuids=True)
    publish(rig, "a", "car", uuids=True)

    assert reports(rig) == [(1, 2)]
    assert named(rig, "a") == [Leftovers("m", [], 2)]


def test_without_history_nothing_is_remembered(make_project: Callable[..., Project]) -> None:
    project = make_project(history_days=0)

    assert [commit(project, "a", {1: 2}), commit(project, "a", {1: 1})] == [0, 0]
    assert not list(project.client.scan_iter(f"{project.root}:annotation_counts:*"))


def commit(project: Project, key: str, counts: dict[int, int]) -> int:
    """Import a row with these packed counts without a worker; return the leftovers of the older message."""
    project.publish(message(key))
    chunk = project.take(project.cut())
    packed = pack(counts, sum(counts.values()))
    return commit_counts(project, [(row_key(f"k:{key}", "m"), packed)], chunk=chunk).leftovers


def commit_counts(project: Project, packed_counts: list[tuple[str, bytes]], chunk: Any = None) -> Committed:
    if chunk is None:
        project.publish(message("any"))
        chunk = project.take(project.cut())
    return project.ledger.commit_rows(
        chunk, 0, Slice(chunk.rows, chunk.rows, annotation_counts=packed_counts), finish=True
    )


def stored(project: Project) -> dict[bytes, bytes]:
    """Return the counts of every remembered row, by the position of its hash and its field."""
    found = {}
    for key in project.client.scan_iter(f"{project.root}:annotation_counts:*:*", count=5000):
        for field, packed in project.client.hgetall(key).items():
            found[key + field] = packed
    return found


def test_a_row_is_forgotten_after_twice_the_time(project: Project) -> None:
    commit(project, "a", {1: 2})

    keys = list(project.client.scan_iter(f"{project.root}:annotation_counts:*"))

    assert len(keys) == 2
    for key in keys:
        assert 13.9 < project.client.pttl(key) / 86_400_000 <= 14


def test_counts_of_the_previous_generation_are_compared_too(project: Project) -> None:
    commit(project, "a", {1: 3})
    (key,) = project.client.scan_iter(f"{project.root}:annotation_counts:*:*")
    generation, *place = key.decode().removeprefix(f"{project.root}:annotation_counts:").split(":")
    older = f"{project.root}:annotation_counts:{int(generation) - 1}"
    project.client.rename(key, ":".join([older, *place]))
    project.client.rename(f"{project.root}:annotation_counts:{generation}", older)

    assert commit(project, "a", {1: 1}) == 2
    assert commit(project, "a", {1: 1}) == 0


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.dictionaries(
            st.integers(1, 20), st.one_of(st.integers(1, 5), st.integers(60, 5000)), min_size=1, max_size=6
        ),
        min_size=1,
        max_size=8,
    )
)
def test_several_messages_leave_what_the_rules_say(project: Project, messages: list[dict[int, int]]) -> None:
    key = secrets.token_hex(8)  # the examples share a Redis
    most: dict[int, int] = {}
    last: dict[int, int] = {}
    for counts in messages:
        expected = sum(max(0, count - counts.get(number, 0)) for number, count in last.items())
        assert commit(project, key, counts) == expected
        last = counts
        most = {number: max(most.get(number, 0), counts.get(number, 0)) for number in most.keys() | counts.keys()}
    names = {f"f{number}".encode(): number for number in range(1, 21)} | {MODEL + b"m": 21}
    project.client.hset(f"{project.root}:annotation_counts:names", mapping=names)

    found = read_leftovers(project.client, project.keys, "p", key, project.settings.history_days)

    left = sum(most.values()) - sum(last.values())
    named = sum(each.annotations for each in found)
    # When both together are too long to be packed, only the last message's counts are kept.
    assert named == left if len(most) <= 12 else named <= left


def test_a_hundred_thousand_rows_take_few_bytes_each_and_all_are_known(project: Project) -> None:
    rows = 100_000
    packed = pack({1: 3, 2: 2}, 5)
    keys = [row_key(f"k:{n}", "m") for n in range(rows)]
    slices = [[(key, packed) for key in keys[at : at + 5_000]] for at in range(0, rows, 5_000)]
    commit_counts(project, slices[0])  # the server's buffers and its Lua grow to what such a call takes
    before = project.client.info("memory")["used_memory"]

    for pairs in slices[1:]:
        commit_counts(project, pairs)

    hashes = list(project.client.scan_iter(f"{project.root}:annotation_counts:*:*", count=5000))
    each = sum(project.client.memory_usage(key) for key in hashes) / rows
    used = (project.client.info("memory")["used_memory"] - before) / (rows - len(slices[0]))
    packed = {project.client.object("encoding", key) for key in hashes[::50]}
    assert packed <= {b"listpack", b"ziplist"}  # the latter in Redis 6.2
    assert each < 17
    assert used < 20
    assert commit_counts(project, [(key, pack({1: 1}, 1)) for key in keys[:1_000]]).leftovers == 4_000


def test_rows_whose_hash_is_full_go_where_there_is_room(project: Project) -> None:
    """Return rows that are all in the same hash, since it follows from their last two bytes."""
    keys = [f"{n:012x}" + "0001" + "0" * 16 for n in range(500)]

    commit_counts(project, [(key, pack({1: 2}, 2)) for key in keys])

    sizes = [project.client.hlen(key) for key in project.client.scan_iter(f"{project.root}:annotation_counts:*:*")]
    assert sizes == [128, 128, 128]  # one a level; the others are not remembered
    assert commit_counts(project, [(key, pack({1: 1}, 1)) for key in keys]).leftovers == 384
    assert {unpack(packed)[1].most for packed in stored(project).values()} == {2}
