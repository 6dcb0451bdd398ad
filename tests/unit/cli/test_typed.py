"""Printed commands begin with the name by which the running command was called."""

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from prelabel.printing import command
from prelabel_worker.cli.commands import COMMANDS
from prelabel_worker.doctor.findings import Check, Finding, Level
from tests.support.sources import ROOT, SOURCES

LINE = "prelabel dead retry 7 --project prelabel"


def printed() -> str:
    return command("dead retry", 7, project="prelabel")


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program `prelabel` in a folder that the shell does not look in."""
    found = tmp_path / "my env" / "bin" / "prelabel"
    found.parent.mkdir(parents=True)
    found.write_text("#!/bin/sh\n")
    found.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/nowhere")
    return found


def test_a_program_that_the_shell_does_not_find_is_named_with_its_path(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", [os.path.relpath(program), "demo"])

    assert printed() == "'my env/bin/prelabel' dead retry 7 --project prelabel"


def test_a_program_that_the_shell_finds_is_named_alone(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(program.parent))
    monkeypatch.setattr("sys.argv", [str(program), "demo"])

    assert printed() == LINE


def test_another_prelabel_on_the_path_is_not_used(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "prelabel"
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.argv", [str(program), "demo"])

    assert printed().startswith(f"'{program}' dead")


def test_a_module_that_was_run_is_no_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["/x/prelabel_worker/cli/__main__.py", "demo"])

    assert printed() == LINE


def test_a_remedy_of_doctor_names_the_project_that_it_is_about() -> None:
    finding = Finding(Check.PAUSE, Level.BAD, "paused", "demo-project")

    assert "prelabel project resume demo-project;" in finding.remedy
    assert "PROJECT" not in finding.remedy


UNTYPED = {
    "cli/dead/export.py": "the help of an option",
    "cli/project/create.py": "the help of an option",
    "settings.py": "the description of a setting, for the documentation",
    "rendering/row_builder.py": "kept in Redis with the row, for readers who call the program in another way",
    "producers/prelabel/gateway/openapi.py": "the title of a document for programs",
    "doctor/live/probe.py": "an answer in Labelbox",
}


def test_commands_in_texts_are_spelled_by_the_one_function() -> None:
    """`prelabel …` alone is not found where a newcomer calls `.venv/bin/prelabel`."""
    like_a_command = re.compile(rf"\bprelabel ({'|'.join(COMMANDS)})\b")
    untyped = {
        path.relative_to(ROOT).as_posix().removeprefix("worker/prelabel_worker/")
        for path, tree in SOURCES.items()
        if "prelabel_sandbox" not in path.parts
        for text in _texts(tree)
        if like_a_command.search(text)
    }
    assert untyped == set(UNTYPED)


def _texts(tree: ast.AST) -> Iterator[str]:
    """Yield the texts of a module, except those that stand alone, as docstrings do."""
    alone = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in alone:
            yield node.value
