"""What is wrong now, read from a real Redis."""

from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest

from prelabel.wire import keys
from prelabel_worker.accounts.rate_limiter import Permits
from prelabel_worker.dead_letters.group_state import GroupState, GroupStates
from prelabel_worker.labelbox.errors import Unavailable
from prelabel_worker.notify.fact import Fact, Kind
from prelabel_worker.notify.observation import Observer
from prelabel_worker.operations.projects import Projects
from prelabel_worker.presence import SILENT_SECONDS, Presence, announce
from prelabel_worker.quarantine.quarantine import Quarantine
from tests.support.project import Project, message


def facts(project: Project) -> dict[Kind, list[Fact]]:
    """Return the facts by kind."""
    observer = Observer(project.client, project.settings)
    by_kind: dict[Kind, list[Fact]] = {}
    for fact in observer.facts():
        by_kind.setdefault(fact.kind, []).append(fact)
    return by_kind


def tick(project: Project, identity: str, *, ago: float = 0.0, role: str = "all", **fields: object) -> None:
    """Announce a worker as it did `ago` seconds before now."""
    presence = Presence(host="h", pid=7, version="1", concurrency=1, name=f"{identity}@h", role=role, **fields)  # type: ignore[arg-type]
    announce(project.client, project.settings.key_prefix, identity, presence)
    if ago:
        key = keys.workers(project.settings.key_prefix)
        stored = msgspec.json.decode(project.client.hget(key, identity), type=Presence)
        project.client.hset(key, identity, msgspec.json.encode(msgspec.structs.replace(stored, at=stored.at - ago)))


def test_a_healthy_installation_has_no_trouble(project: Project) -> None:
    tick(project, "one")
    project.publish(message("a"))

    assert facts(project) == {}


def test_a_role_without_a_ticking_worker_is_trouble(project: Project) -> None:
    tick(project, "one", role="submit")
    tick(project, "two", role="poll", ago=SILENT_SECONDS + 1)

    (fact,) = facts(project)[Kind.NO_WORKER]
    assert fact.subject == "poll"

    tick(project, "three", role="all")
    assert Kind.NO_WORKER not in facts(project)


def test_a_worker_that_died_is_missed_while_others_tick_until_one_of_its_name_follows(project: Project) -> None:
    tick(project, "one")
    tick(project, "two", ago=SILENT_SECONDS + 1)
    assert [fact.subject for fact in facts(project)[Kind.WORKER_LOST]] == ["two@h"]

    presence = Presence(host="h", pid=8, version="1", concurrency=1, name="two@h")
    announce(project.client, project.settings.key_prefix, "another", presence)

    assert Kind.WORKER_LOST not in facts(project)


def test_an_account_that_is_stopped_and_one_whose_breaker_is_open_are_trouble(project: Project) -> None:
    tick(project, "one", accounts=["default", "second"])
    project.pauses.stop_account("default", "429 from Labelbox", 60, kind="throttled")
    permits = Permits(project.client, project.settings.key_prefix, "second", 600, 20)
    for _ in range(5):
        permits.failed(permits.reserve("upload", "p"), Unavailable("503"))

    found = facts(project)

    (stopped,) = found[Kind.ACCOUNT_STOPPED]
    assert (stopped.subject, stopped.fields) == ("default", {"stops": "throttled"})
    (away,) = found[Kind.LABELBOX_AWAY]
    assert away.subject == "second"


def test_a_paused_project_is_trouble_with_its_cause_until_it_is_resumed(project: Project) -> None:
    tick(project, "one")
    project.publish(message("a"))
    project.pauses.pause_project("p", "no role in <it>", cause="forbidden")

    (fact,) = facts(project)[Kind.PROJECT_PAUSED]
    assert fact.fields == {"cause": "forbidden"}
    assert fact.text == "project `p` is paused (forbidden): `no role in \u2039it\u203a`"

    Projects(project.client, project.settings.key_prefix).resume("p")
    assert facts(project) == {}


@pytest.mark.parametrize("cut", [False, True])
def test_rows_that_wait_or_are_imported_for_longer_than_the_target_are_late(
    make_project: Callable[..., Project], cut: bool
) -> None:
    project = make_project(freshness_seconds=60)
    tick(project, "one")
    project.publish(message("a"))
    if cut:
        project.cut()
    assert Kind.ROWS_LATE not in facts(project)

    age(project, 90)
    (fact,) = facts(project)[Kind.ROWS_LATE]

    assert fact.subject == "p"
    assert 88 <= int(fact.fields["oldestSeconds"]) <= 92
    project.pauses.pause_project("p", "on purpose")
    assert Kind.ROWS_LATE not in facts(project), "a pause is told by itself"


def age(project: Project, seconds: float) -> None:
    """Make the project's rows older: those in its lanes, and those in its chunks."""
    for chunk, cut in project.client.zrange(project.keys.chunks, 0, -1, withscores=True):
        project.client.zadd(project.keys.chunks, {chunk: cut - seconds * 1000})
    for lane in range(16):
        for at, entry in enumerate(project.client.lrange(project.keys.lane(lane), 0, -1)):
            *first, arrived = entry.split(b" ")[:8]
            rest = entry.split(b" ")[8:]
            changed = b" ".join([*first, b"%d" % (int(arrived) - seconds * 1000), *rest])
            project.client.lset(project.keys.lane(lane), at, changed)


def test_a_target_of_zero_is_never_missed(make_project: Callable[..., Project]) -> None:
    project = make_project(freshness_seconds=0)
    project.publish(message("a"))
    age(project, 1e6)

    assert Kind.ROWS_LATE not in facts(project)


def test_a_cause_of_death_is_trouble_until_its_rows_are_gone_or_somebody_decides(project: Project) -> None:
    tick(project, "one")
    dead = project.kill("secret-a", "secret-b")
    (fact,) = facts(project)[Kind.ERROR_GROUP]
    assert fact.fields == {
        "reason": "refused",
        "field": "annotations[].bbox",
        "state": "open",
        "rows": 2,
        "projects": 1,
    }
    assert "secret" not in fact.text

    states = GroupStates(project.client, project.settings.key_prefix)
    resolved = states.set(fact.subject, "resolved", "somebody", GroupState())
    assert Kind.ERROR_GROUP not in facts(project)
    project.kill("secret-c")
    (regressed,) = facts(project)[Kind.ERROR_GROUP]
    assert regressed.key == fact.key
    assert regressed.text.startswith("a cause that was resolved is back")

    states.set(fact.subject, "ignored", "somebody", resolved)
    assert Kind.ERROR_GROUP not in facts(project)
    states.set(fact.subject, "open", "somebody", states.get(fact.subject))
    project.held.discard("p", [*dead, *(found.id for found in project.held.dead_letters("p"))])
    assert facts(project) == {}


def test_a_project_with_wrong_keys_hides_no_other(project: Project) -> None:
    tick(project, "one")
    other = replace(project, id="q")
    project.publish(message("a"))
    other.inbox.put("q", other.frames(message("b")))
    project.client.set(f"{other.root}:inbox:x", "1")
    project.client.delete(other.keys.inbox)
    project.client.set(other.keys.inbox, "not a hash")
    Quarantine(project.client, project.settings.key_prefix).remember("q", "tick", "WRONGTYPE")
    project.pauses.pause_project("p", "x")

    found = facts(project)

    assert [fact.subject for fact in found[Kind.PROJECT_QUARANTINED]] == ["q"]
    assert [fact.subject for fact in found[Kind.PROJECT_PAUSED]] == ["p"]
