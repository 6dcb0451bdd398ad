"""`prelabel audit`."""

import typer
from rich.table import Table

from prelabel_worker.cli.shared.configuration import settings_for
from prelabel_worker.cli.shared.connection import connect
from prelabel_worker.cli.shared.screen import console
from prelabel_worker.cli.shared.terminal import DONE_WITH_DEAD, AsJson, RedisUrl, out
from prelabel_worker.queries.audit import ProjectAudit
from prelabel_worker.queries.audit import audit as reconcile


def audit(as_json: AsJson = False, redis_url: RedisUrl = None) -> None:
    """Reconcile the counts of every project and say where they differ. Exit code 1 when it does not balance.

    Example: prelabel audit
    """
    settings = settings_for(redis_url)
    audits = reconcile(connect(settings), settings.key_prefix)
    if as_json:
        out({"projects": [each.as_json() for each in audits], "balances": all(each.balances for each in audits)})
    else:
        console().print(balance(audits))
    if not all(each.balances for each in audits):
        raise typer.Exit(DONE_WITH_DEAD)


def balance(audits: list[ProjectAudit]) -> Table:
    """Published = imported + superseded + skipped + dead + discarded + pending, for each project."""
    names = ("published", "imported", "superseded", "skipped", "dead", "discarded", "pending")
    found = Table("project", box=None, header_style="bold", pad_edge=False)
    for name in names:
        found.add_column(name, justify="right")
    found.add_column("balance")
    for each in audits:
        verdict = "balances" if each.balances else "; ".join(each.differences)
        found.add_row(each.project_id, *(f"{each.counted[name]:,}" for name in names), verdict)
    return found
