"""On a narrow terminal, a command that is printed for people has no line end in it, so that it can be pasted."""

from pathlib import Path

import pytest

from tests.support.command import Command, command_of
from tests.support.dead_letters import kill, real_message
from tests.support.project import Project, message

LONG = "cm1a2b3c4d5e6f7g8h9i0j1k2"


@pytest.fixture
def prelabel(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Return the command on a terminal of 60 columns."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    return command_of(project.settings, monkeypatch, tmp_path, capsys)


def test_status_prints_the_command_of_a_remedy_whole(project: Project, prelabel: Command) -> None:
    paused = Project(project.client, project.settings, LONG)
    paused.publish(message("a"))

    prelabel("project", "pause", LONG, "--why", "the ontology is being changed by somebody else")
    printed = prelabel("status").out

    assert f"prelabel project resume {LONG}" in printed
    assert max(map(len, printed.splitlines())) > 60, "the terminal itself wraps it"


def test_the_commands_of_a_row_are_printed_whole(project: Project, prelabel: Command) -> None:
    (dead,) = kill(Project(project.client, project.settings, LONG), real_message("a"))

    assert f"prelabel dead show {dead} --project {LONG}" in prelabel("row", "show", "a").out
