"""A name that is not known here ends a command with exit code 3, and near names are suggested."""

import re
from pathlib import Path

import pytest

from tests.support.command import Command, command_of
from tests.support.project import Project, message

NAME = "harbour-cranes"
TYPO = "harbor-cranes"
OF_PROJECTS = [
    "status --project",
    "status --json --project",
    "wait --project",
    "wait --timeout 0 --project",
    "import list --project",
    "import show x --project",
    "import retry --project",
    "import undo --since 1h --dry-run --project",
    "row show x --project",
    "dead list --project",
    "dead groups --project",
    "dead show 1 --project",
    "dead edit 1 --project",
    "dead retry --project",
    "dead export --project",
    "dead discard --yes --project",
    "actions --project",
    "project show",
    "project pause",
    "project resume",
    "project flush",
    "project retry",
    "project purge --yes",
]


@pytest.fixture
def prelabel(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Command:
    known = Project(project.client, project.settings, NAME)
    known.publish(message("a"))
    return command_of(project.settings, monkeypatch, tmp_path, capsys)


@pytest.mark.parametrize("words", OF_PROJECTS)
def test_a_project_that_is_not_known_is_refused_and_near_names_are_suggested(prelabel: Command, words: str) -> None:
    done = prelabel(*words.split(), TYPO)

    assert done.code == 3
    assert done.err == (f"prelabel: no project {TYPO} is known here; see prelabel project list; did you mean {NAME}?\n")


@pytest.mark.parametrize(
    "words", ["status", "wait", "audit", "project list", "dead list", "dead groups", "import list", "actions"]
)
def test_a_list_without_an_entry_says_so_instead_of_nothing(
    words: str, project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = command_of(project.settings, monkeypatch, tmp_path, capsys)(*words.split())

    assert re.search(r"\bno ", done.err)
    assert done.out in ("", "no workers\n")
    if words in ("status", "wait", "audit", "project list"):
        assert str(project.settings.state) in done.err  # another Redis may have been meant


@pytest.mark.parametrize("words", ["account pause", "account resume"])
def test_an_account_that_is_not_known_is_refused_and_near_names_are_suggested(prelabel: Command, words: str) -> None:
    done = prelabel(*words.split(), "defualt")

    assert (done.code, done.err) == (
        3,
        "prelabel: no account defualt is known here; see prelabel account list; did you mean default?\n",
    )


def test_a_name_that_is_like_no_other_gets_no_suggestion(prelabel: Command) -> None:
    done = prelabel("wait", "--project", "zzz")

    assert (done.code, done.err) == (3, "prelabel: no project zzz is known here; see prelabel project list\n")


@pytest.mark.parametrize(
    "words", ["import show zzz", "import undo zzz --yes", "dead show 9", f"dead list --project {NAME} --group zzz"]
)
def test_an_import_a_dead_letter_or_a_group_that_is_not_known_is_refused(prelabel: Command, words: str) -> None:
    assert prelabel(*words.split()).code == 3


def test_what_is_set_up_before_the_first_row_is_accepted_with_a_note(prelabel: Command) -> None:
    done = prelabel("project", "set", TYPO, "--priority", "2", "--account", "defualt")

    assert done.code == 0
    assert f"no row of project {TYPO} has been published here yet; did you mean {NAME}?" in done.err
    assert "no worker has a key for account defualt yet (PRELABEL_ACCOUNT_KEYS); did you mean default?" in done.err
