"""Workers of the two roles, computing and waiting: rows pass through both."""

import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from prelabel_worker.queries.status import Inspector
from prelabel_worker.stack.stack import Stack
from tests.support.flow import SETTINGS, Flow, box, run_in


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Start one worker of each role."""
    folder = tmp_path_factory.mktemp("roles") / ".prelabel"
    with Stack(folder, workers=2, roles=("submit", "poll"), settings=SETTINGS) as running:
        yield running


@pytest.fixture
def flow(apart: Stack) -> Flow:
    found = Flow(apart, f"p{secrets.token_hex(4)}", apart.client())
    found.create()
    return found


def stages_in(log: Path) -> set[str]:
    """Return the stages that a worker's log names."""
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return {line["event"].split(".")[-1] for line in lines if line["event"].startswith("import.")}


def test_rows_pass_through_workers_of_both_roles(flow: Flow) -> None:
    flow.publish(*(box(f"k{n}", project=flow.project) for n in range(50)))

    assert flow.settled().imported == 50
    roles = [each.role for each in Inspector(flow.client).workers()]
    assert sorted(roles) == ["poll", "submit"]
    assert stages_in(flow.stack.logs / "worker1.log") == {"submitted"}
    assert stages_in(flow.stack.logs / "worker2.log") == {"settled"}


def test_tasks_of_a_dead_role_are_done_when_it_is_back(flow: Flow) -> None:
    flow.stack.kill("worker2")
    flow.publish(box("a", project=flow.project))
    flow.wait_for_state("running")

    flow.stack.restart("worker2")

    assert flow.settled().imported == 1


def test_the_command_starts_a_worker_of_a_role(flow: Flow) -> None:
    done = run_in(flow.stack.folder.parent, "worker", "--role", "wait")

    assert done.returncode == 2
    assert "submit" in done.stderr
