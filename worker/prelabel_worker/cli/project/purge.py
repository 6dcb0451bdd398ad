"""`prelabel project purge`: discard all rows of a project that have no outcome yet, and its dead letters."""

import sys
from typing import Annotated

import typer

from prelabel.printing import command, counted
from prelabel.wire.client import Client
from prelabel_worker.cli.shared.configuration import settings_for
from prelabel_worker.cli.shared.connection import connect
from prelabel_worker.cli.shared.interrupts import INTERRUPTED, interrupts
from prelabel_worker.cli.shared.known import check_project
from prelabel_worker.cli.shared.terminal import (
    NOTHING,
    TIMED_OUT,
    AsJson,
    RedisUrl,
    ask_for,
    end_line,
    out,
    print_line,
    print_over,
    say,
    usage,
)
from prelabel_worker.errors import PurgeEnded
from prelabel_worker.operations.action_log import Actions, user
from prelabel_worker.operations.purge import Purge, PurgeResult, expected
from prelabel_worker.operations.undo_ledger import with_workers_history
from prelabel_worker.quarantine.quarantine import readable
from prelabel_worker.queries.imports import Imports
from prelabel_worker.queries.status import Inspector
from prelabel_worker.settings import Settings


def purge(
    name: Annotated[str, typer.Argument(metavar="PROJECT", help="The project's id.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for the project's id.")] = False,
    timeout: Annotated[
        float, typer.Option(help="Maximum seconds to wait for imports that are in progress.", min=0)
    ] = 600,
    as_json: AsJson = False,
    redis_url: RedisUrl = None,
) -> None:
    """Discard all rows of a project that have no outcome yet, and its dead letters, without uploading them.

    Rows that wait, retrying rows and dead letters count as discarded; nobody can restore them. Imports in progress are
    followed to their end first, by the workers: their rows count as what became of them. Rows that arrive while the
    purge runs stay. Exit code 3 when there is nothing to discard, or when imports are still in progress after the
    timeout: nothing more of the project is uploaded then, and the same command resumes.

    Example: prelabel project purge demo-project --dry-run
    """
    settings = settings_for(redis_url)
    client = connect(settings)
    inspector = Inspector(client, settings.key_prefix)
    check_project(inspector, name)
    with readable(name):
        status = inspector.status(name)
        before = expected(status, Imports(client, settings.key_prefix).open(name))
    if not before.discarded + before.in_flight and status.purging is None:
        say(f"no row of {name} is pending or dead: there is nothing to discard")
        raise typer.Exit(NOTHING)
    if dry_run:
        _answer(before, name, as_json=as_json, dry_run=True)
        return
    _confirm(before, name, yes=yes)
    result, ended, stopped = _carry_out(client, settings, name, before, timeout)
    _answer(result, name, as_json=as_json, dry_run=False)
    if not ended:
        _say_how_to_resume(client, settings, name, result)
        raise typer.Exit(INTERRUPTED if stopped else TIMED_OUT)
    remaining = inspector.status(name)
    if remaining.pending:
        say(f"{counted(remaining.pending, 'row')} of {name} that arrived later, or were retried meanwhile, are pending")


def _confirm(before: PurgeResult, name: str, *, yes: bool) -> None:
    """Print what will be done, and ask for the project's id unless `--yes` is given. Exit code 3 for any other text."""
    in_flight = (
        f"; {counted(before.in_flight, 'row')} in imports that may be in progress: their end comes first"
        if before.in_flight
        else ""
    )
    say(
        f"this discards {counted(before.discarded, 'row')} of project {name} for good: {before.unsent:,} not uploaded, "
        f"{before.held:,} retrying or dead{in_flight}. Nobody can restore them."
    )
    if yes:
        return
    if not _on_a_terminal():
        usage("purging cannot be undone: give --yes, or --dry-run to count")
    if ask_for("Type the project's id to discard them") != name:
        say("that is not the project's id: nothing was discarded")
        raise typer.Exit(NOTHING)


def _carry_out(
    client: Client, settings: Settings, name: str, before: PurgeResult, timeout: float
) -> tuple[PurgeResult, bool, bool]:
    """Purge and record the action; return what was done, whether it ended, and whether the person interrupted it.

    Exit code 3 when somebody else has ended the purge.
    """
    purge = Purge(client, with_workers_history(client, settings))
    if sys.stderr.isatty():
        purge.progress = lambda result: print_over(
            f"discarded {result.discarded:,} rows, {result.in_flight:,} in imports in progress"
        )
    actions, ended = Actions(client, settings.key_prefix), False
    actions.record(name, "purge-begun", before.as_json())  # a command that is killed records nothing else
    try:
        with readable(name), interrupts(purge.stop):
            ended = purge.run(name, user(), timeout)
    except PurgeEnded:
        say(f"somebody else has ended the purge of {name}, by project resume or by another purge")
        ended = True
    finally:
        if sys.stderr.isatty():
            end_line()
        actions.record(name, "purge", {**purge.result.as_json(), "ended": ended})
    return purge.result, ended, purge.stop.is_set()


def _answer(result: PurgeResult, name: str, *, as_json: bool, dry_run: bool) -> None:
    if as_json:
        out({"projectId": name, **result.as_json(), "discarded": result.discarded})
        return
    verb = "would discard" if dry_run else "discarded"
    print_line(
        f"{verb} {counted(result.discarded, 'row')} of {name}: {result.unsent:,} not uploaded, "
        f"{result.held:,} retrying or dead; in imports that may be in progress: {result.in_flight:,}"
    )


def _say_how_to_resume(client: Client, settings: Settings, name: str, result: PurgeResult) -> None:
    no_worker = "" if Inspector(client, settings.key_prefix).workers() else "; no worker is alive to follow them"
    say(
        f"the purge of {name} has not ended: {counted(result.in_flight, 'row')} in imports that may be in progress"
        f"{no_worker}. Nothing more of {name} is uploaded. {command('project purge', name)} resumes it, "
        f"{command('import list', project=name, running=True)} shows the imports, "
        f"{command('project resume', name)} gives the purge up"
    )


def _on_a_terminal() -> bool:
    return sys.stdin.isatty()
