"""A project whose name or keys are garbage is its own problem: the tick and the stages of the others resume."""

import time
from collections.abc import Callable

import orjson
import pytest
import redis
from structlog.testing import capture_logs

from prelabel.wire import keys
from prelabel_worker.accounts.status import Accounts
from prelabel_worker.presence import Presence, announce
from prelabel_worker.quarantine.quarantine import ENDS_AFTER_SECONDS, LOOK_AGAIN_SECONDS, MAX_PROJECTS, Quarantine
from prelabel_worker.queries.status import Inspector
from prelabel_worker.runtime.timers import Due, Timers
from prelabel_worker.stages.context import StageContext
from prelabel_worker.stages.expire import expire
from prelabel_worker.stages.group import group, retry_due
from prelabel_worker.stages.poll import poll
from prelabel_worker.stages.settle import settle
from prelabel_worker.stages.submit import submit
from tests.support.project import Project, message
from tests.support.rig import MakeRig, Rig
from tests.support.stage_fuzz import HELD
from tests.support.waiting import wait_for

BAD_NAMES = [b"\xff\xfe", b"", b"two words", b"a}b{c", b"n\0ul", b"new\nline", b"x" * 65, "naïve".encode(), b"\xf0\x9f"]


def timers(project: Project) -> Timers:
    return Timers(project.client, project.settings.key_prefix, 10)


def quarantine(project: Project) -> Quarantine:
    return Quarantine(project.client, project.settings.key_prefix)


def known_projects(project: Project) -> str:
    return keys.projects(project.settings.key_prefix)


def break_key(project: Project, name: str, key: str) -> None:
    """Make a project whose key of this name is of another type, as a publisher's rights allow."""
    root = keys.project_root(project.settings.key_prefix, name)
    if key in ("timers", "chunks", "retrying"):
        project.client.hset(f"{root}:{key}", "x", "y")
    else:
        project.client.zadd(f"{root}:{key}", {"x": 1})
    project.client.zadd(known_projects(project), {name: 0})


def ms_until_looked_at(project: Project, name: bytes | str) -> float:
    seconds, micros = project.client.time()
    score = project.client.zscore(known_projects(project), name)
    assert score is not None
    return score - (seconds * 1000 + micros / 1000)


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_no_project_can_have_stops_no_other(project: Project, name: bytes) -> None:
    project.client.zadd(known_projects(project), {name: 0})
    project.publish(message("a"))

    due, _ = timers(project).due(10)

    assert due == [Due("group", "p", "")]
    assert ms_until_looked_at(project, name) > 3_600_000


def test_malformed_names_are_reported_together_and_once(project: Project) -> None:
    project.client.zadd(known_projects(project), dict.fromkeys(BAD_NAMES, 0))
    tick = timers(project)

    with capture_logs() as first:
        tick.due(10)
    with capture_logs() as second:
        tick.due(10)

    (line,) = [each for each in first if each["event"] == "projects.malformed"]
    assert line["names"] == len(BAD_NAMES)
    assert not second


def test_ten_thousand_malformed_names_cost_each_tick_a_bounded_number(project: Project) -> None:
    names = {b"\xff%d" % number: -number for number in range(10_000)}
    project.client.zadd(known_projects(project), names)
    project.publish(message("a"))
    tick = timers(project)

    with capture_logs() as logs:
        hinted = [tick.due(10)[0] for _ in range(12)]

    put_off = [line["names"] for line in logs]
    assert [Due("group", "p", "")] in hinted
    assert max(put_off) <= 1_100
    assert sum(put_off) == 10_000


def looks_until_hinted(project: Project, be_hostile: Callable[[], object], most_looks: int) -> int:
    """Tick beside a writer that writes before each tick; return the number of looks until `p` had its hint."""
    tick = timers(project)
    for looks in range(1, most_looks + 1):
        be_hostile()
        if Due("group", "p", "") in tick.due(8)[0]:
            return looks
    pytest.fail(f"no hint for p within {most_looks} looks")


@pytest.mark.parametrize("score", [0, "-inf"])
def test_names_written_back_all_the_time_delay_a_project_by_their_share_of_looks(
    project: Project, score: float | str
) -> None:
    """Its share is one in a hundred looks: the chance of none in a thousand looks is one in 20,000."""
    names = {f"Evil-{number}": score for number in range(10_000)}
    project.publish(message("a"))

    looks_until_hinted(project, lambda: project.client.zadd(known_projects(project), names), 1_000)


def test_projects_written_back_as_due_all_the_time_delay_a_project_by_their_share_of_turns(project: Project) -> None:
    roots = [keys.project_root(project.settings.key_prefix, f"Evil-{number}") for number in range(90)]

    def be_hostile() -> None:
        with project.client.pipeline(transaction=False) as pipeline:
            for root in roots:
                pipeline.zadd(f"{root}:timers", {"group": 0, "retry": 0, "expire": 0})
            pipeline.zadd(known_projects(project), {f"Evil-{number}": 0 for number in range(90)})
            pipeline.execute()

    be_hostile()
    timers(project).due(8)  # another worker's
    project.publish(message("a"))

    assert looks_until_hinted(project, be_hostile, 20) <= 13  # 8 turns a look, 91 projects


def test_a_turn_that_nobody_has_use_for_is_passed_on(project: Project) -> None:
    project.client.zadd(known_projects(project), {f"Evil-{number}": -1 for number in range(50)})
    project.publish(message("a"))

    assert timers(project).due(1)[0] == [Due("group", "p", "")]


@pytest.mark.parametrize("others", [0, 5_000])
def test_a_project_that_somebody_puts_off_is_looked_at_all_the_same(project: Project, others: int) -> None:
    project.publish(message("a"))
    far = {f"Evil-{number}": 1e15 for number in range(others)}
    project.client.zadd(known_projects(project), {**far, "p": "inf"})

    looks_until_hinted(project, lambda: None, 200)


def test_a_thousand_timers_that_are_nobody_s_go_a_bounded_number_at_a_time(project: Project) -> None:
    root = keys.project_root(project.settings.key_prefix, "evil")
    project.client.zadd(f"{root}:timers", {f"chunk:{number:016x}": 0 for number in range(5_000)})
    project.client.zadd(known_projects(project), {"evil": 0})
    tick = timers(project)

    left = []
    for _ in range(5):
        tick.due(10)
        left.append(project.client.zcard(f"{root}:timers"))

    assert left == [3_900, 2_800, 1_700, 600, 0]


@pytest.mark.parametrize("key", ["timers", "meta"])
def test_a_key_of_another_type_stops_no_other_project(project: Project, key: str) -> None:
    break_key(project, "evil", key)
    project.publish(message("a"))

    due, _ = timers(project).due(10)

    assert Due("group", "p", "") in due


def test_a_project_whose_timers_cannot_be_read_is_quarantined_and_looked_at_once_a_minute(project: Project) -> None:
    break_key(project, "evil", "timers")
    tick = timers(project)

    with capture_logs() as logs:
        tick.due(10)
        project.client.zadd(known_projects(project), {"evil": 0})  # as each publish does
        tick.due(10)

    (line,) = [each for each in logs if each["event"] == "project.quarantined"]
    assert (line["project"], line["stage"]) == ("evil", "tick")
    assert "WRONGTYPE" in line["detail"]
    assert 0 < ms_until_looked_at(project, "evil") <= LOOK_AGAIN_SECONDS * 1000
    assert [each.project_id for each in quarantine(project).all()] == ["evil"]


def test_a_chunk_id_of_any_bytes_stops_no_other_project(project: Project) -> None:
    root = keys.project_root(project.settings.key_prefix, "evil")
    for name in (b"chunk:\xff", b"\xff\xfe", b"chunk:" + b"x" * 10_000, b"unknown"):
        project.client.zadd(f"{root}:timers", {name: 1})
    project.client.zadd(known_projects(project), {"evil": 0})
    project.publish(message("a"))
    tick = timers(project)

    due, _ = tick.due(10)
    _, wait = tick.due(10)

    assert due == [Due("group", "p", "")]
    assert wait > 0.05  # nothing of what is nobody's is left due, or the tick would never sleep


def test_an_error_that_passes_quarantines_nobody(project: Project) -> None:
    project.publish(message("a"))
    client = project.client
    try:
        client.config_set("maxmemory", 1)
        with pytest.raises(redis.RedisError):
            timers(project).due(10)
    finally:
        client.config_set("maxmemory", 0)

    assert quarantine(project).all() == []
    assert timers(project).due(10)[0] == [Due("group", "p", "")]


def test_the_quarantine_ends_when_no_error_was_met_for_a_while(project: Project) -> None:
    found = quarantine(project)
    found.remember("old", "tick", "WRONGTYPE")
    found.remember("new", "tick", "WRONGTYPE")
    seconds, _ = project.client.time()
    long_ago = int((seconds - ENDS_AFTER_SECONDS - 1) * 1000)
    key = keys.quarantine(project.settings.key_prefix)
    project.client.hset(key, "old", b'{"ms":%d,"stage":"tick","detail":""}' % long_ago)

    found.sweep()

    assert [each.project_id for each in found.all()] == ["new"]


def test_the_quarantine_is_bounded(project: Project) -> None:
    found = quarantine(project)
    project.client.hset(
        keys.quarantine(project.settings.key_prefix), mapping={f"e{n}": "{}" for n in range(MAX_PROJECTS)}
    )

    found.remember("one-more", "tick", "WRONGTYPE")

    assert len(found.all()) == MAX_PROJECTS


def broken_chunks(rig: Rig) -> list[tuple[str, str]]:
    """Chunks of three projects: of another type, with values that are none, and without most of its fields."""
    prefix = rig.settings.key_prefix
    rig.client.zadd(f"{keys.project_root(prefix, 'typed')}:chunk:c1", {"x": 1})
    garbage = {"state": "running", "lease": "soon", "due": "now", "v": "1"}
    rig.client.hset(f"{keys.project_root(prefix, 'valued')}:chunk:c1", mapping=garbage)
    few = {"state": "running", "lease": "0", "due": "0", "v": "1"}
    rig.client.hset(f"{keys.project_root(prefix, 'few')}:chunk:c1", mapping=few)
    return [("typed", "c1"), ("valued", "c1"), ("few", "c1")]


def test_a_hint_for_several_imports_survives_each_that_is_garbage(rig: Rig) -> None:
    rig.fault("stuck-running", seconds=60)
    rig.publish("a")
    rig.run(rig.runs, "the import to run")
    rig.fix()
    bad = broken_chunks(rig)

    def imported() -> int:
        poll(rig.context, [*bad, (rig.project.id, rig.chunks()[0])])
        return rig.status().imported

    with capture_logs() as logs:
        wait_for(lambda: imported() == 1, "the import beside them to end")

    assert {each["project"] for each in logs if each["event"] == "project.quarantined"} == {"typed", "valued", "few"}


def test_an_import_whose_chunk_breaks_while_it_is_asked_for_stops_no_other(make_rig: MakeRig) -> None:
    # Polled once, so that neither a slow answer nor a lease that ran out may stand in for the defect.
    rig, other = (make_rig(lease_seconds=60, request_timeout_seconds=60, server_limit_seconds=1) for _ in range(2))
    for each in (rig, other):
        each.fault("stuck-running", seconds=60)
        each.publish("a")
        each.run(each.runs, "the import to run")
    rig.fix()
    other.fix()
    # What is read when a chunk is committed, and not when it is taken.
    rig.client.delete(f"{rig.project.root}:meta")
    rig.client.rpush(f"{rig.project.root}:meta", "x")

    with capture_logs() as logs:
        poll(other.context, [(each.project.id, each.chunks()[0]) for each in (rig, other)])

    assert [each["project"] for each in logs if each["event"] == "project.quarantined"] == [rig.project.id]
    assert other.status().imported == 1


@pytest.mark.parametrize("state", ["{", "5", "", "[1", '{"lane": "x"}', "\xff", "[" * 2000, "nul", '{"seq": 1e999}'])
def test_a_held_row_whose_state_is_garbage_quarantines_its_project(rig: Rig, state: str) -> None:
    root = keys.project_root(rig.settings.key_prefix, "held")
    rig.client.hset(f"{root}:held", "1", state)
    rig.client.zadd(f"{root}:retrying", {"1": 0})

    retry_due(rig.context, "held")

    assert [each.project_id for each in Quarantine(rig.client, rig.settings.key_prefix).all()] == ["held"]


@pytest.mark.parametrize(("stage", "index"), [(retry_due, "retrying"), (expire, "dead")])
@pytest.mark.parametrize("row", [None, True, [], {"a": 1}])
def test_a_held_row_whose_data_row_is_no_text_quarantines_its_project(
    rig: Rig, stage: Callable[[StageContext, str], int], index: str, row: object
) -> None:
    """Found by benchmarks/fuzz_stages.py: the stage raised, since a script may give a command text and numbers only."""
    root = keys.project_root(rig.settings.key_prefix, "held")
    rig.client.hset(f"{root}:held", "1", orjson.dumps(HELD | {"superseded": True, "row": row}))
    rig.client.zadd(f"{root}:{index}", {"1": 0})

    stage(rig.context, "held")

    assert [each.project_id for each in Quarantine(rig.client, rig.settings.key_prefix).all()] == ["held"]


@pytest.mark.parametrize("presence", ["", "{", "5", "{}", '{"at": "now"}', "\xff", '{"accounts": 5}'])
def test_a_worker_s_presence_that_cannot_be_read_hides_no_other(project: Project, presence: str) -> None:
    honest = Presence(host="h", pid=1, version="1", concurrency=1, at=time.time(), accounts=["a"])
    announce(project.client, project.settings.key_prefix, "honest", honest)
    project.client.hset(keys.workers(project.settings.key_prefix), b"\xff", presence)

    workers = Inspector(project.client, project.settings.key_prefix).workers()
    accounts = Accounts(project.client, project.settings).all()

    assert [worker.name for worker in workers] == ["honest"]
    assert {account.name: account.workers for account in accounts}["a"] == ("honest",)


def test_each_stage_of_a_project_that_is_garbage_quarantines_it_and_ends_well(rig: Rig) -> None:
    (typed, chunk), (valued, _), (few, _) = broken_chunks(rig)
    root = keys.project_root(rig.settings.key_prefix, "lane")
    rig.client.hset(f"{root}:meta", mapping={"lanes": 1})
    rig.client.hset(f"{root}:inbox", mapping={"rows": 1, "0:rows": 1})
    rig.client.rpush(f"{root}:lane:0", "garbage")
    for name, key in (("retrying", "retrying"), ("expires", "dead")):
        rig.client.hset(f"{keys.project_root(rig.settings.key_prefix, name)}:{key}", "x", "y")

    group(rig.context, "lane")
    retry_due(rig.context, "retrying")
    expire(rig.context, "expires")
    submit(rig.context, typed, chunk)
    settle(rig.context, valued, chunk)
    settle(rig.context, few, chunk)

    found = {each.project_id: each.stage for each in Quarantine(rig.client, rig.settings.key_prefix).all()}
    assert found == {
        "lane": "group",
        "retrying": "retry",
        "expires": "expire",
        "typed": "submit",
        "valued": "settle",
        "few": "settle",
    }
