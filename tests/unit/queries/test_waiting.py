"""Why rows wait, and what a person can do: every reason has both."""

import time
from dataclasses import replace

import pytest

from prelabel.unix_time import UnixTime
from prelabel_worker.accounts.status import AccountStatus, Stop
from prelabel_worker.presence import WorkerStatus
from prelabel_worker.queries.status import ProjectStatus
from prelabel_worker.queries.waiting import waits

PENDING = ProjectStatus(
    project_id="p", published=3, pending=3, imported=0, superseded=0, skipped=0, dead=0, discarded=0, waiting=3,
    chunks={}, oldest_waiting_seconds=1.0, dead_reasons={}, paused=None, paused_until=None,
)  # fmt: skip
ACCOUNT = AccountStatus("default", projects=("p",))
WORKERS = [WorkerStatus("w", "h", 1, "0.1.0", 2, 0.5)]
SOON = UnixTime(time.time() + 60)


def told(status: ProjectStatus, account: AccountStatus = ACCOUNT, workers: list[WorkerStatus] = WORKERS) -> str:
    """Return the only reason, as its cause and its line."""
    (wait,) = waits(status, account, workers)
    return f"{wait.cause} | {wait}"


def paused(cause: str, why: str) -> ProjectStatus:
    return replace(PENDING, paused=why, paused_until=SOON, pause_cause=cause)


def test_rows_that_only_need_time_have_no_reason() -> None:
    assert waits(PENDING, ACCOUNT, WORKERS) == []
    assert waits(replace(PENDING, chunks_wait={"permit": 2, "account throttled": 1}), ACCOUNT, WORKERS) == []


def test_a_project_without_pending_rows_has_no_reason() -> None:
    assert waits(replace(paused("operator", "by ana"), pending=0), ACCOUNT, []) == []


@pytest.mark.parametrize(
    ("cause", "remedy"),
    [
        ("unknown-project", "prelabel project purge p discards these rows"),
        ("forbidden", "give the key's user a role in the project"),
        ("no-key", "PRELABEL_ACCOUNT_KEYS"),
        ("refused-files", "prelabel import list --project p"),
    ],
)
def test_a_pause_that_workers_made_names_what_to_do(cause: str, remedy: str) -> None:
    line = told(paused(cause, "the words of the pause"))

    assert line.startswith(f"{cause} | p waits: the words of the pause; ")
    assert remedy in line


def test_a_reason_is_named_also_while_workers_try_again_between_two_pauses() -> None:
    why = "Labelbox does not know project p, or the key may not see it"
    between = replace(PENDING, pause_cause="unknown-project", chunks_wait={why: 1})

    assert told(between).startswith(f"unknown-project | p waits: {why}; ")


def test_a_persons_pause_is_ended_by_a_person() -> None:
    status = replace(PENDING, paused="by ana: new ontology", paused_until=None, pause_cause="operator")

    assert told(status) == (
        "operator | p waits: paused until somebody resumes it: by ana: new ontology; "
        "prelabel project resume p ends the pause"
    )


def test_a_purge_that_has_not_ended_is_a_reason() -> None:
    line = told(replace(PENDING, purging="ana", purging_since=UnixTime(1.0)))

    assert "a purge by ana, begun 1970-01-01T00:00:01.000Z, has not ended" in line
    assert "prelabel project purge p resumes it, prelabel project resume p gives it up" in line


def test_a_stopped_account_is_named_with_its_end_and_the_words_of_the_stop() -> None:
    stopped = replace(ACCOUNT, stops=(Stop("paused", "the words", 60.0),))
    line = told(PENDING, stopped)

    assert line.startswith("account | p waits: account default is paused until ")
    assert line.endswith(": the words; prelabel account resume default ends the stop")
    assert "Labelbox does not answer" in told(PENDING, replace(ACCOUNT, breaker="open"))


def test_stuck_chunks_newer_rows_and_failed_requests_are_reasons() -> None:
    assert "1 chunk stopped by a defect" in told(replace(PENDING, stuck=1))
    assert "2 rows for a worker of a newer release" in told(replace(PENDING, newer=2))
    assert "2 chunks: Labelbox answers 503; workers try again by themselves" in told(
        replace(PENDING, chunks_wait={"Labelbox answers 503": 2})
    )


def test_rows_without_any_worker_wait_for_one() -> None:
    assert told(PENDING, workers=[]).endswith(
        "no worker is alive; start one with the same PRELABEL_REDIS_URL: prelabel worker"
    )
