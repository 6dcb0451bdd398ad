"""`prelabel dead log`: list who did what to dead letters, projects and accounts."""

from typing import Annotated

import orjson
import typer

from prelabel_worker.cli.dead.filters import Store
from prelabel_worker.cli.shared.each_project import of_each
from prelabel_worker.cli.shared.screen import console
from prelabel_worker.cli.shared.terminal import NOTHING, AsJson, Project, RedisUrl, out, when
from prelabel_worker.operations.action_log import Actions


def log(
    project: Project = None,
    limit: Annotated[int, typer.Option(help="Maximum number of actions to show.", min=1)] = 50,
    as_json: AsJson = False,
    redis_url: RedisUrl = None,
) -> None:
    """List who did what to dead letters, projects and accounts, newest first. Exit code 3 if there are no actions.

    Example: prelabel dead log --project demo-project
    """
    store = Store(redis_url, project)
    actions = Actions(store.client, store.prefix)
    recorded = list(of_each(store.projects, lambda project_id: actions.last(project_id, limit)))
    if project is None:
        recorded += actions.last_with_accounts(limit)
    newest = sorted(recorded, key=lambda action: -action.at)[:limit]
    if as_json:
        out({"actions": [action.as_json() for action in newest]})
    else:
        for action in newest:
            details = orjson.dumps(action.details).decode()
            line = f"{when(action.at)}  {action.who}  {action.action}  {action.project_id}  {details}"
            console().print(line, markup=False, highlight=False)
    if not newest:
        raise typer.Exit(NOTHING)
