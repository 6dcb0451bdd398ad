"""Purging a project: every row that has no outcome is discarded, and no row whose import may exist at Labelbox."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from prelabel.wire import keys
from prelabel_worker.errors import PurgeEnded
from prelabel_worker.operations.action_log import Actions
from prelabel_worker.operations.projects import Projects
from prelabel_worker.operations.purge import Purge, PurgeResult, expected
from prelabel_worker.queries.imports import Imports
from prelabel_worker.queries.status import Inspector
from tests.support.command import Command, command_of
from tests.support.project import Project, message
from tests.support.rig import Rig
from tests.support.waiting import wait_for

MANY = 20_000


def purge(project: Project, timeout: float = 0.0) -> tuple[bool, PurgeResult]:
    """Purge a project; return whether the purge ended, and what it did."""
    action = Purge(project.client, project.settings)
    return action.run(project.id, "somebody", timeout), action.result


@pytest.fixture
def command(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Command:
    return command_of(project.settings, monkeypatch, tmp_path, capsys, "project")


def with_rows_everywhere(project: Project) -> None:
    """Publish rows until one is dead, one is retrying, one is in a chunk that was not sent, and two wait."""
    project.kill("dead")
    project.publish(message("retrying"))
    chunk = project.take(project.cut())
    (row,) = project.rows(chunk)
    project.settle(chunk, imported=0, outcomes=[project.holding(row, reason="data-row-not-found", retrying=True)])
    project.publish(message("in a chunk"))
    project.cut()
    project.publish(message("waits"), message("in a chunk"))


def test_waiting_unsent_retrying_and_dead_rows_are_discarded_and_the_counts_balance(project: Project) -> None:
    with_rows_everywhere(project)
    imports = Imports(project.client, project.settings.key_prefix)
    before = expected(project.status(), imports.open("p"))

    ended, result = purge(project)

    assert ended
    assert result == before == PurgeResult(unsent=3, held=2)
    status = project.status()
    assert (status.published, status.discarded, status.pending, status.dead) == (5, 5, 0, 0)
    assert status.purging is None
    assert not project.client.hlen(project.keys.frames)


def test_purged_rows_are_discarded_in_the_history(project: Project) -> None:
    project.publish(message("a"), message("b"))
    purge(project)

    imports = Imports(project.client, project.settings.key_prefix)
    assert [(chunk.name, dict(chunk.outcomes)) for chunk in imports.settled("p")] == [("", {"discarded": 2})]


def test_rows_that_arrive_after_the_purge_began_stay(project: Project) -> None:
    project.publish(message("before"))
    chunk = project.take(project.cut())
    project.send(chunk)
    assert purge(project) == (False, PurgeResult(in_flight=1))
    project.publish(message("after"))

    assert project.ledger.cut_chunk("p") is None
    project.settle(chunk, imported=1)
    assert purge_again(project) == (True, PurgeResult())

    assert (project.status().imported, project.status().discarded) == (1, 0)
    project.import_all(project.cut())
    assert project.status().imported == 2


def purge_again(project: Project) -> tuple[bool, PurgeResult]:
    """End a purge without marking the rows that have arrived since it began."""
    seq = project.client.hget(project.keys.meta, "purgeSeq")
    action = Purge(project.client, project.settings, progress=lambda _: None)
    project.client.hset(project.keys.meta, "seq", seq)
    return action.run("p", "somebody", 0.0), action.result


def test_a_chunk_that_a_worker_builds_is_left_to_it(project: Project) -> None:
    project.publish(message("a"))
    chunk = project.take(project.cut())

    assert purge(project) == (False, PurgeResult(in_flight=1))
    project.ledger.wait(chunk, 60, why="permit")

    assert purge(project) == (True, PurgeResult(unsent=1))
    assert project.status().discarded == 1


def test_a_purge_that_somebody_gives_up_discards_nothing_more(project: Project) -> None:
    project.publish(message("a"))
    action = Purge(project.client, project.settings)
    projects = Projects(project.client, project.settings.key_prefix)
    action.progress = lambda _: projects.resume("p")
    chunk = project.take(project.cut())

    with pytest.raises(PurgeEnded):
        action.run("p", "somebody", 5)

    project.settle(chunk, imported=1)
    assert project.status().discarded == 0


def test_a_pause_that_workers_made_ends_with_the_purge_and_a_persons_does_not(project: Project) -> None:
    project.publish(message("a"))
    project.pauses.pause_project("p", "Labelbox does not know it", 3600, cause="unknown-project")
    purge(project)
    assert project.status().paused is None

    project.pauses.pause_project("p", "by somebody")
    project.publish(message("b"))
    purge(project)
    assert project.status().paused == "by somebody"


def test_a_purge_does_not_shorten_the_history_that_workers_keep(project: Project) -> None:
    for key in "abc":
        project.publish(message(key))
        purge(project)
    project.publish(message("d"))
    settings = project.settings.model_copy(update={"history_megabytes": 1e-6, "frame_memory_days": 1e-6})
    seen = project.client.zcard(project.keys.seen)

    Purge(project.client, settings).run("p", "somebody", 0)

    assert len(list(Imports(project.client, settings.key_prefix).settled("p"))) == 4
    assert project.client.zcard(project.keys.seen) == seen + 1


def test_an_import_in_progress_is_followed_to_its_end_and_its_rows_keep_their_outcome(rig: Rig) -> None:
    rig.warm()
    rig.fault("stuck-running", seconds=60)
    rig.publish("a")
    rig.run(rig.runs, "the import to run")
    rig.publish("b")

    assert purge(rig.project) == (False, PurgeResult(unsent=1, in_flight=1))
    rig.fix()
    rig.run(lambda: not rig.chunks(), "the import to end")
    assert purge(rig.project) == (True, PurgeResult())

    status = rig.project.status()
    assert (status.imported, status.discarded, status.pending) == (2, 1, 0)
    assert rig.pre_labels() == ["a", "warm"]


def test_an_upload_without_an_answer_is_looked_up_even_while_the_project_is_paused(rig: Rig) -> None:
    rig.warm()
    rig.fault("accept-then-time-out", hold=1.0)
    rig.publish("a")
    rig.run(lambda: rig.chunks() and rig.fields()["state"] == "uncertain", "an upload without an answer")
    rig.project.pauses.pause_project(rig.project.id, "by somebody")

    assert purge(rig.project) == (False, PurgeResult(in_flight=1))
    rig.run(lambda: not rig.chunks(), "the import to be found and settled")
    assert purge(rig.project)[0]

    assert (rig.project.status().imported, rig.project.status().discarded) == (2, 0)


def test_an_upload_that_never_arrived_is_not_sent_again_but_discarded(rig: Rig) -> None:
    rig.warm()
    rig.fault("reset", seconds=60)
    rig.publish("a")
    rig.run(lambda: rig.chunks() and rig.fields()["state"] == "uncertain", "an upload without an answer")
    creates = rig.creates()

    assert purge(rig.project) == (False, PurgeResult(in_flight=1))
    rig.sandbox.control("DELETE", "/faults")
    rig.run(lambda: rig.fields()["state"] == "waiting", "the import not to be found")
    assert purge(rig.project) == (True, PurgeResult(unsent=1))

    assert rig.creates() == creates
    assert rig.pre_labels() == ["warm"]


def test_a_killed_purge_is_resumed_by_the_same_command(project: Project, tmp_path: Path) -> None:
    for at in range(0, MANY, 2000):
        project.publish(*(message(f"row-{number}") for number in range(at, at + 2000)))
    words = [sys.executable, "-m", "prelabel_worker.cli", "project", "purge", "p", "--yes", "--timeout", "60"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PRELABEL_")}
    environment |= {
        "PRELABEL_REDIS_URL": project.settings.redis_url.get_secret_value(),
        "PRELABEL_KEY_PREFIX": project.settings.key_prefix,
        "PRELABEL_LEASE_SECONDS": "1",
        "PRELABEL_SERVER_LIMIT_SECONDS": "1",
    }
    inspector = Inspector(project.client, project.settings.key_prefix)

    command = subprocess.Popen(words, env=environment, cwd=tmp_path, stdout=subprocess.DEVNULL)
    wait_for(lambda: inspector.status("p").discarded, "the first rows to be discarded")
    command.send_signal(signal.SIGKILL)
    command.wait(10)

    between = project.status()
    assert 0 < between.discarded < MANY
    assert between.purging is not None
    assert project.ledger.cut_chunk("p") is None
    again = subprocess.run(words, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=90)
    assert again.returncode == 0, again.stderr
    status = project.status()
    assert (status.discarded, status.pending, status.purging) == (MANY, 0, None)


def test_the_command_asks_for_the_projects_id_and_counts_with_dry_run(project: Project, command: Command) -> None:
    with_rows_everywhere(project)

    counted = command("purge", "p", "--dry-run")
    assert (counted.code, project.status().discarded) == (0, 0)
    assert counted.out.startswith("would discard 5 rows of p: 3 not uploaded, 2 retrying or dead")
    refused = command("purge", "p")
    assert (refused.code, project.status().discarded) == (2, 0)
    assert "give --yes" in refused.err

    done = command("purge", "p", "--yes", "--json")
    assert (done.code, done.json["discarded"], project.status().discarded) == (0, 5, 5)
    nothing = command("purge", "p", "--yes")
    assert (nothing.code, nothing.err) == (3, "prelabel: no row of p is pending or dead: there is nothing to discard\n")


def test_the_command_discards_only_if_the_projects_id_is_typed(
    project: Project, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_rows_everywhere(project)
    monkeypatch.setattr("prelabel_worker.cli.project.purge._on_a_terminal", lambda: True)

    wrong = command("purge", "p", stdin=b"yes\n")
    assert (wrong.code, project.status().discarded) == (3, 0)
    assert "that is not the project's id: nothing was discarded" in wrong.err

    assert command("purge", "p", stdin=b"p\n").code == 0
    assert project.status().discarded == 5


def test_a_purge_is_in_the_record_of_actions(project: Project, command: Command) -> None:
    project.publish(message("a"))
    command("purge", "p", "--yes")

    ended, begun = Actions(project.client, project.settings.key_prefix).last("p")
    assert (begun.action, begun.details) == ("purge-begun", {"unsent": 1, "held": 0, "inFlight": 0})
    assert (ended.action, ended.details) == ("purge", {"unsent": 1, "held": 0, "inFlight": 0, "ended": True})


def test_a_purge_that_has_not_ended_says_what_it_waits_for(project: Project, command: Command) -> None:
    project.publish(message("a"))
    project.send(project.take(project.cut()))

    done = command("purge", "p", "--yes", "--timeout", "0")

    assert done.code == 3
    assert "1 row in imports that may be in progress; no worker is alive to follow them" in done.err
    assert "prelabel project purge p resumes it" in done.err


def test_a_purged_project_leaves_the_lists_until_a_row_is_published_to_it(project: Project, command: Command) -> None:
    mistyped = Project(project.client, project.settings, "mistyped")
    project.publish(message("a"))
    mistyped.publish(message("a"), message("b"))

    def listed() -> bool:
        (line,) = [line for line in command("list").out.splitlines() if line.startswith("mistyped")] or [""]
        return bool(line)

    assert listed()
    ended, _ = purge(mistyped)

    assert ended
    assert not listed()
    assert "1 project not listed, since all rows were discarded" in command("list").err
    assert "prelabel status --project mistyped" in command("list").err
    of_json = json.loads(command("list", "--json").out)["projects"]
    assert [(entry["projectId"], entry["discarded"]) for entry in of_json] == [("mistyped", 2), ("p", 0)]
    mistyped.publish(message("c"))
    assert listed()


def test_a_publisher_that_was_stopped_between_its_two_writes_is_not_overlooked(project: Project) -> None:
    """It has named the project in the set of projects, and its rows come after the purge."""
    project.publish(message("a"))
    project.client.zadd(keys.projects(project.settings.key_prefix), {project.id: 0}, lt=True)
    ended, _ = purge(project)
    listed = project.client.zscore(keys.projects(project.settings.key_prefix), project.id)

    assert ended
    assert project.status().is_emptied
    assert listed is not None, "workers look at the project when the rows come"
