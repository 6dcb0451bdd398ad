"""`prelabel import undo`: delete imports at Labelbox, and count their rows as discarded."""

import sys
from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from prelabel.printing import counted
from prelabel.unix_time import UnixTime
from prelabel.wire.client import Client
from prelabel_worker.cli.dead.bulk import answer, progress
from prelabel_worker.cli.dead.filters import moment
from prelabel_worker.cli.shared.configuration import settings_for
from prelabel_worker.cli.shared.connection import connect
from prelabel_worker.cli.shared.each_project import reading
from prelabel_worker.cli.shared.interrupts import interrupts
from prelabel_worker.cli.shared.known import projects_named
from prelabel_worker.cli.shared.labelbox_access import Services
from prelabel_worker.cli.shared.terminal import (
    DONE_WITH_DEAD,
    NOTHING,
    AsJson,
    Project,
    RedisUrl,
    ServiceAway,
    confirm,
    say,
    usage,
)
from prelabel_worker.dead_letters.moments import Moment
from prelabel_worker.dead_letters.reader import HeldReader
from prelabel_worker.dead_letters.store import BulkResult
from prelabel_worker.labelbox.errors import RequestError
from prelabel_worker.operations.action_log import Actions
from prelabel_worker.operations.undo import UNDONE, Undo, refusal, sent_between
from prelabel_worker.operations.undo_ledger import UndoLedger, with_workers_history
from prelabel_worker.queries.imports import Imports, ImportStatus
from prelabel_worker.queries.status import Inspector
from prelabel_worker.settings import Settings

_FORGOTTEN = (
    "no import {name} is known here: it never existed, or it is older than the history (PRELABEL_HISTORY_DAYS). "
    "An older import cannot be undone from here, and its rows stay counted as imported"
)


def undo(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="The import's name, its id at Labelbox, or the chunk's id.")
    ] = None,
    project: Project = None,
    since: Annotated[
        Moment | None,
        typer.Option(parser=moment, metavar="TIME", help="Sent then or later: RFC 3339, or 2h, 3d (ago)."),
    ] = None,
    until: Annotated[
        Moment | None,
        typer.Option(parser=moment, metavar="TIME", help="Sent then or earlier: RFC 3339, or 2h, 3d (ago)."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
    redis_url: RedisUrl = None,
) -> None:
    """Delete imports at Labelbox; their rows count as discarded. Pre-labels that they overrode do not come back.

    Exit code 3 when nothing matches, 1 when an import that matches could not be undone.

    Example: prelabel import undo --project demo-project --since 2h --dry-run
    """
    if (name is None) == (since is None) or (since is not None and project is None) or (name and until):
        usage("name the imports: give a NAME, or --project and --since, and --until if you like")
    settings = settings_for(redis_url)
    client = connect(settings)
    projects = projects_named(Inspector(client, settings.key_prefix), project)
    details: dict[str, Any]
    if name is not None:
        project_id, chosen = _named(Imports(client, settings.key_prefix), projects, name)
        details = {"import": name}
    else:
        project_id = projects[0]
        now_ms = HeldReader(client, settings.key_prefix).now_ms()
        since_ms, until_ms = since.at(now_ms) if since else 0, until.at(now_ms) if until else None
        chosen = list(sent_between(Imports(client, settings.key_prefix), project_id, since_ms, until_ms))
        details = _period(since_ms, until_ms)
    _Command(client, settings, project_id, chosen, yes=yes).run(details, dry_run=dry_run, as_json=as_json)


def _period(since_ms: int | None, until_ms: int | None) -> dict[str, object]:
    """Return the times for the action log."""
    times = {"since": UnixTime.known(since_ms), "until": UnixTime.known(until_ms)}
    return {name: None if time is None else time.iso() for name, time in times.items()}


def _named(imports: Imports, projects: Sequence[str], name: str) -> tuple[str, list[ImportStatus]]:
    """Return the import of this name and its project. Exit code 3 when there is none, or it sent nothing."""
    for project_id in projects:
        status = None
        with reading(project_id):
            status = imports.find(project_id, name)
        if status is not None and (status.import_id or status.state != "settled"):
            return project_id, [status]
        if status is not None:
            say(f"chunk {status.chunk_id} sent nothing to Labelbox: there is nothing to undo")
            raise typer.Exit(NOTHING)
    say(_FORGOTTEN.format(name=name))
    raise typer.Exit(NOTHING)


class _Command:
    """Undoes the chosen imports of one project."""

    def __init__(
        self, client: Client, settings: Settings, project_id: str, chosen: list[ImportStatus], *, yes: bool
    ) -> None:
        self._client = client
        self._settings = settings
        self._project = project_id
        self._chosen = chosen
        self._yes = yes
        self._services = Services(client, settings, project_id)
        imports = Imports(client, settings.key_prefix)
        self._undo = Undo(imports, UndoLedger(client, with_workers_history(client, settings)), self._services.of)

    def run(self, details: dict[str, object], *, dry_run: bool, as_json: bool) -> None:
        """Count the imports, or ask and undo them; record the action, and end with an exit code."""
        ready = [status for status in self._chosen if not refusal(status)]
        if dry_run:
            for status in self._chosen:
                if why := refusal(status):
                    self._undo.why_skipped[why] += 1
            self._undo.result = BulkResult(len(self._chosen), 0, len(self._chosen) - len(ready))
        elif ready:
            self._confirm(ready)
            self._carry_out(details)
        else:
            self._undo.run(self._project, self._chosen)
        self._answer(sum(status.imported for status in ready), dry_run=dry_run, as_json=as_json)

    def _confirm(self, ready: Sequence[ImportStatus]) -> None:
        """Print what will be done, and ask unless the person has confirmed it with `--yes`. Exit code 3 for no."""
        rows = sum(status.imported for status in ready)
        host = urlsplit(self._settings.labelbox_endpoint).hostname
        say(
            f"this deletes {counted(len(ready), 'import')} of project {self._project} at {host} and, as far as is "
            f"known, their pre-labels; {counted(rows, 'imported row')} will count as discarded. Pre-labels that they "
            "overrode do not come back, and nobody can restore the deleted ones."
        )
        if self._yes:
            return
        if not sys.stdin.isatty():
            usage("undoing cannot be reverted: give --yes, or --dry-run to count")
        if not confirm("Delete them?"):
            say("nothing was undone")
            raise typer.Exit(NOTHING)

    def _carry_out(self, details: dict[str, object]) -> None:
        try:
            with progress("undo", "import") as show, interrupts(self._undo.stop):
                self._undo.progress = show
                self._undo.run(self._project, self._chosen)
        except RequestError as error:
            done = self._undo.result.done
            raise ServiceAway(
                f"Labelbox: {error}; {done} of {len(self._chosen)} are undone; the same command resumes"
            ) from None
        finally:
            result = self._undo.result
            outcome = {**details, **result.as_json(), "rows": result.rows}
            Actions(self._client, self._settings.key_prefix).record(self._project, "undo", outcome)
            self._services.close()

    def _answer(self, rows: int, *, dry_run: bool, as_json: bool) -> None:
        undo = self._undo
        say(f"{'would discard' if dry_run else 'discarded'} {counted(rows if dry_run else undo.result.rows, 'row')}")
        if undo.why_skipped and (as_json or not dry_run):
            say("skipped: " + ", ".join(f"{count} {why}" for why, count in undo.why_skipped.most_common()))
        stopped = undo.stop.is_set()
        answer(
            undo.result,
            "undo",
            dry_run=dry_run,
            as_json=as_json,
            interrupted=stopped,
            named=False,
            why_skipped=undo.why_skipped,
        )
        if set(undo.why_skipped) - {UNDONE}:
            raise typer.Exit(DONE_WITH_DEAD)
        if undo.why_skipped and not dry_run and not undo.result.done:
            raise typer.Exit(NOTHING)
