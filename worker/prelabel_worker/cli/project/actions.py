"""`prelabel actions`: list who did what to projects, dead letters, imports and accounts."""

from typing import Annotated

import orjson
import typer

from prelabel_worker.cli.shared.configuration import settings_for
from prelabel_worker.cli.shared.connection import connect
from prelabel_worker.cli.shared.each_project import of_each
from prelabel_worker.cli.shared.known import check_project
from prelabel_worker.cli.shared.screen import console
from prelabel_worker.cli.shared.terminal import NOTHING, AsJson, Project, RedisUrl, out, say, usage, when
from prelabel_worker.operations.action_log import KEPT, Action, Actions
from prelabel_worker.queries.status import Inspector


def actions(
    project: Project = None,
    account: Annotated[str | None, typer.Option(metavar="NAME", help="Only this account.")] = None,
    limit: Annotated[int, typer.Option(help="Maximum number of actions to show.", min=1)] = 50,
    as_json: AsJson = False,
    redis_url: RedisUrl = None,
) -> None:
    """List what operators did to projects, dead letters, imports and accounts, newest first.

    Exit code 3 if there are no actions.

    Example: prelabel actions --project demo-project
    """
    if project is not None and account is not None:
        usage("give --project or --account: an action on an account belongs to no project")
    settings = settings_for(redis_url)
    client = connect(settings)
    log, inspector = Actions(client, settings.key_prefix), Inspector(client, settings.key_prefix)
    recorded: list[Action] = []
    if account is None:
        projects = [project] if project else inspector.projects()
        recorded += of_each(projects, lambda project_id: log.last(project_id, limit))
    if project is None:
        recorded += log.last_with_accounts(limit if account is None else KEPT, account)
    newest = sorted(recorded, key=lambda action: -action.at)[:limit]
    if as_json:
        out({"actions": [action.as_json() for action in newest]})
    else:
        for action in newest:
            console().print(_line(action), markup=False, highlight=False, soft_wrap=True)
    if not newest:
        if project is not None:
            check_project(inspector, project)
        say("no action is recorded")
        raise typer.Exit(NOTHING)


def _line(action: Action) -> str:
    details = orjson.dumps(action.details).decode()
    return "  ".join(
        filter(None, (when(action.at), action.who, action.action, action.project_id or action.account, details))
    )
