"""The table of commands, from which help is made, agrees with the modules of the commands."""

import ast
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import prelabel
from prelabel_worker.cli import needs_extra
from prelabel_worker.cli.commands import COMMANDS
from prelabel_worker.cli.lazy_group import Declared, ExtraMissing, LazyCommand, Noun
from prelabel_worker.cli.main import app
from tests.support.sources import ROOT, SOURCES

CLI = ROOT / "worker" / "prelabel_worker" / "cli"
SCRIPT = Path(sys.executable).with_name("prelabel")


def declared() -> Iterator[tuple[list[str], Declared]]:
    """Yield every command: its words and its declaration."""
    for noun, each in COMMANDS.items():
        if isinstance(each, Noun):
            yield from (([noun, name], command) for name, command in each.commands.items())
        else:
            yield [noun], each


ALL = {" ".join(words): each for words, each in declared()}
NOUNS = [name for name, each in COMMANDS.items() if isinstance(each, Noun)]


def places() -> set[str]:
    """Where the functions are that have an example of a command."""
    return {
        f"{'.'.join(path.relative_to(CLI).with_suffix('').parts)}:{node.name}"
        for path, tree in SOURCES.items()
        if CLI in path.parents
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and "Example: prelabel " in (ast.get_docstring(node) or "")
    }


def test_every_command_that_a_module_holds_is_in_the_table_once() -> None:
    assert sorted(each.place for each in ALL.values()) == sorted(places())


@pytest.mark.parametrize("words", ALL)
def test_a_command_is_described_by_the_first_sentence_of_its_function(words: str) -> None:
    command = LazyCommand(words.split()[-1], ALL[words]).load()

    text = " ".join(inspect.cleandoc(command.help).split("\n\n")[0].split())
    assert text.startswith(ALL[words].help)
    assert re.fullmatch(r"([^.]|\.(?! ))*\.", ALL[words].help), "one sentence"
    assert f"Example: prelabel {words}" in command.help


@pytest.mark.parametrize("words", ["", *NOUNS, *ALL])
def test_help_has_a_short_option_everywhere(words: str) -> None:
    long, short = (CliRunner().invoke(app, [*words.split(), option]) for option in ("--help", "-h"))

    assert long.exit_code == short.exit_code == 0
    assert long.output == short.output
    assert "-h, --help" in long.output


def test_a_noun_without_a_command_shows_its_help() -> None:
    alone, asked = CliRunner().invoke(app, ["dead"]), CliRunner().invoke(app, ["dead", "--help"])

    assert alone.exit_code == 2
    assert alone.output == asked.output
    assert "  discard  Delete dead letters for good; their rows count as discarded." in asked.output


@pytest.mark.parametrize("words", ["", *NOUNS, *ALL])
def test_help_cuts_no_sentence_and_no_example_on_80_columns(words: str) -> None:
    done = CliRunner().invoke(app, [*words.split(), "-h"], env={"COLUMNS": "80"})

    assert "..." not in done.output.replace("[ARGS]...", "").replace("[ID]...", "")
    assert "[[" not in done.output
    if words in ALL:
        example = next(line for line in done.output.splitlines() if "Example: " in line)
        whole = inspect.cleandoc(LazyCommand(words.split()[-1], ALL[words]).load().help)
        assert example.strip() in [line.strip() for line in whole.splitlines()]
    else:
        named = COMMANDS[words].commands if words else COMMANDS  # type: ignore[union-attr]
        assert all(entry.help in " ".join(done.output.split()) for entry in named.values())


def test_a_misspelt_command_is_told_the_nearest() -> None:
    done = CliRunner().invoke(app, ["dead", "lst"])

    assert done.exit_code == 2
    assert "No such command 'lst'. Did you mean 'list'?" in done.output


def test_the_version_is_that_of_the_distribution() -> None:
    done = CliRunner().invoke(app, ["--version"])

    assert done.exit_code == 0
    assert done.output == f"prelabel {prelabel.__version__}\n"
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", prelabel.__version__)


def test_a_command_whose_distribution_is_missing_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    monkeypatch.delitem(sys.modules, "prelabel_worker.cli.local.sandbox", raising=False)

    done = CliRunner().invoke(app, ["sandbox", "project", "--help"])

    assert isinstance(done.exception, ExtraMissing)
    assert str(done.exception) == needs_extra("worker")


def complete(folder: Path, **environment: str) -> str:
    """Return what the command prints for a shell's completion."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PRELABEL_")}
    done = subprocess.run(
        [SCRIPT], cwd=folder, env=clean | environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == ""
    return done.stdout


WORDS = [
    ("prelabel proj", "project"),
    ("prelabel dead dis", "discard"),
    ("prelabel project se", "set"),
    ("prelabel dead list --rea", "--reason"),
    ("prelabel healthy --max", "--max-silence"),
    ("prelabel worker --role su", "submit"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("line", "expected"), WORDS)
def test_bash_completes_commands_and_options(tmp_path: Path, line: str, expected: str) -> None:
    last = str(len(line.split()) - 1)
    found = complete(tmp_path, _PRELABEL_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=last)
    assert found == f"{expected}\n"


@pytest.mark.slow
@pytest.mark.parametrize(("line", "expected"), WORDS)
def test_zsh_completes_commands_and_options(tmp_path: Path, line: str, expected: str) -> None:
    found = complete(tmp_path, _PRELABEL_COMPLETE="complete_zsh", _TYPER_COMPLETE_ARGS=line)
    assert re.findall(r'^(?:_arguments .*?)?"([^"]+)"', found, re.M) == [expected]


@pytest.mark.slow
@pytest.mark.parametrize(("line", "expected"), WORDS)
def test_fish_completes_commands_and_options(tmp_path: Path, line: str, expected: str) -> None:
    asked = {"_PRELABEL_COMPLETE": "complete_fish", "_TYPER_COMPLETE_ARGS": line}
    found = complete(tmp_path, **asked, _TYPER_COMPLETE_FISH_ACTION="get-args")
    assert [row.split("\t")[0] for row in found.splitlines()] == [expected]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_s_script_asks_the_command_in_its_own_form(tmp_path: Path, shell: str) -> None:
    script = complete(tmp_path, _PRELABEL_COMPLETE=f"source_{shell}")

    assert f"_PRELABEL_COMPLETE=complete_{shell}" in script
    assert "prelabel" in script.replace("_prelabel_completion", "")


def test_bash_takes_the_script_that_is_installed(tmp_path: Path) -> None:
    """In a bash of its own, which is the shell that the command detects."""
    lines = [
        "prelabel --install-completion",
        "source ~/.bashrc",
        "COMP_WORDS=(prelabel import un); COMP_CWORD=2",
        "_prelabel_completion prelabel",
        "echo ${COMPREPLY[*]}",
    ]
    path = f"{SCRIPT.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", "\n".join(lines)],
        cwd=tmp_path,
        env={"HOME": str(tmp_path), "PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "undo"


def test_options_are_parsed_by_typer_alone() -> None:
    """No second parser could agree with it in every case. The name of the program, `sys.argv[0]`, is no option."""
    programs = {
        node.value
        for tree in SOURCES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript) and ast.unparse(node) == "sys.argv[0]"
    }
    parsers = {
        path.name
        for path, tree in SOURCES.items()
        if CLI in path.parents
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and ast.unparse(node) == "sys.argv" and node not in programs)
        or (isinstance(node, ast.Import) and {each.name for each in node.names} & {"argparse", "getopt", "optparse"})
    }
    assert parsers == set()
    assert isinstance(typer.main.get_command(app), typer.core.TyperGroup)
