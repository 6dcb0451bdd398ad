"""`prelabel dead log`: who did what, with dead letters, projects and accounts."""

from typing import Annotated

import orjson
import typer

from prelabel_worker.cli.dead.filters import Store
from prelabel_worker.cli.shared.terminal import NOTHING, AsJson, Project, RedisUrl, console, of_each, out, when
from prelabel_worker.operations.action_log import Actions


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("log")(log)


def log(
    project: Project = None,
    limit: Annotated[int, typer.Option(help="Most actions to show.", min=1)] = 50,
    as_json: AsJson = False,
    redis_url: RedisUrl = None,
) -> None:
    """List what was done with dead letters, projects and accounts, by whom, newest first. Exit code 3 when nothing was.

    Example: prelabel dead log --project demo-project
    """
    store = Store(redis_url, project)
    actions = Actions(store.client, store.prefix)
    found = list(of_each(store.projects, lambda name: actions.last(name, limit)))
    if project is None:
        found += actions.last_with_accounts(limit)
    found = sorted(found, key=lambda action: -action.at_ms)[:limit]
    if as_json:
        out({"actions": [action.as_json() for action in found]})
    else:
        for each in found:
            details = orjson.dumps(each.details).decode()
            line = f"{when(each.at_ms / 1000)}  {each.who}  {each.action}  {each.project_id}  {details}"
            console().print(line, markup=False, highlight=False)
    if not found:
        raise typer.Exit(NOTHING)
