"""Commands that read all projects, some of which are garbage: each reports these and shows the others."""

from pathlib import Path

import pytest
import redis

from prelabel.wire import keys
from prelabel_worker.quarantine.keys import TYPES, KeyTypes
from prelabel_worker.queries.audit import audit
from prelabel_worker.queries.status import Inspector
from prelabel_worker.runtime.timers import Due, Timers
from tests.support.command import READING, Command, command_of
from tests.support.project import Project, message
from tests.support.scraping import scraped


@pytest.fixture
def run(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Command:
    return command_of(project.settings, monkeypatch, tmp_path, capsys)


def garbage(project: Project) -> list[str]:
    """Names that are none, and for each key of a project one project where it is of another type or no number."""
    client, prefix = project.client, project.settings.key_prefix
    client.zadd(keys.projects(prefix), {b"\xff\xfe": 0, b"two words": 0, b"[red]": 0})
    made = []
    for command, names in TYPES.items():
        for name in (*names, "lane:0") if command == "LLEN" else names:
            evil = f"evil-{name.replace(':', '-')}"
            root = keys.project_root(prefix, evil)
            if command == "ZCARD":
                client.hset(f"{root}:{name}", "x", "y")
            else:
                client.zadd(f"{root}:{name}", {"x": 1})
            if name == "lane:0":
                client.hset(f"{root}:meta", mapping={"lanes": 1})
                client.hset(f"{root}:inbox", mapping={"rows": 1, "0:rows": 1})
            made.append(evil)
    values = {
        "lanes": ("meta", {"lanes": "1000000000"}),
        "numbers": ("counts", {"published": "many"}),
        "markup": ("meta", {"pausedUntil": "99999999999999", "pauseReason": "[/red]"}),
        "payer": ("overrides", {"account": "[/red]"}),
        "until": ("meta", {"pausedUntil": "soon", "lanes": "x"}),
        "bytes": ("overrides", {"account": b"\xff", "policy": b"\xfe"}),
        "state": ("held", {"1": "{", "2": b"\xff"}),
        "reasons": ("dead:reasons", {b"\xff": "x"}),
        "groups": ("dead:groups", {b"\xff": "x"}),
    }
    for name, (key, fields) in values.items():
        client.hset(f"{keys.project_root(prefix, f'worth-{name}')}:{key}", mapping=fields)
        made.append(f"worth-{name}")
    root = keys.project_root(prefix, "worth-times")
    client.zadd(f"{root}:retrying", {"1": float("inf")})
    client.zadd(f"{root}:timers", {"group": float("-inf")})
    client.zadd(f"{root}:chunks", {"c1": float("inf")})
    client.hset(f"{root}:chunk:c1", mapping={"state": "[/red]", "rows": 1, "cutMs": "9" * 30, "items": "", "lanes": ""})
    client.hset(f"{root}:counts", mapping={"published": 1})
    made.append("worth-times")
    root = keys.project_root(prefix, "worth-chunk")
    client.zadd(f"{root}:chunks", {b"\xff": 1, "c1": 2})
    client.hset(f"{root}:chunk:c1", mapping={"state": b"\xff", "rows": "x"})
    client.zadd(f"{root}:dead", {"1": 1})
    client.zadd(f"{root}:history", {b"\xff x": 1, "c9 many": 2})
    client.zadd(keys.projects(prefix), dict.fromkeys([*made, "worth-chunk"], 0))
    return [*made, "worth-chunk"]


@pytest.mark.parametrize("command", READING)
def test_every_command_that_reads_all_projects_survives_garbage(project: Project, run: Command, command: str) -> None:
    project.kill("a")
    garbage(project)

    done = run(*command.split(" "))

    assert done.code in (0, 1, 3), done
    assert "Redis refuses" not in done.err


def test_status_says_how_many_and_shows_the_others(project: Project, run: Command) -> None:
    project.kill("a")
    garbage(project)

    done = run("status", "--json")

    assert done.code == 0
    assert done.json["malformedNames"] == 3
    assert {"evil-counts", "worth-lanes"} <= {each["projectId"] for each in done.json["quarantined"]}
    assert [each["dead"] for each in done.json["projects"] if each["projectId"] == "p"] == [1]
    assert "3 names in the set of projects cannot be a project's" in run("status").out


def test_dead_list_names_what_it_leaves_out_and_shows_the_others(project: Project, run: Command) -> None:
    project.kill("a")
    garbage(project)

    done = run("dead", "list", "--json")

    assert [each["projectId"] for each in done.json["deadLetters"]] == ["p"]
    assert "project evil-dead cannot be read: " in done.err


def test_doctor_finds_names_and_keys_and_says_what_removes_them(project: Project, run: Command) -> None:
    garbage(project)

    bad = [each for each in run("doctor", "--json").json["findings"] if not each["good"]]

    remedies = {each["check"]: each["remedy"] for each in bad}
    assert "prelabel project forget --malformed" in remedies["project-names"]
    assert "prelabel project forget worth-until " in remedies["project-keys"]
    assert {"evil-timers", "evil-counts"} <= {each["projectId"] for each in bad if each["check"] == "project-keys"}


def test_a_project_that_cannot_be_read_does_not_balance_and_the_others_are_audited(project: Project) -> None:
    project.kill("a")
    garbage(project)

    found = {each.project_id: each.balances for each in audit(project.client, project.settings.key_prefix)}

    assert found["p"]
    assert not found["evil-counts"]


def test_metrics_count_them(project: Project) -> None:
    garbage(project)

    found = scraped(project)

    assert found["prelabel_redis_up"] == 1
    assert found['prelabel_quarantined_projects{kind="name"}'] == 3
    assert found['prelabel_quarantined_projects{kind="keys"}'] >= 10


def test_a_project_that_is_asked_for_and_cannot_be_read_is_one_line(project: Project, run: Command) -> None:
    garbage(project)

    for command in ("status", "wait --timeout 0", "project show evil-counts", "dead list"):
        option = () if "show" in command else ("--project", "evil-counts")
        done = run(*command.split(" "), *option)
        assert "Traceback" not in done.err
        assert done.code in (0, 2, 3), (command, done)


def test_every_project_of_garbage_is_shown_or_named_in_one_line(project: Project, run: Command) -> None:
    for name in garbage(project):
        done = run("project", "show", name)

        assert done.code in (0, 2), (name, done)
        assert "Traceback" not in done.err
        assert (done.code == 0) == (f"project {name}" in done.out), name


def test_every_key_of_a_fixed_name_has_its_type(project: Project) -> None:
    """`ProjectKeys` has every key of a project."""
    commands = {"Hash": "HLEN", "Sorted set": "ZCARD", "List": "LLEN", "String": "STRLEN"}
    own = keys.ProjectKeys("prelabel", "p")
    fixed = {
        getattr(part, name): commands[(key.__doc__ or "").partition(":")[0]]
        for part in (own, own.flow)
        for name, key in vars(type(part)).items()
        if isinstance(key, property) and name != "flow"
    }

    assert {own.named(name): command for command, names in TYPES.items() for name in names} == fixed


def test_malformed_names_are_removed_all_together_and_nothing_else(project: Project, run: Command) -> None:
    project.kill("a")
    garbage(project)
    before = Inspector(project.client, project.settings.key_prefix).projects()

    assert run("project", "forget", "--malformed").code == 2  # nobody can be asked
    done = run("project", "forget", "--malformed", "--yes")

    found = Inspector(project.client, project.settings.key_prefix)
    assert "hex:fffe" in done.err
    assert (done.code, found.malformed(), found.projects()) == (0, [], before)
    assert run("project", "forget", "--malformed", "--yes").code == 3


def test_a_malformed_name_is_removed_by_its_spelling(project: Project, run: Command) -> None:
    garbage(project)

    assert run("project", "forget", "hex:fffe", "--yes").code == 0

    assert Inspector(project.client, project.settings.key_prefix).malformed() == [b"[red]", b"two words"]
    assert run("project", "forget", "hex:nothing", "--yes").code == 2


def test_keys_of_another_type_are_removed_and_a_project_without_rows_is_listed_no_more(
    project: Project, run: Command
) -> None:
    evil = [each for each in garbage(project) if each.startswith("evil-") and each != "evil-lane-0"]

    for name in evil:
        assert run("project", "forget", name, "--yes").code == 0, name

    left = Inspector(project.client, project.settings.key_prefix).projects()
    assert not set(left) & set(evil)


def test_forgetting_never_removes_a_row(project: Project, run: Command) -> None:
    project.kill("a")
    project.publish(message("b"))
    project.client.delete(f"{project.root}:timers")
    project.client.hset(f"{project.root}:timers", "x", "y")
    project.client.zadd(f"{project.root}:ontology", {"x": 1})

    done = run("project", "forget", "p", "--yes")

    assert done.code == 0
    status = project.status()  # and the sum is right
    assert (status.dead, status.pending) == (1, 1)
    due, _ = Timers(project.client, project.settings.key_prefix, 10).due(10)
    assert Due("group", "p", "") in due
    assert run("project", "forget", "p", "--yes").code == 3
    assert KeyTypes(project.client, project.settings.key_prefix).wrong("p") == []


def test_a_good_project_cannot_be_forgotten(project: Project, run: Command) -> None:
    project.publish(message("a"))

    assert run("project", "forget", "p", "--yes").code == 3
    assert run("project", "forget", "unknown", "--yes").code == 3
    assert project.status().pending == 1


def test_a_project_after_a_broken_one_is_still_resumed_with_its_account(
    project: Project, run: Command, client: "redis.Redis"
) -> None:
    garbage(project)
    project.publish(message("a"))
    chunk_id = project.cut()
    client.hset(f"{project.root}:chunk:{chunk_id}", "why", "paused")

    run("account", "resume", "default")

    assert client.zscore(keys.projects(project.settings.key_prefix), "p") == 0
