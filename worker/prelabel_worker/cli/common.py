"""What the commands share: where things are, exit codes, and how they speak."""

import gzip
import sys
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, BinaryIO, NoReturn, TypeVar, cast

import orjson
import redis
import typer
from rich.console import Console

from prelabel.client import Client, explained, open_client, remedy_of
from prelabel.errors import PrelabelError
from prelabel_worker.errors import ConfigurationError, ProjectUnreadable
from prelabel_worker.quarantine import problem_of
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
    """One line to the person, beside the command's output."""
    print(f"prelabel: {text}", file=sys.stderr)  # noqa: T201


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
        yield
    except Exception as error:
        problem = problem_of(error)
        if problem is None:
            raise
        say(str(ProjectUnreadable(project_id, problem)))


def of_each(projects: Iterable[str], read: Callable[[str], Iterable[T]]) -> Iterator[T]:
    """Yield what is read of each project; one whose keys cannot be read is named, and left out from there."""
    for project_id in projects:
        with reading(project_id):
            yield from read(project_id)


def out(value: Any) -> None:
    """JSON on standard output."""
    print(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())  # noqa: T201


def when(seconds: float | None) -> str:
    """A Unix time for a person, in UTC; '' for none."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds)) if seconds else ""
    except (OverflowError, ValueError, OSError):  # what Redis keeps may be anybody's
        return "a time out of range"


def console() -> Console:
    """A console that does not cut lines when the output is not a terminal, and to which no text is markup."""
    wide = Console(markup=False)
    return wide if wide.is_terminal else Console(width=200, markup=False)


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
