"""Printed commands begin with the name by which the running command was called."""

import ast
import os
from pathlib import Path

import pytest

from prelabel_worker.cli.shared.typed import typed
from tests.support.sources import ROOT, SOURCES

LINE = "prelabel dead retry 7 --project prelabel"


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

    assert typed(LINE) == "'my env/bin/prelabel' dead retry 7 --project prelabel"


def test_a_program_that_the_shell_finds_is_named_alone(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(program.parent))
    monkeypatch.setattr("sys.argv", [str(program), "demo"])

    assert typed(LINE) == LINE


def test_another_prelabel_on_the_path_is_not_used(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "prelabel"
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.argv", [str(program), "demo"])

    assert typed(LINE).startswith(f"'{program}' dead")


def test_a_module_that_was_run_is_no_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["/x/prelabel_worker/cli/__main__.py", "demo"])

    assert typed(LINE) == LINE


def test_commands_print_other_commands_as_they_can_be_typed() -> None:
    """Through `typed.command`: `prelabel …` alone is not found where a newcomer calls `.venv/bin/prelabel`."""
    cli = ROOT / "worker" / "prelabel_worker" / "cli"
    untyped = {
        path.relative_to(cli).as_posix()
        for path, tree in SOURCES.items()
        if cli in path.parents
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "prelabel.printing"
        for name in node.names
        if name.name == "command"
    }
    assert untyped == {"local/demo.py"}  # it passes each line through `typed`
