"""`prelabel audit`."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from prelabel_worker.cli.shared.configuration import settings_for
from prelabel_worker.cli.shared.connection import connect
from prelabel_worker.cli.shared.known import say_no_rows
from prelabel_worker.cli.shared.screen import console, new_table
from prelabel_worker.cli.shared.terminal import DONE_WITH_DEAD, AsJson, RedisUrl, out, print_lines
from prelabel_worker.queries.audit import ProjectAudit
from prelabel_worker.queries.audit import audit as reconcile

if TYPE_CHECKING:
    from rich.table import Table


def audit(
    as_json: AsJson = False,
    metrics: Annotated[bool, typer.Option("--metrics", help="Print metrics for a file collector instead.")] = False,
    redis_url: RedisUrl = None,
) -> None:
    """Reconcile the counts of every project and say where they differ. Exit code 1 when they do.

    Example: prelabel audit
    """
    settings = settings_for(redis_url)
    audits = reconcile(connect(settings), settings.key_prefix)
    if metrics:
        from prelabel_worker.queries.file_metrics import of_audit  # loads the library of metrics

        print_lines(of_audit(audits, time.time()))
    elif as_json:
        out(
            {
                "projects": [project.as_json() for project in audits],
                "balances": all(project.balances for project in audits),
            }
        )
    elif audits:
        console().print(balance(audits))
    if not audits:
        say_no_rows(settings)
    if not all(project.balances for project in audits):
        raise typer.Exit(DONE_WITH_DEAD)


def balance(audits: list[ProjectAudit]) -> "Table":
    """Return a table: published = imported + superseded + skipped + dead + discarded + pending, for each project."""
    names = ("published", "imported", "superseded", "skipped", "dead", "discarded", "pending")
    table = new_table("project", *names, "balance", numbers=names)
    for project in audits:
        verdict = "balances" if project.balances else "; ".join(project.differences)
        table.add_row(project.project_id, *(f"{project.counted[name]:,}" for name in names), verdict)
    return table
