"""Undoing imports: deleted at Labelbox, rows discarded, only once despite crashes, and shown by every query."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from prelabel.unix_time import UnixTime
from prelabel_worker.accounts.status import Accounts
from prelabel_worker.dead_letters.store import BulkResult
from prelabel_worker.labelbox.errors import Unauthorized
from prelabel_worker.operations.action_log import Actions
from prelabel_worker.operations.projects import Projects
from prelabel_worker.operations.undo import FORGOTTEN, RUNNING, UNDONE, Undo, sent_between
from prelabel_worker.operations.undo_ledger import UndoLedger, with_workers_history
from prelabel_worker.presence import Presence, announce, new_identity
from prelabel_worker.queries.imports import Imports, ImportStatus
from prelabel_worker.queries.row_trace import Tracer
from tests.support.command import Command, command_of
from tests.support.mortal import Killed, Mortal
from tests.support.rig import Rig, car
from tests.support.undoing import undo, undoing


def bring(rig: Rig, *row_keys: str, left: int = 1) -> ImportStatus:
    """Import these rows, and return the import."""
    rig.project.publish(*(car(rig.project.id, key, left) for key in row_keys))
    rig.settle()
    return settled(rig)[0]


def settled(rig: Rig) -> list[ImportStatus]:
    return list(Imports(rig.client, rig.settings.key_prefix).settled(rig.project.id))


def outcomes(rig: Rig) -> tuple[int, int, int]:
    """Return the numbers of rows imported, discarded and undone, after asserting that the audit balances."""
    status = rig.project.status()
    return status.imported, status.discarded, status.undone


# -- what becomes of it


def test_the_pre_labels_go_and_the_rows_count_as_discarded(rig: Rig) -> None:
    first, second = bring(rig, "a", "b"), bring(rig, "c")

    action = undo(rig, first)

    assert action.result == BulkResult(1, 1, 0, 2)
    assert rig.pre_labels() == ["c"]
    assert outcomes(rig) == (1, 2, 2)
    assert [(each.chunk_id, bool(each.undone_at)) for each in settled(rig)] == [
        (second.chunk_id, False),
        (first.chunk_id, True),
    ]
    trace = Tracer(rig.client, rig.settings.key_prefix).trace(rig.project.id, "a")
    assert [bool(each.import_.undone_at) for each in trace.settled] == [True]
    assert rig.project.audit().found["undone"] == 2


def test_a_repeated_undo_changes_nothing_and_says_so(rig: Rig) -> None:
    first = bring(rig, "a", "b")
    undo(rig, first)

    again, known = undo(rig, first), undo(rig, *settled(rig))

    assert again.result == known.result == BulkResult(1, 0, 1, 0)
    assert again.why_skipped == known.why_skipped == {UNDONE: 1}
    assert outcomes(rig) == (0, 2, 2)


def test_an_import_in_progress_is_refused_and_settled_as_ever(rig: Rig) -> None:
    rig.warm()
    rig.fault("stuck-running", seconds=60)
    rig.publish("a")
    rig.run(rig.runs, "the import to run")
    (running,) = Imports(rig.client, rig.settings.key_prefix).open(rig.project.id)

    action = undo(rig, running)

    assert action.why_skipped == {RUNNING: 1}
    assert rig.runs()
    assert (rig.status().imported, rig.status().discarded) == (1, 0)


def test_rows_that_were_not_imported_stay_as_they_are(rig: Rig) -> None:
    rig.warm()
    rig.fault("row-failure", seconds=60, match="spoilt")
    rig.project.publish(car(rig.project.id, "a"), car(rig.project.id, "a", 2), car(rig.project.id, "spoilt"))
    status = rig.settle()
    assert (status.imported, status.superseded, status.dead) == (2, 1, 1)

    action = undo(rig, settled(rig)[0])

    status = rig.project.status()
    assert action.result.rows == 1
    assert (status.imported, status.superseded, status.dead, status.discarded) == (1, 1, 1, 1)
    rig.fix()
    rig.project.held.retry(rig.project.id, [rig.dead_letter().id])
    assert rig.settle().imported == 2


def test_an_undone_import_does_not_take_pre_labels_that_a_newer_import_overrode(rig: Rig) -> None:
    """The sandbox deletes an import's pre-labels that no newer one has overridden: our assumption."""
    older, newer = bring(rig, "a", "b"), bring(rig, "a", left=7)

    undo(rig, older)
    assert rig.pre_labels() == ["a"]
    assert outcomes(rig) == (1, 2, 2)

    undo(rig, newer)
    assert rig.pre_labels() == []  # what it had overridden does not come back
    assert outcomes(rig) == (0, 3, 3)


def test_an_upload_that_labelbox_took_twice_is_deleted_twice(rig: Rig) -> None:
    first = bring(rig, "a")
    rig.sandbox.control("POST", "/settings", {"duplicateNames": "oldest"})
    line = json.dumps(rig.sandbox.pre_labels(rig.project.id)[0]).encode() + b"\n"
    labelbox = rig.context.account("").labelbox
    labelbox.create_import(rig.project.id, first.name, [line], lambda: True)
    rig.sandbox.ended(rig.project.id, first.name)

    assert undo(rig, first).result.done == 1

    assert rig.pre_labels() == []
    assert rig.sandbox.ask("query L($p: ID!) { modelAssistedLabelingPredictionImports(where: {projectId: $p}) { id } }",
                           p=rig.project.id).json()["data"]["modelAssistedLabelingPredictionImports"] == []  # fmt: skip


def test_a_command_with_another_length_of_the_history_forgets_the_rows_all_the_same(rig: Rig) -> None:
    Projects(rig.client, rig.settings.key_prefix).override(rig.project.id, {"policy": "skip"})
    first = bring(rig, "a")
    days = rig.settings.history_days
    worker = Presence("h", 1, "0.1.0", 2, history_days=days)
    announce(rig.client, rig.settings.key_prefix, new_identity(), worker)
    own = rig.settings.model_copy(update={"history_days": days / 3})

    undo(rig, first, settings=with_workers_history(rig.client, own))

    rig.publish("a")
    assert rig.settle().skipped == 0


@pytest.mark.parametrize("policy", ["skip", "dead-letter"])
def test_the_policy_lets_undone_rows_pass_again(rig: Rig, policy: str) -> None:
    Projects(rig.client, rig.settings.key_prefix).override(rig.project.id, {"policy": policy})
    first = bring(rig, "a", "b")
    bring(rig, "c")
    undo(rig, first)

    rig.publish("a", "b", "c")
    status = rig.settle()

    assert (status.imported, status.skipped + status.dead) == (3, 1)
    assert rig.pre_labels() == ["a", "b", "c"]


# -- which


def test_a_time_chooses_the_imports_that_were_sent_in_it(rig: Rig) -> None:
    imports = Imports(rig.client, rig.settings.key_prefix)
    first, second, third = (bring(rig, key) for key in "abc")
    times = [each.submitted_at.ms if each.submitted_at else 0 for each in (first, second, third)]

    def chosen(since: int, until: int | None) -> list[str]:
        return [each.chunk_id for each in sent_between(imports, rig.project.id, since, until)]

    assert chosen(times[1], None) == [third.chunk_id, second.chunk_id]
    assert chosen(0, times[1]) == [second.chunk_id, first.chunk_id]
    assert chosen(times[2] + 1, None) == []


def test_imports_that_the_history_forgot_before_an_undo_stay_counted_and_undeleted(rig: Rig) -> None:
    first = bring(rig, "a")
    rig.client.delete(f"{rig.project.root}:history:{first.chunk_id}")

    action = undo(rig, first)

    assert action.why_skipped == {FORGOTTEN: 1}
    assert rig.pre_labels() == ["a"]
    assert outcomes(rig) == (1, 0, 0)


def test_rows_that_the_history_forgets_during_an_undo_are_still_moved_and_once(rig: Rig) -> None:
    first = bring(rig, "a", "b")
    ledger = UndoLedger(rig.client, rig.settings)
    assert ledger.begin(rig.project.id, [first.chunk_id]) == ["begun"]
    rig.client.delete(f"{rig.project.root}:history:{first.chunk_id}")
    (left,) = Imports(rig.client, rig.settings.key_prefix).undoing(rig.project.id)
    assert left.undoing

    assert undo(rig, left).result == BulkResult(1, 1, 0, 2)

    assert undo(rig, left).why_skipped == {FORGOTTEN: 1}
    assert outcomes(rig) == (0, 2, 2)
    assert rig.pre_labels() == []


def test_the_mark_goes_with_the_record(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(history_megabytes=0.001)
    undo(rig, bring(rig, "a"))
    for key in "bcde":
        bring(rig, key)

    assert all(each.undone_at is None for each in settled(rig))
    assert rig.client.hlen(f"{rig.project.root}:undone") == 0
    assert outcomes(rig) == (4, 1, 1)


def test_if_two_commands_undo_the_same_import_only_one_moves_its_rows(rig: Rig) -> None:
    first = bring(rig, "a", "b")
    one, other = UndoLedger(rig.client, rig.settings), UndoLedger(rig.client, rig.settings)
    ids = [first.chunk_id]
    assert one.begin(rig.project.id, ids) == other.begin(rig.project.id, ids) == ["begun"]

    assert [one.finish(rig.project.id, ids), other.finish(rig.project.id, ids)] == [[2], [-1]]
    assert outcomes(rig) == (0, 2, 2)


# -- trouble


@pytest.mark.parametrize("after", [False, True])
def test_a_crash_at_any_step_is_made_good_by_the_same_undo_and_counts_once(
    rig: Rig, redis_url: str, after: bool
) -> None:
    Projects(rig.client, rig.settings.key_prefix).override(rig.project.id, {"policy": "skip"})
    for steps in range(1, 60):
        bring(rig, "a", "b", "c")
        bring(rig, "d")
        ready = [each for each in settled(rig) if not each.undone_at]
        Mortal.left, Mortal.after = 10**9, after
        mortal = redis.Redis.from_url(redis_url, connection_class=Mortal)
        finished = undone_until_killed(undoing(rig, mortal), rig, ready, steps)
        mortal.close()
        assert rig.project.audit().balances

        again = undo(rig, *sent_between(Imports(rig.client, rig.settings.key_prefix), rig.project.id, 0, None))

        assert again.result.done + again.why_skipped[UNDONE] == again.result.matched
        assert rig.pre_labels() == []
        assert outcomes(rig) == (0, 4 * steps, 4 * steps)
        assert rig.client.exists(f"{rig.project.root}:undoing") == 0
        if finished:
            break
    assert finished


def undone_until_killed(action: Undo, rig: Rig, ready: list[ImportStatus], steps: int) -> bool:
    try:
        Mortal.left = steps
        action.run(rig.project.id, ready)
    except Killed:
        return False
    return True


def test_a_labelbox_that_is_unreachable_for_a_moment_is_asked_again(rig: Rig) -> None:
    first = bring(rig, "a")
    rig.fault("503", times=2, retryAfter=0.05, operations="all")

    assert undo(rig, first).result.done == 1


def test_a_refusal_ends_it_and_nothing_is_counted_that_is_not_known_to_be_gone(rig: Rig) -> None:
    first, second = bring(rig, "a"), bring(rig, "b")
    rig.fault("graphql-error", code="AUTHENTICATION_ERROR", seconds=60)

    with pytest.raises(Unauthorized):
        undo(rig, first, second)

    assert outcomes(rig) == (2, 0, 0)
    assert [each.undoing for each in settled(rig)] == [True, True]
    rig.fix()
    assert undo(rig, *settled(rig)).result == BulkResult(2, 2, 0, 2)
    assert outcomes(rig) == (0, 2, 2)


# -- the command


@pytest.fixture
def prelabel(rig: Rig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return command_of(rig.settings, monkeypatch, tmp_path, capsys)


def test_the_command_counts_asks_undoes_and_is_recorded(rig: Rig, prelabel: Command) -> None:
    first = bring(rig, "a", "b")
    chosen = ("import", "undo", "--project", rig.project.id, "--since", "1h")

    counted = prelabel(*chosen, "--dry-run", "--json")
    assert (counted.code, counted.json) == (0, {"matched": 1, "done": 0, "skipped": 0})
    assert "would discard 2 rows" in counted.err
    unasked = prelabel(*chosen)
    assert unasked.code == 2
    assert "--yes" in unasked.err
    assert outcomes(rig) == (2, 0, 0)

    done = prelabel(*chosen, "--yes", "--json")
    assert (done.code, done.json) == (0, {"matched": 1, "done": 1, "skipped": 0})
    assert outcomes(rig) == (0, 2, 2)
    (action,) = Actions(rig.client, rig.settings.key_prefix).last(rig.project.id)
    assert (action.action, action.details["done"], action.details["rows"]) == ("undo", 1, 2)
    assert "undo" in prelabel("actions", "--project", rig.project.id).out

    again = prelabel("import", "undo", first.name, "--yes")
    assert again.code == 3
    assert "already undone" in again.err
    assert "undone" in prelabel("import", "show", first.chunk_id).out
    undone = prelabel("import", "show", first.chunk_id, "--json").json["undoneAt"]
    assert UnixTime.from_iso(undone) > time.time() - 60
    assert "undone" in prelabel("import", "list", "--project", rig.project.id).out
    assert "its import was undone" in prelabel("row", "show", "a").out
    assert "2 of the discarded" in prelabel("project", "show", rig.project.id).out


def test_the_command_says_why_an_import_cannot_be_undone(rig: Rig, prelabel: Command) -> None:
    unknown = prelabel("import", "undo", "prelabel-0-0", "--yes")
    assert unknown.code == 3
    assert "PRELABEL_HISTORY_DAYS" in unknown.err
    rig.warm()
    rig.fault("stuck-running", seconds=60)
    rig.publish("a")
    rig.run(rig.runs, "the import to run")

    running = prelabel("import", "undo", rig.fields()["name"], "--yes", "--json")

    assert (running.code, running.json) == (1, {"matched": 1, "done": 0, "skipped": 1})
    assert "still in progress" in running.err


@pytest.mark.parametrize(
    "words", [(), ("--project", "p"), ("--since", "1h"), ("name", "--project", "p", "--since", "1h")]
)
def test_undo_needs_at_least_one_filter(prelabel: Command, words: tuple[str, ...]) -> None:
    assert prelabel("import", "undo", *words, "--yes").code == 2


def test_undo_uses_the_account_with_which_an_import_was_sent(
    rig: Rig, prelabel: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = bring(rig, "a")
    rig.client.delete(f"{rig.project.root}:history")
    record = rig.client.get(f"{rig.project.root}:history:{first.chunk_id}").replace(b'"default"', b'"another"')
    rig.client.set(f"{rig.project.root}:history:{first.chunk_id}", record)
    rig.client.zadd(f"{rig.project.root}:history", {f"{first.chunk_id} 1": time.time() * 1000})

    missing = prelabel("import", "undo", first.name, "--yes")
    assert missing.code == 2
    assert "another" in missing.err
    monkeypatch.setenv("PRELABEL_ACCOUNT_KEYS", '{"another": "a-key"}')
    assert prelabel("import", "undo", first.name, "--yes").code == 0

    used = {each.name: each.used for each in Accounts(rig.client, rig.settings).all()}
    assert Accounts(rig.client, rig.settings)._status("another").used == 2
    assert used["default"] > 0
