"""Shared by commands that set something up in Labelbox: the key, the request budget, Ctrl-C, and error messages."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from prelabel_worker.accounts.pacing import OwnPacer, Pacer
from prelabel_worker.accounts.repeating import Stopped
from prelabel_worker.cli.shared.connection import connect
from prelabel_worker.cli.shared.interrupts import INTERRUPTED, interrupts
from prelabel_worker.cli.shared.labelbox_access import open_labelbox, pacer_of
from prelabel_worker.cli.shared.screen import console
from prelabel_worker.cli.shared.terminal import TIMED_OUT, ServiceAway, say
from prelabel_worker.errors import ConfigurationError
from prelabel_worker.labelbox.errors import Blocked, Garbled, OutcomeUnknown, RequestError, Throttled, Unavailable
from prelabel_worker.settings import Settings
from prelabel_worker.setup.calls import Calls
from prelabel_worker.setup.tasks import StillRunning

Account = Annotated[
    str | None,
    typer.Option("--account", help="The account to use, as in PRELABEL_ACCOUNT_KEYS; else PRELABEL_ACCOUNT."),
]
Timeout = Annotated[float, typer.Option("--timeout", help="Maximum seconds to wait for Labelbox.", min=0)]
AWAY_ERRORS = (Unavailable, Throttled, OutcomeUnknown, Garbled, Blocked)


@contextmanager
def calling(settings: Settings, account: str | None, again: str = "") -> Iterator[Calls]:
    """Yield access to Labelbox with the account's key and budget; `again` says what repeating the command does.

    Exit codes: 2 when there is no key or Labelbox refuses, 3 when a task still runs there, 4 when Labelbox does not
    answer as it should, 130 after an interrupt.
    """
    name = account or settings.account
    labelbox = open_labelbox(settings, name)
    stop = threading.Event()
    try:
        with interrupts(stop):
            yield Calls(labelbox, _pacer(settings, name), stop=stop, tell=say)
    except Stopped:
        say(f"interrupted{again and f': {again}'}")
        raise typer.Exit(INTERRUPTED) from None
    except StillRunning as error:
        say(f"{error}; it continues there{again and f', and {again}'}")
        raise typer.Exit(TIMED_OUT) from None
    except AWAY_ERRORS as error:
        raise ServiceAway(f"{words(settings, error)}{again and f'; {again}'}") from None
    except RequestError as error:
        raise ConfigurationError(words(settings, error)) from None
    finally:
        labelbox.close()


def words(settings: Settings, error: RequestError) -> str:
    """Return the text of an error with Labelbox's own words, without any API key."""
    reported = error.said
    for secret in settings.secrets:
        reported = reported.replace(secret, "…")
    return f"{error}{reported and f': {reported}'}"


def _pacer(settings: Settings, account: str) -> Pacer:
    """Return a pacer for the budget that workers share; without Redis, one that keeps this process to the limit."""
    try:
        return pacer_of(connect(settings), settings, account)
    except ServiceAway as error:
        say(f"{error}. This command counts its requests alone")
        return OwnPacer(settings.requests_per_minute)


@contextmanager
def bar(title: str, total: float | None = None) -> Iterator[Callable[[float, str], None]]:
    """Show a bar on a terminal: how much is done, and a few words."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, transient=True, console=console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(title, total=total)
        yield lambda done, text: progress.update(task, completed=done, description=f"{title} {text}".strip())
