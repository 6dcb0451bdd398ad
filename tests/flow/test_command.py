"""The operator's command against a running stack: what it prints, and its exit codes."""

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from prelabel_worker.cli import NEEDS_EXTRA
from tests.support.flow import COMMAND, Flow, Run, box, run_in

ROOT = Path(__file__).parents[2]


@pytest.fixture
def dead_letters(flow: Flow) -> list[str]:
    """Make a project with two dead letters and one imported row; return the dead letters' ids."""
    flow.publish(
        box("good", project=flow.project),
        box("bad-1", "vesel", project=flow.project, messageId="m1"),
        box("bad-2", "bollard", project=flow.project, messageId="m2"),
    )
    flow.settled()
    return [dead_letter.id for dead_letter in flow.held.dead_letters(flow.project)]


def test_messages_from_standard_input_are_published_and_refusals_named(flow: Flow, run: Run) -> None:
    good = json.dumps({key: value for key, value in box("a", project="x").items() if key != "projectId"})
    lines = "\n".join([good, "", "{", json.dumps({"dataRow": {"globalKey": "b"}, "annotations": {}}), good])

    done = run("publish", "-", "--project", flow.project, stdin=lines)

    assert done.returncode == 1
    assert done.stdout.strip() == "published 2, refused 2"
    assert "line 3: message: expected JSON in UTF-8" in done.stderr
    assert "line 4: annotations: expected" in done.stderr
    assert "[malformed-message]" in done.stderr
    assert flow.settled().published == 2


def test_status_says_what_became_of_every_row(flow: Flow, run: Run, dead_letters: list[str]) -> None:
    done = run("status", "--json")

    assert done.returncode == 0
    answer = json.loads(done.stdout)
    (found,) = [each for each in answer["projects"] if each["projectId"] == flow.project]
    counts = {
        name: found[name] for name in ("published", "pending", "imported", "superseded", "skipped", "dead", "discarded")
    }
    assert counts == {
        "published": 3, "pending": 0, "imported": 1, "superseded": 0, "skipped": 0, "dead": 2, "discarded": 0
    }  # fmt: skip
    assert found["deadReasons"] == {"unknown-feature": 1, "wrong-kind": 1}
    assert len(answer["workers"]) == 2
    table = run("status", "--project", flow.project).stdout
    assert flow.project in table
    assert "2 workers" in table


def test_wait_ends_with_1_when_there_are_dead_letters_and_0_without(
    flow: Flow, run: Run, dead_letters: list[str]
) -> None:
    assert run("wait", "--project", flow.project).returncode == 1
    assert run("wait", "--project", "nothing-published").returncode == 3


def test_wait_ends_with_3_when_the_time_is_over(flow: Flow, run: Run) -> None:
    flow.fault("503", seconds=60)
    flow.publish(box("a", project=flow.project))

    done = run("wait", "--timeout", "0.5", "--project", flow.project)

    assert done.returncode == 3
    assert "s: 1 row" in done.stderr


def test_audit_balances_and_says_where_it_does_not(flow: Flow, run: Run, dead_letters: list[str]) -> None:
    good = run("audit", "--json")
    assert good.returncode == 0
    assert json.loads(good.stdout)["balances"]

    key = f"prelabel:{{{flow.project}}}:counts"
    flow.client.hincrby(key, "imported", -1)
    bad = run("audit")
    flow.client.hincrby(key, "imported", 1)

    assert bad.returncode == 1
    assert "pending: counted 1, found 0" in bad.stdout


def test_dead_letters_are_listed_by_project_reason_and_message(flow: Flow, run: Run, dead_letters: list[str]) -> None:
    def listed(*filters: str) -> list[str]:
        done = run("dead", "list", "--project", flow.project, "--json", *filters)
        return [dead_letter["messageId"] for dead_letter in json.loads(done.stdout)["deadLetters"]]

    assert sorted(listed()) == ["m1", "m2"]
    assert listed("--reason", "unknown-feature") == ["m1"]
    assert listed("--message-id", "m2") == ["m2"]
    assert "unknown-feature" in run("dead", "list", "--project", flow.project).stdout
    assert run("dead", "list", "--project", flow.project, "--reason", "refused").returncode == 3


def test_a_dead_letter_is_shown_with_its_cause_and_its_message(flow: Flow, run: Run, dead_letters: list[str]) -> None:
    (dead_letter,) = flow.held.dead_letters(flow.project, message_id="m1")

    done = run("dead", "show", dead_letter.id, "--project", flow.project)

    assert done.returncode == 0
    for part in ("unknown-feature", "annotations[0].name", "did you mean vessel?", "k:bad-1", '"messageId"'):
        assert part in done.stdout.replace("\n", "")
    assert run("dead", "show", "999999", "--project", flow.project).returncode == 3


def test_dead_letters_are_retried_by_filter_and_counted(flow: Flow, run: Run, dead_letters: list[str]) -> None:
    dry = run("dead", "retry", "--project", flow.project, "--reason", "unknown-feature", "--dry-run")
    assert (dry.returncode, dry.stdout.strip()) == (0, "would retry 1 of 1")

    done = run("dead", "retry", "--project", flow.project, "--json")

    assert json.loads(done.stdout) == {"matched": 2, "done": 2, "skipped": 0}
    assert flow.settled().dead == 2
    assert {dead_letter.attempts for dead_letter in flow.held.dead_letters(flow.project)} == {2}
    assert run("dead", "retry", "--project", flow.project, "12345").returncode == 3


def test_a_misspelt_feature_is_edited_on_the_way_back_and_imported(
    flow: Flow, run: Run, dead_letters: list[str]
) -> None:
    done = run("dead", "retry", "--project", flow.project, "--rename-feature", "vesel=vessel", "--json")

    assert json.loads(done.stdout) == {"matched": 2, "done": 1, "skipped": 1}
    status = flow.settled()
    assert (status.imported, status.dead) == (2, 1)
    assert {line["name"] for line in flow.pre_labels()} == {"vessel"}
    assert {line["dataRow"]["globalKey"] for line in flow.pre_labels()} == {"good", "bad-1"}
    log = json.loads(run("actions", "--project", flow.project, "--json").stdout)["actions"]
    assert [(action["action"], action["details"]["done"]) for action in log] == [("retry", 1)]


def test_exported_messages_are_published_again_and_the_dead_letters_discarded(
    flow: Flow, run: Run, dead_letters: list[str]
) -> None:
    exported = run("dead", "export", "--project", flow.project, "--reason", "unknown-feature", "--messages")
    assert run("publish", "-", stdin=exported.stdout.replace("vesel", "vessel")).stdout == "published 1, refused 0\n"
    asked = run("dead", "discard", "--project", flow.project)
    assert (asked.returncode, asked.stdout) == (2, "")

    done = run("dead", "discard", "--project", flow.project, "--yes", "--json")

    assert json.loads(done.stdout) == {"matched": 2, "done": 2, "skipped": 0}
    status = flow.settled()
    assert (status.imported, status.dead, status.discarded) == (2, 0, 2)


def test_workers_discard_dead_letters_that_are_too_old(
    flow: Flow, dead_letters: list[str], wait_for: Callable[..., None]
) -> None:
    root = f"prelabel:{{{flow.project}}}"
    wait_for(lambda: flow.client.hget(f"{root}:meta", "deadLetterMs"), "a worker to say how long dead letters are kept")
    assert int(flow.client.hget(f"{root}:meta", "deadLetterMs") or 0) == 90 * 86_400_000

    flow.client.zincrby(f"{root}:dead", -91 * 86_400_000, dead_letters[0])
    flow.client.zadd(f"{root}:timers", {"expire": 0})

    wait_for(lambda: flow.status().discarded == 1, "the dead letter to expire")
    assert flow.settled().dead == 1


def test_doctor_finds_the_stack_in_order(run: Run) -> None:
    done = run("doctor")

    assert done.returncode == 0, done.stdout
    assert "accepts the key" in done.stdout
    assert "BAD" not in done.stdout


def test_an_unreachable_service_is_exit_code_4_without_the_password(tmp_path: Path) -> None:
    done = run_in(tmp_path, "status", PRELABEL_REDIS_URL="redis://:s3cret@127.0.0.1:1/0")

    assert done.returncode == 4
    assert "127.0.0.1:1" in done.stderr
    assert "s3cret" not in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_settings_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    done = run_in(tmp_path, "status", PRELABEL_CHUNK_ROWS="many")

    assert done.returncode == 2
    assert "PRELABEL_CHUNK_ROWS" in done.stderr


def test_a_command_helps_with_an_example(tmp_path: Path) -> None:
    done = run_in(tmp_path, "dead", "edit", "--help")

    assert done.returncode == 0
    assert "Example: prelabel dead edit" in done.stdout


def test_the_command_of_a_base_install_names_the_extra(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "class Missing:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('typer', 'celery', 'httpx', 'rich'):\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Missing())\n"
        "from prelabel_worker.cli import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)

    assert done.returncode == 2
    assert done.stderr == f"prelabel: {NEEDS_EXTRA}\n"


def test_up_writes_its_file_when_all_answers_and_leaves_nothing_behind(
    tmp_path: Path, wait_for: Callable[..., None]
) -> None:
    """Return the environment without variables that could lead to a real account."""
    foreign = {"PRELABEL_LABELBOX_API_KEY": "a-real-key", "PRELABEL_LABELBOX_ENDPOINT": "https://api.example/graphql"}
    (tmp_path / ".env").write_text("PRELABEL_LABELBOX_API_KEY=another-real-key\n")
    file = tmp_path / ".prelabel" / "stack.json"
    up = subprocess.Popen(
        [*COMMAND, "up", "--workers", "1"],
        cwd=tmp_path,
        env={**os.environ, **foreign},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for(file.exists, "stack.json")
        found = json.loads(file.read_text())
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert found.keys() >= {"redisUrl", "brokerUrl", "labelboxEndpoint", "labelboxApiKey", "sandboxUrl"}
        assert found["labelboxEndpoint"] == found["sandboxUrl"] + "/graphql"
        worker = Path(f"/proc/{found['pids']['worker1']}/environ").read_bytes()
        assert b"real-key" not in worker
        assert b"api.example" not in worker
        assert found["labelboxApiKey"].encode() in worker
        second = run_in(tmp_path, "up")
        assert second.returncode == 2
        assert "already" in second.stderr
        done = run_in(tmp_path, "publish", str(ROOT / "examples/predictions.ndjson"))
        assert done.stdout.strip() == "published 3, refused 0"
        assert run_in(tmp_path, "wait", "--timeout", "30").returncode == 1
        assert "did you mean vessel?" in run_in(tmp_path, "dead", "list", "--json").stdout
    finally:
        up.send_signal(signal.SIGINT)
        output = up.communicate(timeout=60)[0]
    assert up.returncode == 0
    assert "demo-project" in output
    assert not file.exists()
    assert not [pid for pid in found["pids"].values() if psutil.pid_exists(pid)]


def test_a_killed_up_takes_its_processes_with_it_and_its_file_is_stale(
    tmp_path: Path, wait_for: Callable[..., None]
) -> None:
    file = tmp_path / ".prelabel" / "stack.json"
    up = subprocess.Popen([*COMMAND, "up", "--workers", "1"], cwd=tmp_path, stdout=subprocess.DEVNULL)
    wait_for(file.exists, "stack.json")
    pids = list(json.loads(file.read_text())["pids"].values())

    up.kill()
    up.wait()

    wait_for(lambda: not any(psutil.pid_exists(pid) for pid in pids), "its processes to end")
    assert file.exists()
    done = run_in(tmp_path, "sandbox", "project", str(ROOT / "examples/project.json"))
    assert done.returncode == 4
    assert "no stack runs here" in done.stderr
