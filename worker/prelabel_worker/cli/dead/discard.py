"""`prelabel dead discard`."""

import sys
from typing import Annotated

import typer

from prelabel.printing import counted
from prelabel_worker.cli.dead.bulk import answer, carry_out
from prelabel_worker.cli.dead.filters import Choice, Store, filtered
from prelabel_worker.cli.shared.each_project import of_each
from prelabel_worker.cli.shared.terminal import NOTHING, USAGE, AsJson, RedisUrl, confirm, say
from prelabel_worker.dead_letters.bulk import Bulk


@filtered
def discard(
    choice: Choice = Choice(),  # noqa: B008 - frozen; `filtered` gives the real one
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
    redis_url: RedisUrl = None,
) -> None:
    """Delete dead letters for good; their rows count as discarded. Exit code 3 when nothing matches.

    Example: prelabel dead discard --project demo-project --reason unknown-feature --until 30d --dry-run
    """
    choice.check()
    store = Store(redis_url, choice.project)
    now_ms = store.rows.now_ms()
    bulk = Bulk(store.rows, choice.before(now_ms), dry_run=dry_run)
    if not dry_run and not yes:
        _ask(store, bulk)
    interrupted = carry_out(store, bulk, "discard", choice.filter_at(now_ms).as_details(), bulk.discard)
    named = bool(choice.dead_letter_ids)
    answer(bulk.result, "discard", dry_run=dry_run, as_json=as_json, interrupted=interrupted, named=named)


def _ask(store: Store, bulk: Bulk) -> None:
    """Ask on a terminal, with the count. Exit code 3 when the answer is no, 2 where nobody can answer."""
    if not _on_a_terminal():
        say("discarding cannot be undone: give --yes, or --dry-run to count")
        raise typer.Exit(USAGE)
    count = sum(map(len, of_each(store.projects, lambda project_id: store.rows.slices(project_id, bulk.chosen))))
    if count and not confirm(f"Discard {counted(count, 'dead letter')} of {', '.join(store.projects)} for good?"):
        say("nothing was discarded")
        raise typer.Exit(NOTHING)


def _on_a_terminal() -> bool:
    return sys.stdin.isatty()
