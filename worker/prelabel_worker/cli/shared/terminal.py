"""Exit codes, options that many commands have, and output as plain lines or JSON."""

import gzip
import json
import sys
import time
import traceback
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, BinaryIO, NoReturn, cast

import orjson
import typer

from prelabel.errors import PrelabelError
from prelabel.printing import printable, printable_json

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


class _Unpacked(gzip.GzipFile):
    """A gzip file that reports that it cannot seek: to go back, it would unpack everything from the beginning."""

    def seekable(self) -> bool:
        """Return False."""
        return False


def usage(text: str) -> NoReturn:
    """Print what is wrong with the command line and end the command with exit code 2."""
    say(text)
    raise typer.Exit(USAGE)


@contextmanager
def opened(file: str) -> Iterator[BinaryIO]:
    """Open a file, unpacked if its name ends in .gz, or standard input for `-`. Exit code 2 if it cannot be read."""
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        stream = Path(file).open("rb")  # noqa: SIM115 - closed below
    except OSError as error:
        usage(f"{file}: {error.strerror}")
    with stream:
        if file.endswith(".gz"):
            try:
                with _Unpacked(fileobj=stream) as unpacked:
                    yield cast(BinaryIO, unpacked)
            except (gzip.BadGzipFile, EOFError, zlib.error) as error:
                usage(f"{file}: cannot be unpacked: {error}")
        else:
            yield stream


def out(value: Any) -> None:
    """Print JSON on standard output."""
    print(json_text(value, indent=True))  # noqa: T201


def json_text(value: Any, *, indent: bool = False) -> str:
    """Return a value as JSON that a terminal can print."""
    try:
        text = orjson.dumps(value, option=orjson.OPT_INDENT_2 if indent else None).decode()
    except orjson.JSONEncodeError:  # a lone surrogate, which orjson refuses
        text = json.dumps(value, ensure_ascii=False, indent=2 if indent else None)
    return printable_json(text)


def when(seconds: float | None) -> str:
    """Return a Unix time as text, in UTC; '' for None and 0."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds)) if seconds else ""
    except (OverflowError, ValueError, OSError):  # anybody may have written what Redis holds
        return "a time out of range"
