"""Text of others on a terminal and in a shell: control characters are escaped, and other text is unchanged."""

import ast
import json
import re
import shlex
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prelabel.printing import command, one_line, printable, printable_json
from prelabel_worker.cli.shared.screen import console, styled
from prelabel_worker.cli.shared.terminal import out, print_line, say
from prelabel_worker.errors import ConfigurationError
from prelabel_worker.runtime.app import end
from tests.support.sources import ROOT, SOURCES

HOSTILE = [
    "\x1b[31mred",
    "\x1b]52;c;cm0gLXJm\x07",
    "a\rb",
    "a\nb",
    "\u202eevil",
    "\x9b2J",
    "\x07",
    "\x7f",
    "\u2028",
    "\udc9b",
    "\ud800",
]
CLI = ROOT / "worker" / "prelabel_worker" / "cli"
PRINTERS = {*(CLI / "shared" / f"{name}.py" for name in ("terminal", "screen", "listing")), CLI / "__init__.py"}
_A_COMMAND = re.compile(r"\bprelabel (?!cannot|needs)[a-z]+\b")


@pytest.mark.parametrize("text", HOSTILE)
def test_control_characters_are_escaped(text: str) -> None:
    assert printable(text).isprintable()
    assert "\\" in printable(text)


@pytest.mark.parametrize("text", ["", "cam-1/000184.jpg", "Größe 船 🚢", "a\\b 'c' [red]"])
def test_ordinary_text_is_unchanged(text: str) -> None:
    assert printable(text) == text
    assert printable_json(text) == text


@given(st.text(st.characters()))
def test_json_stays_the_same_value(text: str) -> None:
    raw = json.dumps({"key": [text]}, ensure_ascii=False, indent=2)

    shown = printable_json(raw)

    assert json.loads(shown) == {"key": [text]}
    assert all(line.isprintable() for line in shown.split("\n"))
    assert json.loads(one_line(raw)) == {"key": [text]}
    assert one_line(raw).isprintable()


def test_a_command_reads_as_its_words() -> None:
    assert command("dead retry", 42, project="p", group=None) == "prelabel dead retry 42 --project p"
    assert command("project create", project_id="p", hide=True) == "prelabel project create --project-id p --hide"
    assert command("row show", "-x", project="p") == "prelabel row show --project p -- -x"
    assert command("dead groups", project="y$(touch x)") == "prelabel dead groups --project 'y$(touch x)'"


_WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)


@settings(max_examples=50, deadline=None)
@given(_WORDS, _WORDS)
def test_a_shell_reads_the_same_words_and_runs_none_of_them(value: str, option: str) -> None:
    line = command("row show", value, project=option)

    read = subprocess.run(
        ["bash", "-c", f"prelabel() {{ printf '%s\\0' \"$@\"; }}; {line}"],
        capture_output=True,
        check=True,
        env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
    ).stdout.decode()

    options = ["--project", option]
    words = [*options, "--", value] if value.startswith("-") else [value, *options]
    assert read.split("\0")[:-1] == ["row", "show", *words]
    assert line.isprintable()


@pytest.mark.parametrize("text", HOSTILE)
def test_a_command_with_a_hostile_name_is_printable_and_one_word(text: str) -> None:
    line = command("row show", text)

    assert line.isprintable()
    assert line.startswith("prelabel row show $'")


def test_bytes_that_are_no_text_come_back_as_they_were() -> None:
    line = command("row show", b"\xff'\x1b".decode("utf-8", "surrogateescape"))

    assert line == r"prelabel row show $'\xff\x27\x1b'"
    assert shlex.split(line)[:3] == ["prelabel", "row", "show"]


@pytest.mark.parametrize("text", HOSTILE)
def test_lines_and_json_of_commands_hold_no_hostile_character(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    say(text)
    print_line(text)
    out({text: [text]})
    console().print(text, styled(text))

    printed = capsys.readouterr()
    assert all(line.isprintable() for line in (printed.out + printed.err).split("\n"))


def test_json_keeps_a_lone_surrogate(capsys: pytest.CaptureFixture[str]) -> None:
    out({"key": "a\udc9b"})

    assert json.loads(capsys.readouterr().out) == {"key": "a\udc9b"}


def test_commands_print_through_one_module() -> None:
    """This keeps a new command from forgetting it."""
    wrong = []
    for path, tree in SOURCES.items():
        if CLI not in path.parents or path in PRINTERS:
            continue
        for node in ast.walk(tree):
            name = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if name in {
                "print",
                "Console",
                "Text",
                "pprint",
                "typer.echo",
                "typer.secho",
                "typer.confirm",
                "typer.prompt",
                "click.echo",
            }:
                wrong.append((path.name, node.lineno, name))  # type: ignore[attr-defined]
            if re.match(r"sys\.(__)?std(out|err)(__)?\.(write|buffer)", name):
                wrong.append((path.name, node.lineno, name))  # type: ignore[attr-defined]
            if name in {"Live", "Progress"} and not any(
                key.arg == "console"
                for key in node.keywords  # type: ignore[attr-defined]
            ):
                wrong.append((path.name, node.lineno, name))  # type: ignore[attr-defined]
            if isinstance(node, ast.ImportFrom) and (
                node.module in {"rich", "rich.text", "rich.markup", "click"}
                or (node.module == "rich.console" and any(each.name == "Console" for each in node.names))
            ):
                wrong.append((path.name, node.lineno, node.module))
    assert wrong == []


def test_nothing_else_of_ours_prints() -> None:
    printers = {*PRINTERS, ROOT / "worker" / "prelabel_worker" / "runtime" / "app.py"}
    wrong = [
        (path.name, node.lineno)
        for path, tree in SOURCES.items()
        if "prelabel_sandbox" not in path.parts and path not in printers
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "print"
    ]
    assert wrong == []


def test_a_worker_that_cannot_start_says_so_in_printable_words(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        end(ConfigurationError("\x1b[31mred"))

    assert capsys.readouterr().err == "prelabel: \\x1b[31mred\n"


def test_every_command_that_is_printed_with_a_value_is_quoted() -> None:
    """A name in an f-string behind `prelabel <command>` would stand there as its owner wrote it."""
    wrong = []
    for path, tree in SOURCES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                begun = False
                for part in node.values:
                    if isinstance(part, ast.Constant):
                        begun = begun or _A_COMMAND.search(str(part.value)) is not None
                    elif begun:
                        wrong.append((path.name, node.lineno))
            elif (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "format"
                and _A_COMMAND.search(ast.unparse(node.func.value))
            ):
                wrong.append((path.name, node.lineno))
    assert wrong == []
