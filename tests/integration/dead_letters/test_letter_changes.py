"""Dead letters retried as new, edited, discarded, expired: each is one script, after which every index agrees."""

from types import SimpleNamespace
from typing import Any

import msgspec
import orjson
import pytest
from structlog.testing import capture_logs

from prelabel.wire.lanes import lane_of
from prelabel_worker.chunks.rows import RowOutcome
from prelabel_worker.dead_letters.filter import DeadLetterFilter
from prelabel_worker.rendering.identity import row_key
from prelabel_worker.stages.expire import expire
from tests.support.dead_letters import check_indexes, held_keys, kill, new_message, real_message
from tests.support.project import Project

DAY_MS = 86_400_000


def age(project: Project, dead_letter_id: str, days: float) -> None:
    """Let it have become a dead letter this long ago."""
    project.client.zincrby(f"{project.root}:dead", -days * DAY_MS, dead_letter_id)


def timer(project: Project, name: str) -> float | None:
    due = project.client.zscore(f"{project.root}:timers", name)
    return None if due is None else due - project.held.now_ms()


def test_a_discarded_dead_letter_leaves_nothing_but_the_count(project: Project) -> None:
    first, second = kill(project, real_message("a"), real_message("b"))
    check_indexes(project)

    result = project.held.discard("p", [first, "no-such-dead letter", first])

    assert result.as_json() == {"matched": 3, "done": 1, "skipped": 2}
    check_indexes(project)
    status = project.status()
    assert (status.dead, status.discarded, status.pending) == (1, 1, 0)
    project.held.discard("p", [second])
    assert held_keys(project) == {}
    check_indexes(project)


def test_a_dead_letter_on_its_way_back_is_not_discarded(project: Project) -> None:
    (dead_letter_id,) = kill(project, real_message("a"))
    project.held.retry("p", [dead_letter_id])

    assert project.held.discard("p", [dead_letter_id]).as_json() == {"matched": 1, "done": 0, "skipped": 1}

    assert project.status().pending == 1


def test_a_retry_as_new_has_a_number_of_now_and_is_not_superseded(project: Project) -> None:
    (dead_letter_id,) = kill(project, real_message("a"))
    project.publish(real_message("a", message_id="newer"))
    chunk = project.take(project.cut())
    project.settle(chunk, imported=1, superseding=[(row_key("k:a", "m"), 2)])

    project.held.retry("p", [dead_letter_id], as_new=True)

    (row,) = project.rows(project.take(project.cut()))
    assert (row.seq, row.held_id, row.superseded) == (3, dead_letter_id, False)
    project.publish(real_message("b"))
    (other,) = project.rows(project.take(project.cut()))
    assert other.seq == 4
    check_indexes(project)


def test_an_edited_dead_letter_goes_back_with_its_new_message_and_keeps_its_number(project: Project) -> None:
    (dead_letter_id,) = kill(project, real_message("a"))

    result = project.held.edit("p", [new_message(project, dead_letter_id, real_message("a", name="car"))], "old")

    assert result.as_json() == {"matched": 1, "done": 1, "skipped": 0}
    check_indexes(project)
    (row,) = project.rows(project.take(project.cut()))
    assert (row.seq, row.held_id, row.raw) == (1, dead_letter_id, real_message("a", name="car").raw)
    assert row.lane == lane_of("k:a", 16)


def test_a_dead_letter_of_another_data_row_changes_its_lane_and_its_index(project: Project) -> None:
    (dead_letter_id,) = kill(project, real_message("a"))
    newer = [(row_key("k:a", "m"), 99)]
    project.publish(real_message("z"))
    project.settle(project.take(project.cut()), imported=1, superseding=newer)

    project.held.edit("p", [new_message(project, dead_letter_id, real_message("moved", message_id="id-a"))], "keep")

    check_indexes(project)
    state = orjson.loads(project.client.hget(f"{project.root}:held", dead_letter_id) or b"")
    assert state["lane"] == lane_of("k:moved", 16) != lane_of("k:a", 16)
    assert state["bytes"] == len(real_message("moved", message_id="id-a").raw)
    assert list(project.client.hgetall(f"{project.root}:held:rows")) == [row_key("k:moved", "m").encode()]
    dead_letter = project.held.dead_letter("p", dead_letter_id)
    assert dead_letter is not None
    assert (dead_letter.data_row, dead_letter.superseded, dead_letter.attempts, dead_letter.reason) == (
        "k:moved",
        False,
        1,
        "refused",
    )
    project.held.retry("p", [dead_letter_id])
    assert project.client.llen(f"{project.root}:lane:{lane_of('k:moved', 16)}") == 1
    (row,) = project.rows(project.take(project.cut()))
    assert row.lane == lane_of("k:moved", 16)
    check_indexes(project)


def test_a_dead_letter_that_somebody_else_changed_meanwhile_is_left_alone(project: Project) -> None:
    (dead_letter_id,) = kill(project, real_message("a"))
    mine = new_message(project, dead_letter_id, real_message("a", name="mine"))
    theirs = new_message(project, dead_letter_id, real_message("a", name="theirs"))
    project.held.edit("p", [theirs], "keep")

    assert project.held.edit("p", [mine], "old").as_json() == {"matched": 1, "done": 0, "skipped": 1}

    dead_letter = project.held.dead_letter("p", dead_letter_id)
    assert dead_letter is not None
    assert b"theirs" in dead_letter.message


def test_a_dead_letter_without_a_message_id_is_found_by_the_one_it_gets(project: Project) -> None:
    nameless = real_message("a")
    bare = {name: value for name, value in orjson.loads(nameless.raw).items() if name != "messageId"}
    (dead_letter_id,) = kill(project, msgspec.structs.replace(nameless, raw=orjson.dumps(bare)))
    assert project.held.dead_letters("p", message_id="id-a") == []

    project.held.edit("p", [new_message(project, dead_letter_id, nameless)], "keep")

    assert [dead_letter.id for dead_letter in project.held.dead_letters("p", message_id="id-a")] == [dead_letter_id]
    check_indexes(project)


def test_dead_letters_expire_after_their_days_and_the_timer_waits_for_the_next(project: Project) -> None:
    old, young = kill(project, real_message("a"), real_message("b"))
    age(project, old, 31)
    age(project, young, 29.5)

    assert project.held.expire("p", 30) == (1, 1, False)

    assert project.held.dead_letter("p", old) is None
    status = project.status()
    assert (status.dead, status.discarded) == (1, 1)
    due = timer(project, "expire")
    assert due is not None
    assert due == pytest.approx(DAY_MS / 2, abs=10_000)
    check_indexes(project)


def test_dead_letters_that_are_kept_for_ever_stay_and_another_setting_is_heard_of_within_a_day(
    project: Project,
) -> None:
    (dead_letter_id,) = kill(project, real_message("a"))
    age(project, dead_letter_id, 10_000)

    assert project.held.expire("p", 0) == (0, 0, False)

    due = timer(project, "expire")
    assert due is not None
    assert due == pytest.approx(DAY_MS, abs=10_000)
    assert project.held.expire("p", 90) == (1, 1, False)


def test_the_first_dead_letter_asks_for_the_setting_at_once_and_the_next_ones_know_it(project: Project) -> None:
    (dead_letter_id,) = kill(project, real_message("a"))
    due = timer(project, "expire")
    assert due is not None
    assert due <= 0
    project.held.expire("p", 0.5)
    project.held.discard("p", [dead_letter_id])
    assert project.held.expire("p", 0.5) == (0, 0, False)
    assert timer(project, "expire") is None

    kill(project, real_message("b"))

    due = timer(project, "expire")
    assert due is not None
    assert due == pytest.approx(DAY_MS / 2, abs=10_000)


def test_many_old_dead_letters_expire_some_hundred_a_call(project: Project) -> None:
    ids = kill(project, *(real_message(f"k{n}") for n in range(250)))
    for dead_letter_id in ids:
        age(project, dead_letter_id, 91)

    assert project.held.expire("p", 90) == (200, 200, True)
    due = timer(project, "expire")
    assert due is not None
    assert due <= 0
    assert project.held.expire("p", 90) == (50, 50, False)

    assert project.status().discarded == 250
    assert held_keys(project) == {}


def test_groups_are_listed_largest_first_with_one_example_each(project: Project) -> None:
    kill(project, real_message("a"), real_message("b"), reason="refused")
    kill(project, real_message("c"), reason="unknown-feature")

    first, second = project.held.groups("p")

    assert (first.rows, first.sample.reason, second.rows) == (2, "refused", 1)
    assert first.sample.example() == {"path": "annotations[3].bbox", "expected": "a number"}
    assert second.first_at == second.last_at == second.sample.last_at
    assert project.held.groups("p", 1) == [first]
    found = {name for part in project.held.slices("p", DeadLetterFilter(group=first.group)) for name in part}
    assert len(found) == 2


def test_a_dead_letter_of_every_filter_is_found_and_no_other(project: Project) -> None:
    (a,) = kill(project, real_message("a", model="x"), reason="refused")
    (b,) = kill(project, real_message("b", model="y"), reason="unknown-feature")
    dead_letter = project.held.dead_letter("p", a)
    assert dead_letter is not None
    age_ms = dead_letter.last_at.ms

    def found(**chosen: object) -> set[str]:
        wanted = DeadLetterFilter(**chosen)  # type: ignore[arg-type]
        by_slice = {name for part in project.held.slices("p", wanted) for name in part}
        assert {dead_letter.id for dead_letter in project.held.choose("p", wanted)} == by_slice
        return by_slice

    assert found() == {a, b}
    assert found(reason="refused") == found(model="x") == found(data_row="a") == found(message_id="id-a") == {a}
    assert found(data_row="k:a", model="x") == found(group=dead_letter.group) == found(ids=(a,)) == {a}
    assert (
        found(data_row="a", model="y") == found(reason="refused", group="none") == found(ids=(a,), model="y") == set()
    )
    assert found(group=dead_letter.group, reason="refused") == found(message_id="id-a", group=dead_letter.group) == {a}
    assert found(since_ms=age_ms) == {a, b}
    assert found(until_ms=age_ms - 1) == found(reason="refused", until_ms=age_ms - 1) == set()


def test_a_retried_dead_letter_that_was_edited_is_imported_and_gone(project: Project) -> None:
    (dead_letter_id,) = kill(project, real_message("a"))
    project.held.edit("p", [new_message(project, dead_letter_id, real_message("b", message_id="id-a"))], "old")
    chunk = project.take(project.cut())

    project.settle(chunk, imported=1, outcomes=[RowOutcome("cleared", 0, 1, dead_letter_id)])

    assert held_keys(project) == {}
    assert project.status().imported == 1


def test_every_key_of_a_dead_letter_before_and_after_each_change(project: Project) -> None:
    (dead_letter_id,) = kill(project, real_message("a"))
    dead_letter = project.held.dead_letter("p", dead_letter_id)
    assert dead_letter is not None
    row, group, name = row_key("k:a", "m").encode(), dead_letter.group, dead_letter_id.encode()
    listed = {
        "dead": {name},
        "dead:group:" + group: {name},
        "dead:groups": {group.encode(): b"1"},
        "dead:messages": {b"id-a": name},
        "dead:reason:refused": {name},
        "dead:reasons": {b"refused": b"1"},
        "dead:sample": {group.encode(): name},
    }

    def keys() -> dict[str, object]:
        found = held_keys(project)
        assert set(found.pop("held")) == set(found.pop("held:body")) == {name}
        return found

    assert keys() == {"held:rows": {row: name}, **listed}
    moved = real_message("b", message_id="id-a")
    project.held.edit("p", [new_message(project, dead_letter_id, moved)], "keep")
    row = row_key("k:b", "m").encode()
    assert keys() == {"held:rows": {row: name}, **listed}
    project.held.retry("p", [dead_letter_id])
    assert keys() == {"held:rows": {row: name}, "dead:queued": {name}}
    chunk = project.take(project.cut())
    project.settle(chunk, imported=0, outcomes=[project.holding(each) for each in project.rows(chunk)])
    assert keys() == {"held:rows": {row: name}, **listed}
    project.held.discard("p", [dead_letter_id])
    assert held_keys(project) == {}


def test_the_stage_continues_while_dead_letters_are_due_and_says_how_many(project: Project) -> None:
    ids = kill(project, *(real_message(f"k{n}") for n in range(450)))
    for dead_letter_id in ids:
        age(project, dead_letter_id, 91)
    tools: Any = SimpleNamespace(held=project.held, settings=project.settings)

    with capture_logs() as lines:
        assert expire(tools, "p") == 450
        assert expire(tools, "p") == 0

    assert lines == [
        {"event": "dead_letters.expired", "log_level": "info", "project": "p", "dead_letters": 450, "rows": 450}
    ]
    assert project.status().discarded == 450
