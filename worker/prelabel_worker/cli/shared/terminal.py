"""What the commands share: where things are, exit codes, and how they speak."""

import gzip
import json
import sys
import time
import traceback
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, BinaryIO, NoReturn, TypeVar, cast

import orjson
import redis
import typer
from rich.console import Console
from rich.text import Text

from prelabel.errors import PrelabelError
from prelabel.printing import printable, printable_json
from prelabel.wire.client import Client, explained, open_client, remedy_of
from prelabel_worker.errors import ConfigurationError, ProjectUnreadable
from prelabel_worker.quarantine.quarantine import readable
from prelabel_worker.settings import Settings, load_settings, read_settings
from prelabel_worker.stack import stack_file

_SOCKET_SECONDS = 10.0
T = TypeVar("T")
DONE, DONE_WITH_DEAD, USAGE, TIMED_OUT, NOTHING, AWAY = 0, 1, 2, 3, 3, 4
"""Exit codes: done; done with dead or refused rows; usage; timed out, or nothing matched; a service is away."""

RedisUrl = Annotated[
    str | None, typer.Option("--redis-url", help="Where the rows are; else PRELABEL_REDIS_URL, else the running stack.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Project = Annotated[str | None, typer.Option("--project", "-p", help="One project only.")]


class ServiceAway(PrelabelError):
    """A service that the command needs does not answer."""


def say(text: str) -> None:
    """Print one line to the person, beside the command's output."""
    print(f"prelabel: {printable(text)}", file=sys.stderr)  # noqa: T201


def print_line(text: str) -> None:
    """Print one line of the command's output."""
    print(printable(text), flush=True)  # noqa: T201


def print_over(text: str) -> None:
    """Print a line on standard error over the one before; `end_line` ends it."""
    print(f"\r{printable(text)}", end="", file=sys.stderr, flush=True)  # noqa: T201


def end_line() -> None:
    """End the line that `print_over` printed."""
    print(file=sys.stderr)  # noqa: T201


def confirm(question: str) -> bool:
    """Ask on standard error; whether the person says yes."""
    return typer.confirm(printable(question), err=True)


def print_traceback(error: Exception) -> None:
    """Print the traceback of a defect of ours on standard error, line by line, since its text may be anybody's."""
    for part in traceback.format_exception(error):
        for line in part.rstrip("\n").split("\n"):
            print(printable(line), file=sys.stderr)  # noqa: T201


class _Unpacked(gzip.GzipFile):
    """It can go back, but only by unpacking from the beginning."""

    def seekable(self) -> bool:
        """No."""
        return False


def usage(text: str) -> NoReturn:
    """End the command: it cannot be done as it was asked."""
    say(text)
    raise typer.Exit(USAGE)


@contextmanager
def opened(file: str) -> Iterator[BinaryIO]:
    """A file, unpacked when its name ends in .gz, or standard input for `-`."""
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


@contextmanager
def reading(project_id: str) -> Iterator[None]:
    """Read one project of several: one whose keys cannot be read is named, and the command resumes with the others."""
    try:
        with readable(project_id):
            yield
    except ProjectUnreadable as error:
        say(str(error))


def of_each(projects: Iterable[str], read: Callable[[str], Iterable[T]]) -> Iterator[T]:
    """Yield what is read of each project; one whose keys cannot be read is named, and left out from there."""
    for project_id in projects:
        with reading(project_id):
            yield from read(project_id)


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
    """A Unix time for a person, in UTC; '' for none."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds)) if seconds else ""
    except (OverflowError, ValueError, OSError):  # what Redis keeps may be anybody's
        return "a time out of range"


class Screen(Console):
    """A console to which no text is markup; strings, those in the cells of tables too, are made printable."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Return the text as Rich prints it."""
        return super().render_str(printable(text), **options)


def console(*, stderr: bool = False) -> Screen:
    """Return a screen that does not cut lines when the output is not a terminal."""
    wide = Screen(stderr=stderr, markup=False, emoji=False)
    return wide if wide.is_terminal else Screen(width=200, stderr=stderr, markup=False, emoji=False)


def styled(text: str, style: str = "") -> Text:
    """Return one line, or a cell of a table, in a style."""
    return Text(printable(text), style)


def settings_for(redis_url: str | None = None) -> Settings:
    """The settings: flag, then environment, then the running stack's file.

    That file brings the endpoint and its key together, and no key of another source goes there.
    """
    option = {"redis_url": redis_url} if redis_url else {}
    stack = None if "redis_url" in read_settings(**option).model_fields_set else stack_file.read()
    if stack is None:
        return load_settings(**option)
    return load_settings(
        account_keys={},
        redis_url=stack.redis_url,
        broker_url=stack.broker_url,
        labelbox_endpoint=stack.labelbox_endpoint,
        labelbox_api_key=stack.labelbox_api_key,
    )


def connect(settings: Settings) -> Client:
    """A client whose first answer has come.

    Raises ConfigurationError where the URL cannot be right, ServiceAway where waiting may help; neither has a secret.
    """
    client = open_client(settings.state, _SOCKET_SECONDS)
    try:
        client.ping()
    except (redis.RedisError, OSError) as error:
        raise not_usable(f"Redis at {settings.state}", error) from None
    return client


def not_usable(place: str, error: Exception) -> PrelabelError:
    """What to raise for a server that does not let us in, with its own words: ConfigurationError or ServiceAway."""
    remedy = remedy_of(error)
    found = f"{place} {explained(error, remedy)}"
    return ConfigurationError(found) if remedy else ServiceAway(f"{found}; start it, or `prelabel up`")
