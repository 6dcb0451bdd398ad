"""Exit codes, options that many commands have, and output as plain lines or JSON."""

import json
import sys
import traceback
from collections.abc import Mapping
from typing import Annotated, Any, NoReturn

import orjson
import typer

from prelabel.errors import PrelabelError
from prelabel.json_record import json_value
from prelabel.printing import printable, printable_json
from prelabel.unix_time import UnixTime

DONE, DONE_WITH_DEAD, USAGE, TIMED_OUT, NOTHING, AWAY = 0, 1, 2, 3, 3, 4
"""Exit codes: done; done with dead or refused rows; wrong usage; timeout; nothing matched; a service is unreachable."""

RedisUrl = Annotated[
    str | None,
    typer.Option("--redis-url", help="The Redis with the rows; else PRELABEL_REDIS_URL, else the running stack."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Project = Annotated[str | None, typer.Option("--project", "-p", help="Only this project.")]


class ServiceAway(PrelabelError):
    """A service that the command needs does not answer."""


def say(text: str) -> None:
    """Print one line on standard error, apart from the command's output."""
    print(f"prelabel: {printable(text)}", file=sys.stderr)  # noqa: T201


def print_line(text: str) -> None:
    """Print one line of the command's output."""
    print(printable(text), flush=True)  # noqa: T201


def print_lines(text: str) -> None:
    """Print a text of several lines, such as metrics."""
    for line in text.split("\n"):
        print_line(line)


def print_over(text: str) -> None:
    """Print a line on standard error over the previous one; `end_line` ends it."""
    print(f"\r{printable(text)}", end="", file=sys.stderr, flush=True)  # noqa: T201


def end_line() -> None:
    """End the line that `print_over` printed."""
    print(file=sys.stderr)  # noqa: T201


def confirm(question: str) -> bool:
    """Ask on standard error; return whether the answer is yes."""
    return typer.confirm(printable(question), err=True)


def ask_for(question: str) -> str:
    """Ask on standard error; return the text that the person types."""
    return str(typer.prompt(printable(question), err=True, default="", show_default=False)).strip()


def print_traceback(error: Exception) -> None:
    """Print the traceback of a defect on standard error, made printable: parts of its text may come from anybody."""
    for part in traceback.format_exception(error):
        for line in part.rstrip("\n").split("\n"):
            print(printable(line), file=sys.stderr)  # noqa: T201


def usage(text: str) -> NoReturn:
    """Print what is wrong with the command line and end the command with exit code 2."""
    say(text)
    raise typer.Exit(USAGE)


def out(value: Any) -> None:
    """Print JSON on standard output."""
    print(json_text(value, indent=True))  # noqa: T201


def report(as_json: bool, document: Mapping[str, Any], text: str) -> None:
    """Report what a command did: as JSON on standard output, or in words on standard error."""
    if as_json:
        out(document)
    else:
        say(text)


def json_text(value: Any, *, indent: bool = False) -> str:
    """Return a value as JSON that a terminal can print; times are in ISO 8601."""
    value = json_value(value)
    try:
        text = orjson.dumps(value, option=orjson.OPT_INDENT_2 if indent else None).decode()
    except orjson.JSONEncodeError:  # a lone surrogate, which orjson refuses
        text = json.dumps(value, ensure_ascii=False, indent=2 if indent else None)
    return printable_json(text)


def until_when(end: float | None) -> str:
    """Return ` until …` for an end that is known; else ''."""
    return f" until {when(end)}" if end else ""


def when(seconds: float | None) -> str:
    """Return a Unix time as commands print it, and take it (`--since`); '' for None and 0."""
    return UnixTime(seconds).iso() if seconds else ""
