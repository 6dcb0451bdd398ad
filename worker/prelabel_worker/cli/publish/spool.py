"""`prelabel spool`: list the rows that publishers keep on the disk, and send them when no publisher does."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prelabel.errors import InboxFull
from prelabel.printing import command, counted
from prelabel.publishing.buffer import Limits
from prelabel.publishing.inbox import Inbox
from prelabel.publishing.journal import read as read_journal
from prelabel.publishing.options import PublisherSettings
from prelabel.publishing.recovery import recovered
from prelabel.publishing.replay import replay
from prelabel.spool.files import DAMAGED, EXPIRED, ProjectSpool, facts_of
from prelabel.spool.slots import (
    Slot,
    is_owned,
    journal_folder,
    project_folders,
    projects_folder,
    slot_folders,
    take_leftovers,
)
from prelabel.wire.redis_url import RedisUrl as Url
from prelabel_worker.cli.shared.configuration import settings_for
from prelabel_worker.cli.shared.connection import connect
from prelabel_worker.cli.shared.screen import console, new_table
from prelabel_worker.cli.shared.terminal import (
    DONE_WITH_DEAD,
    NOTHING,
    USAGE,
    AsJson,
    RedisUrl,
    ServiceAway,
    out,
    print_line,
    print_lines,
    say,
)

if TYPE_CHECKING:
    from rich.table import Table

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The publishers' spool_dir.")]
_ANY_SIZE = 2**62


def list_(
    folder: Folder,
    as_json: AsJson = False,
    metrics: Annotated[
        bool, typer.Option("--metrics", help="Print metrics for a file collector instead; the exit code is 0.")
    ] = False,
) -> None:
    """List rows that wait on the disk, by slot and project. Exit code 3 when there are none.

    Example: prelabel spool list /var/lib/fleet/spool
    """
    spools = [facts for slot in slot_folders(_existing(folder)) for facts in _facts(slot)]
    if metrics:
        _print_metrics(spools)
        return
    if as_json:
        out({"spools": spools})
    elif spools:
        console().print(_table(spools))
    if not spools:
        say(f"nothing waits in {folder}")
        raise typer.Exit(NOTHING)


def send(
    folder: Folder,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Also send rows that are too old. Redis may count such a row twice if it has it already."
        ),
    ] = False,
    as_json: AsJson = False,
    redis_url: RedisUrl = None,
) -> None:
    """Send the rows that publishers left on the disk when they ended. Running publishers send their own.

    Exit code 1 when rows are too old or damaged, or a running publisher has rows; 3 when there is nothing to send.

    Example: prelabel spool send /var/lib/fleet/spool
    """
    owned = [slot.name for slot in slot_folders(_existing(folder)) if is_owned(slot) and any(_facts(slot))]
    settings = settings_for(redis_url)
    publisher = PublisherSettings(
        redis_url=Url.parse(settings.redis_url.get_secret_value()),
        key_prefix=settings.key_prefix,
        durability=settings.durability,
    )
    inbox = Inbox(connect(settings), publisher.key_prefix, publisher.max_inbox_rows, publisher.durability)
    oldest = 0.0 if force else time.time() - publisher.spool_max_age_seconds
    sent = stayed = 0
    for slot in recovered(take_leftovers(folder, expired_too=force), publisher.limits):
        try:
            for project_id, spool in _spools(slot, force):
                answered, kept = _drain(spool, project_id, inbox, publisher.limits, oldest)
                sent, stayed = sent + answered, stayed + kept
        finally:
            slot.release()
    if as_json:
        out({"sent": sent, "stayed": stayed, "runningSlots": [int(slot) for slot in owned]})
    else:
        print_line(f"sent {counted(sent, 'row')}")
    if stayed:
        say(f"{counted(stayed, 'row')} stayed, too old or damaged: see `{command('spool list', folder)}`")
    if owned:
        say(f"not sent, because their publishers run and send them: slots {', '.join(owned)}")
    journals = [
        slot.name for slot in slot_folders(folder) if any(journal_folder(slot).glob("*")) and not is_owned(slot)
    ]
    if journals:
        say(f"not sent, because their journals cannot be moved to the spool: slots {', '.join(journals)}")
    if stayed or owned or journals:
        raise typer.Exit(DONE_WITH_DEAD)
    if not sent:
        raise typer.Exit(NOTHING)


def _existing(folder: Path) -> Path:
    if not folder.is_dir():
        say(f"{folder}: no such folder")
        raise typer.Exit(USAGE)
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        say(f"{folder}: this user must be able to read and write it, because prelabel creates lock files in it")
        raise typer.Exit(USAGE)
    return folder


def _facts(slot_folder: Path) -> Iterator[dict[str, Any]]:
    owned = is_owned(slot_folder)
    # The journal of a publisher that runs has the rows in its memory.
    journal = {} if owned else read_journal(journal_folder(slot_folder))
    for path in sorted({*project_folders(slot_folder), *(projects_folder(slot_folder) / name for name in journal)}):
        waiting, expired = facts_of(path), facts_of(path / EXPIRED)
        in_journal = journal[path.name].rows if path.name in journal else 0
        if not (waiting.rows or in_journal or expired.rows or waiting.damaged_files):
            continue
        yield {
            "slot": int(slot_folder.name),
            "projectId": path.name,
            "publisherRuns": owned,
            "rows": waiting.rows + in_journal,
            "bytes": waiting.size + expired.size,
            "oldestSeconds": round(time.time() - waiting.oldest, 1) if waiting.oldest else None,
            "expiredRows": expired.rows,
            "expiredOldestSeconds": round(time.time() - expired.oldest, 1) if expired.oldest else None,
            "damagedFiles": waiting.damaged_files,
            "folder": str(path),
        }


def _print_metrics(spools: list[dict[str, Any]]) -> None:
    """Print the sums over the slots, by project."""
    from prelabel_worker.queries.file_metrics import SpoolTotals, of_spools  # with a library that only workers have

    totals: dict[str, SpoolTotals] = {}
    for facts in spools:
        total = totals.setdefault(facts["projectId"], SpoolTotals())
        total.rows += facts["rows"]
        total.expired += facts["expiredRows"]
        total.damaged += facts["damagedFiles"]
        if facts["oldestSeconds"] is not None:
            written = time.time() - facts["oldestSeconds"]
            total.oldest = min(written, total.oldest or written)
    print_lines(of_spools(totals))


def _spools(slot: Slot, force: bool) -> Iterator[tuple[str, ProjectSpool]]:
    """Yield the spools of a slot, oldest rows first: the order in which they were published must stay."""
    for project_id in slot.projects():
        if force:
            yield project_id, slot.expired(project_id, _ANY_SIZE)
        yield project_id, slot.spool(project_id, _ANY_SIZE)


def _drain(spool: ProjectSpool, project_id: str, inbox: Inbox, limits: Limits, oldest: float) -> tuple[int, int]:
    """Send a spool; return how many rows Redis accepted, and how many were set aside."""
    sent = stayed = 0
    while spool.rows:
        try:
            step = replay(spool, project_id, inbox, limits, oldest)
        except InboxFull as error:
            raise ServiceAway(f"project {project_id}: {error}; {counted(spool.rows, 'row')} on the disk") from None
        sent, stayed = sent + step.answered, stayed + step.set_aside
    return sent, stayed


def _table(spools: list[dict[str, Any]]) -> "Table":
    numbers = ("rows", "bytes", "oldest", "too old", DAMAGED)
    table = new_table("slot", "project", *numbers, "publisher", numbers=numbers)
    for facts in spools:
        age = facts["oldestSeconds"]
        table.add_row(
            str(facts["slot"]),
            facts["projectId"],
            f"{facts['rows']:,}",
            f"{facts['bytes']:,}",
            "" if age is None else f"{age:,.0f} s ago",
            f"{facts['expiredRows']:,}",
            str(facts["damagedFiles"]),
            "runs" if facts["publisherRuns"] else "gone",
        )
    return table
