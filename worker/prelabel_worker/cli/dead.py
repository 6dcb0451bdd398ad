"""`prelabel dead`: list, show and retry dead letters."""

import time
from collections.abc import Iterator
from itertools import islice
from typing import Annotated, Any

import orjson
import typer
from rich.table import Table

from prelabel_worker.cli.common import (
    NOTHING,
    USAGE,
    AsJson,
    Project,
    RedisUrl,
    connect,
    console,
    out,
    say,
    settings_for,
)
from prelabel_worker.held import BulkResult, DeadLetter, HeldRows
from prelabel_worker.inspector import Inspector

app = typer.Typer(help="Dead letters: list, show, retry.", no_args_is_help=True, rich_markup_mode=None)
Reason = Annotated[str | None, typer.Option(help="Letters with this reason code.")]
MessageId = Annotated[str | None, typer.Option("--message-id", help="The letter of this message.")]


class _Store:
    """Dead letters of one project or of all."""

    def __init__(self, redis_url: str | None, project: str | None) -> None:
        settings = settings_for(redis_url)
        client = connect(settings)
        self.rows = HeldRows(client, settings.key_prefix)
        self.projects = [project] if project else Inspector(client, settings.key_prefix).projects()

    def matching(self, reason: str | None, message_id: str | None) -> Iterator[tuple[str, str]]:
        """(project, letter id) of what matches, newest first in each project."""
        for project_id in self.projects:
            for letter_id in self.rows.matching(project_id, reason=reason, message_id=message_id):
                yield project_id, letter_id


@app.command("list")
def list_letters(
    project: Project = None,
    reason: Reason = None,
    message_id: MessageId = None,
    limit: Annotated[int, typer.Option(help="Most letters to show.", min=1)] = 50,
    as_json: AsJson = False,
    redis_url: RedisUrl = None,
) -> None:
    """List dead letters, newest first. Exit code 3 when nothing matches.

    Example: prelabel dead list --project demo-project --reason unknown-feature
    """
    store = _Store(redis_url, project)
    found = islice(store.matching(reason, message_id), limit)
    letters = [letter for where, name in found if (letter := store.rows.letter(where, name)) is not None]
    if as_json:
        out({"letters": [letter.as_json() for letter in letters]})
    else:
        console().print(_table(letters))
    if not letters:
        raise typer.Exit(NOTHING)


@app.command("show")
def show(
    letter_id: Annotated[str, typer.Argument(help="The letter's id.")],
    project: Project = None,
    as_json: AsJson = False,
    redis_url: RedisUrl = None,
) -> None:
    """Show one dead letter: why it died, what Labelbox said, and the message.

    Example: prelabel dead show 42 --project demo-project
    """
    store = _Store(redis_url, project)
    letters = [letter for name in store.projects if (letter := store.rows.letter(name, letter_id)) is not None]
    if not letters:
        say(f"no dead letter {letter_id}")
        raise typer.Exit(NOTHING)
    if len(letters) > 1:
        say(f"letter {letter_id} exists in {', '.join(each.project_id for each in letters)}: name one with --project")
        raise typer.Exit(USAGE)
    if as_json:
        out(letters[0].as_json())
    else:
        describe(letters[0])


@app.command("retry")
def retry(
    letter_ids: Annotated[list[str] | None, typer.Argument(help="Ids of letters; else what the filters match.")] = None,
    project: Project = None,
    reason: Reason = None,
    message_id: MessageId = None,
    everything: Annotated[bool, typer.Option("--all", help="Every letter, when no id and no filter is given.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    as_json: AsJson = False,
    redis_url: RedisUrl = None,
) -> None:
    """Send dead letters back to their lanes. Exit code 3 when nothing matches.

    Example: prelabel dead retry --project demo-project --reason unknown-feature
    """
    if letter_ids and project is None:
        say("letters are numbered by project: name it with --project")
        raise typer.Exit(USAGE)
    if not (letter_ids or project or reason or message_id or everything):
        say("say which letters: ids, --project, --reason, --message-id, or --all")
        raise typer.Exit(USAGE)
    store = _Store(redis_url, project)
    result = _retry(store, letter_ids, reason, message_id, dry_run)
    answer = {"matched": result.matched, "done": result.done, "skipped": result.skipped}
    if as_json:
        out(answer)
    else:
        prefix = "would retry: " if dry_run else ""
        print(prefix + ", ".join(f"{name} {count}" for name, count in answer.items()))  # noqa: T201
    if not result.matched or (letter_ids and not dry_run and not result.done):
        raise typer.Exit(NOTHING)


def _retry(
    store: _Store, letter_ids: list[str] | None, reason: str | None, message_id: str | None, dry_run: bool
) -> BulkResult:
    total = BulkResult(0, 0, 0)
    for project_id in store.projects:
        ids = letter_ids or list(store.rows.matching(project_id, reason=reason, message_id=message_id))
        if dry_run:
            there = sum(store.rows.letter(project_id, each) is not None for each in ids)
            part = BulkResult(len(ids), 0, len(ids) - there)
        else:
            part = store.rows.retry(project_id, ids)
        total = BulkResult(total.matched + part.matched, total.done + part.done, total.skipped + part.skipped)
    return total


def describe(letter: DeadLetter) -> None:
    """Print one letter for a person."""
    print_ = console().print
    print_(f"letter {letter.id} of project {letter.project_id}", style="bold", highlight=False)
    facts: dict[str, Any] = {
        "reason": letter.reason,
        **letter.details,
        "data row": letter.data_row,
        "model": letter.model,
        "message": letter.message_id,
        "stage": letter.stage,
        "chunk": letter.chunk_id,
        "import": letter.import_name,
        "attempts": letter.attempts,
        "rows": letter.weight,
        "died": time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(letter.last_at)),
        "overtaken": "a newer message was imported; a retry will be superseded" if letter.struck else "",
    }
    for name, value in facts.items():
        if value:
            text = value if isinstance(value, str) else orjson.dumps(value).decode()
            print_(f"  {name}: {text}", markup=False, highlight=False)
    print_(f"  {letter.message[:2000].decode('utf-8', 'replace')}", markup=False, highlight=False)


def _table(letters: list[DeadLetter]) -> Table:
    found = Table("id", "project", "reason", "data row", "where", "what", "attempts", box=None, header_style="bold")
    for letter in letters:
        errors = letter.details.get("errors") or [{}]
        where = letter.details.get("path") or errors[0].get("name") or ""
        what = letter.details.get("hint") or letter.details.get("found") or errors[0].get("message") or ""
        found.add_row(
            letter.id,
            letter.project_id,
            letter.reason,
            letter.data_row,
            str(where),
            str(what)[:60],
            str(letter.attempts),
        )
    return found
