"""`prelabel spool`: listing frames on the disk, and sending them without a publisher."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from typer.testing import CliRunner, Result

from prelabel.publishing.buffer import Row
from prelabel.publishing.journal import Accepted, Journal, Left
from prelabel.spool.slots import Slot, take_slot
from prelabel.validation.gate import prepare
from prelabel_worker.cli.main import app
from tests.support.publishing import frame_of, message, published, waiting


@pytest.fixture
def slot(tmp_path: Path) -> Slot:
    return take_slot(tmp_path / "spool")


Command = Callable[..., Result]


@pytest.fixture
def spool(redis_url: str, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Return a function that runs `prelabel spool …` in the test's folder."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("PRELABEL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PRELABEL_REDIS_URL", redis_url)
    monkeypatch.setenv("PRELABEL_KEY_PREFIX", prefix)
    return lambda *args: CliRunner().invoke(app, ["spool", *args])


def test_waiting_frames_are_listed_without_being_changed(spool: Command, slot: Slot, tmp_path: Path) -> None:
    slot.spool("p", 10**9).append([frame_of("a", days_ago=1), frame_of("b")])
    path = next((tmp_path / "spool").rglob("*.frames"))
    torn = path.read_bytes()[:-1]
    path.write_bytes(torn)

    answer = spool("list", "spool", "--json")

    assert answer.exit_code == 0
    (found,) = json.loads(answer.stdout)["spools"]
    assert (found["slot"], found["projectId"], found["rows"], found["publisherRuns"]) == (0, "p", 1, True)
    assert found["oldestSeconds"] == pytest.approx(86_400, abs=60)
    assert path.read_bytes() == torn
    assert "p" in spool("list", "spool").stdout


def test_frames_of_a_slot_without_owner_are_sent(
    spool: Command, slot: Slot, client: "redis.Redis", prefix: str
) -> None:
    slot.spool("p", 10**9).append([frame_of("a"), frame_of("b")])
    slot.spool("q", 10**9).append([frame_of("c", project="q")])
    slot.release()

    answer = spool("send", "spool")

    assert (answer.exit_code, answer.stdout) == (0, "sent 3 rows\n")
    assert (published(client, prefix), published(client, prefix, "q")) == (2, 1)
    assert spool("send", "spool").exit_code == 3
    assert spool("list", "spool").exit_code == 3


def test_the_json_of_send_counts_rows_and_names_the_slots_of_running_publishers(spool: Command, slot: Slot) -> None:
    slot.spool("p", 10**9).append([frame_of("a")])
    running = spool("send", "spool", "--json")
    assert (running.exit_code, json.loads(running.stdout)) == (1, {"sent": 0, "stayed": 0, "runningSlots": [0]})
    slot.release()
    assert json.loads(spool("send", "spool", "--json").stdout) == {"sent": 1, "stayed": 0, "runningSlots": []}


def test_rows_that_a_publisher_had_in_memory_when_it_was_killed_are_listed_and_sent(
    spool: Command, slot: Slot, client: "redis.Redis", prefix: str
) -> None:
    slot.spool("p", 10**9).append([frame_of("a")])
    journal = Journal(slot.journal, tuple)
    for project in ("p", "q"):
        prepared = prepare(message("b", project))
        journal.write(Accepted(project, 1, Row(prepared.data_row_key, bytes(prepared.raw), prepared.slow)))
    journal.close(keep=True)

    assert [each["rows"] for each in json.loads(spool("list", "spool", "--json").stdout)["spools"]] == [1]
    slot.release()
    found = json.loads(spool("list", "spool", "--json").stdout)["spools"]
    assert [(each["projectId"], each["rows"]) for each in found] == [("p", 2), ("q", 1)]
    assert spool("send", "spool").stdout == "sent 3 rows\n"
    assert (published(client, prefix), published(client, prefix, "q")) == (2, 1)
    assert spool("list", "spool").exit_code == 3


def test_a_journal_of_a_newer_release_stays_and_is_named(spool: Command, slot: Slot) -> None:
    journal = Journal(slot.journal, tuple)
    journal.write(Left("p", 1))
    journal._files[-1].append(Left("p", 1), b"\x93\x4d\xa1p\x01")
    journal.close(keep=True)
    slot.release()

    listed, sent = spool("list", "spool"), spool("send", "spool")

    assert "has a record that only a newer release knows" in str(listed.exception)
    assert sent.exit_code == 1
    assert "not sent, because their journals cannot be moved to the spool: slots 0" in sent.stderr
    assert len(list(slot.journal.iterdir())) == 1


def test_a_running_publishers_spool_is_left_to_it(
    spool: Command, slot: Slot, client: "redis.Redis", prefix: str
) -> None:
    slot.spool("p", 10**9).append([frame_of("a")])

    answer = spool("send", "spool")

    assert answer.exit_code == 1
    assert "not sent, because their publishers run and send them: slots 0" in answer.stderr
    assert client.exists(f"{prefix}:{{p}}:frames") == 0


def test_frames_that_are_too_old_are_sent_only_with_force_and_before_younger_ones(
    spool: Command, slot: Slot, client: "redis.Redis", prefix: str
) -> None:
    slot.spool("p", 10**9).append([frame_of("old", days_ago=8), frame_of("young")])
    slot.release()

    first = spool("send", "spool")
    assert (first.exit_code, first.stdout) == (1, "sent 1 row\n")
    assert "1 row stayed" in first.stderr
    assert [b'"old"' in raw for raw in waiting(client, prefix)] == [False]
    (found,) = json.loads(spool("list", "spool", "--json").stdout)["spools"]
    assert (found["rows"], found["expiredRows"]) == (0, 1)
    assert found["expiredOldestSeconds"] == pytest.approx(8 * 86_400, abs=60)

    forced = spool("send", "spool", "--force")
    assert (forced.exit_code, forced.stdout) == (0, "sent 1 row\n")
    assert published(client, prefix) == 2
    assert spool("list", "spool").exit_code == 3


def test_frames_of_another_lane_count_are_cut_anew(
    spool: Command, slot: Slot, client: "redis.Redis", prefix: str
) -> None:
    client.hset(f"{prefix}:{{p}}:meta", mapping={"lanes": 4})
    slot.spool("p", 10**9).append([frame_of("a"), frame_of("b")])
    slot.release()

    assert spool("send", "spool").stdout == "sent 2 rows\n"
    assert published(client, prefix) == 2


def test_a_folder_that_is_not_there_is_a_usage_error(spool: Command) -> None:
    answer = spool("list", "nowhere")

    assert answer.exit_code == 2
    assert "nowhere: no such folder" in answer.stderr


@pytest.mark.parametrize("command", ["list", "send"])
def test_every_command_helps_with_an_example(spool: Command, command: str) -> None:
    assert f"Example: prelabel spool {command}" in spool(command, "--help").stdout
