"""Commands on a machine whose clock is wrong: everything in Redis is dated by Redis's clock, and compared with it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prelabel.unix_time import UnixTime
from tests.support.flow import run_in
from tests.support.project import Project, message

Run = Callable[..., dict[str, Any]]


@pytest.fixture(params=[7200, -7200], ids=["two hours ahead", "two hours behind"])
def run(request: pytest.FixtureRequest, tmp_path: Path, redis_url: str, project: Project) -> Run:
    """Return a function that runs a command on a machine with such a clock and returns its JSON."""
    wrong = f"import time\nright = time.time\ntime.time = lambda: right() + {request.param}\n"
    (tmp_path / "sitecustomize.py").write_text(wrong)
    place = {"PRELABEL_REDIS_URL": redis_url, "PRELABEL_KEY_PREFIX": project.settings.key_prefix}

    def run(*args: str) -> dict[str, Any]:
        done = run_in(tmp_path, *args, "--json", **place, PYTHONPATH=str(tmp_path))
        assert done.stdout, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    return run


def test_ages_and_pauses_are_right_though_the_clock_is_not(project: Project, run: Run) -> None:
    project.publish(message("a"))
    project.pauses.pause_project("p", "a test", 3600)

    (status,) = run("status")["projects"]

    assert 0 <= status["oldestWaitingSeconds"] < 60
    assert status["paused"] == "a test"


def test_so_long_ago_is_counted_back_from_the_clock_that_dates_dead_letters(project: Project, run: Run) -> None:
    project.kill("a")

    assert len(run("dead", "list", "--since", "1h")["deadLetters"]) == 1
    assert run("dead", "list", "--until", "1h")["deadLetters"] == []


def test_an_operator_s_action_is_dated_by_redis(project: Project, run: Run) -> None:
    project.kill("a")
    run("dead", "discard", "--project", "p", "--yes")

    (action,) = run("actions", "--project", "p")["actions"]

    assert abs(UnixTime.from_iso(action["at"]).ms - project.held.now_ms()) < 60_000
