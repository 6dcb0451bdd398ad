"""Commands that are printed with text of others quote it, so that a shell takes it as one word."""

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from prelabel_worker.chunks.held_state import HeldState
from prelabel_worker.cli.dead.edit import _keep_text
from prelabel_worker.cli.dead.show import describe
from prelabel_worker.cli.imports import command as imports
from prelabel_worker.cli.project import row
from prelabel_worker.cli.publish import report
from prelabel_worker.dead_letters.letter import DeadLetter, DeadLetterGroup, read_dead_letter
from prelabel_worker.errors import ProjectUnreadable
from prelabel_worker.queries.imports import ImportStatus

EVIL = "y$(touch pwned); rm `x` 'q'"


def dead(name: str) -> DeadLetter:
    return read_dead_letter(
        name,
        name,
        HeldState(seq=1, lane=0, weight=1, bytes=0, slow=0, reason=name, group=name, attempts=1),
        b"{}\n{}",
    )


def begun(name: str) -> ImportStatus:
    return ImportStatus(
        project_id=name, chunk_id=name, name=name, import_id=name, state="settled", verdict="", rows=1, outcomes={},
        annotations=0, refused=0, attempts=1, cut_at=None, submitted_at=None, settled_at=None, undoing=True,
    )  # fmt: skip


PLACES: dict[str, Callable[[str], str]] = {
    "a project that cannot be read": lambda name: str(ProjectUnreadable(name, "")),
    "dead groups": lambda name: DeadLetterGroup(name, name, 1, 0, 0, dead(name)).retry_command,
    "row show": lambda name: row._dead_letter(name, dead(name)),
    "import show": lambda name: imports._undone(begun(name)),
    "publish --wait": lambda name: report._retrying(1, [name]),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_hostile_name_is_one_word_of_the_command(place: str) -> None:
    printed = PLACES[place](EVIL)

    command = printed[printed.index("prelabel ") :].rstrip(")")
    assert shlex.quote(EVIL) in command
    assert EVIL in shlex.split(command)


@pytest.mark.parametrize("place", PLACES)
def test_a_name_with_control_characters_is_printable(place: str) -> None:
    printed = PLACES[place]("a\x1b[31m\u202e")

    command = printed[printed.index("prelabel ") :]
    assert command.isprintable()
    assert r"$'a\x1b[31m\xe2\x80\xae'" in command


def test_commands_that_dead_show_offers_are_quoted(capsys: pytest.CaptureFixture[str]) -> None:
    describe(dead(EVIL))

    offered = [line for line in capsys.readouterr().out.split("\n") if ": prelabel dead " in line]
    words = [shlex.split(line.partition(": ")[2]) for line in offered]
    assert [each[2] for each in words] == ["retry", "edit", "discard"]
    assert [each[3:] for each in words] == [[EVIL, "--project", EVIL]] * 3


def test_a_text_that_dead_edit_keeps_is_named_by_a_command_that_is_quoted(capsys: pytest.CaptureFixture[str]) -> None:
    _keep_text(dead("../y$(touch pwned)"), b"{}")

    words = shlex.split(capsys.readouterr().err.partition("prelabel dead")[2])
    Path(words[-1]).unlink()
    assert words[:5] == ["edit", "../y$(touch pwned)", "--project", "../y$(touch pwned)", "--file"]
