"""What needs a person: each cause once, what stops rows first, with what to do."""

from dataclasses import replace

from prelabel.unix_time import UnixTime
from prelabel_console.attention import attention_of
from prelabel_console.audits import Verdict
from prelabel_worker.accounts.status import AccountStatus, Stop
from prelabel_worker.presence import WorkerStatus, missing_roles
from prelabel_worker.quarantine.quarantine import Quarantined
from prelabel_worker.queries.audit import ProjectAudit
from prelabel_worker.queries.overview import Overview, ProjectSummary

WORKER = WorkerStatus("worker1@h", "h", 7, "1.0", 2, 0.5, accounts=("default",))
ACCOUNT = AccountStatus("default", 100, 100, 1, projects=("p",), workers=("worker1@h",))
PROJECT = ProjectSummary(
    project_id="p", published=9, pending=4, outcomes={"imported": 5, "dead": 0}, waiting=4, chunks=0, retrying=0,
    oldest_waiting_at=None, paused=None, paused_until=None, pause_cause=None, purging=None, account="default",
)  # fmt: skip
CALM = Overview({"p": PROJECT}, [], 0, [ACCOUNT], [WORKER], UnixTime(0))


def causes(overview: Overview, verdict: Verdict | None = None) -> list[str]:
    return [thing.what for thing in attention_of(overview, verdict)]


def test_nothing_needs_a_person_while_all_is_in_order() -> None:
    assert causes(CALM, Verdict(1, [], 0)) == []


def test_without_workers_that_alone_is_said_of_them() -> None:
    things = attention_of(replace(CALM, workers=[], accounts=[replace(ACCOUNT, workers=())]), None)

    assert things[0].what == "No worker is alive"
    assert things[0].stops_rows
    assert "No worker has a key for account default" in [thing.what for thing in things]


def test_a_worker_that_has_not_ticked_for_a_while_does_not_count() -> None:
    silent = replace(WORKER, name="w2", seen_seconds_ago=9.0)

    assert causes(replace(CALM, workers=[silent])) == ["No worker is alive"]
    workers = [replace(WORKER, role="submit"), replace(silent, role="poll")]
    assert causes(replace(CALM, workers=workers)) == ["No worker has the role poll"]


def test_a_role_that_nobody_has_is_named() -> None:
    assert missing_roles([replace(WORKER, role="submit")]) == ["poll"]
    assert missing_roles([replace(WORKER, role="submit"), replace(WORKER, role="poll")]) == []
    assert causes(replace(CALM, workers=[replace(WORKER, role="poll")])) == ["No worker has the role submit"]


def test_a_stopped_account_comes_with_its_remedy_and_its_end() -> None:
    stops = (Stop("throttled", "429", 30.0), Stop("refused", "401", 1e12, "f"), Stop("paused", "by ada", 1e12))
    things = attention_of(replace(CALM, accounts=[replace(ACCOUNT, stops=stops, breaker="open")]), None)

    assert len(things) == 4
    assert things[0].until is not None
    assert "ends by itself" in things[0].remedy
    assert "key that Labelbox accepts" in things[1].remedy
    assert things[2].until is None
    assert all(thing.stops_rows and thing.link == "/accounts#default" for thing in things)


def test_many_paused_projects_are_summed_up() -> None:
    projects = {str(n): replace(PROJECT, project_id=str(n), paused="by ada") for n in range(9)}

    assert causes(replace(CALM, projects=projects))[-1] == "4 more projects paused"


def test_what_pauses_by_itself_is_not_to_be_resumed_blindly() -> None:
    by_hand = replace(PROJECT, paused="by ada", pause_cause="operator")
    unknown = replace(by_hand, pause_cause="unknown-project")
    (first,) = attention_of(replace(CALM, projects={"p": by_hand}), None)
    (second,) = attention_of(replace(CALM, projects={"p": unknown}), None)

    assert (first.remedy, second.remedy) == ("resume it there", "see what to do")


def test_what_stops_rows_comes_first() -> None:
    overview = replace(
        CALM,
        quarantined=[Quarantined("q", "read", "WRONGTYPE")],
        malformed=2,
        accounts=[replace(ACCOUNT, breaker="open")],
    )
    verdict = Verdict(0, [ProjectAudit("p", {}, {}, ["dead: counted 1, found 0"])], 0)
    things = attention_of(overview, verdict)

    assert [thing.stops_rows for thing in things] == [True, False, False, False]
    assert "do not balance: dead: counted 1, found 0" in things[-1].what
