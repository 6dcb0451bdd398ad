"""Who did what, when, to how many."""

from collections.abc import Iterator

import orjson
from starlette.requests import Request
from starlette.responses import Response

from prelabel_console.console import Console, console_of
from prelabel_console.endpoints import Rejected, page
from prelabel_console.paging import paging
from prelabel_console.render import render
from prelabel_worker.operations.action_log import Action
from prelabel_worker.quarantine.names import project_id as project_id_of

_SIZE = 50
_NEWEST = 50
_MAX_TEXT = 200


def actions_page(request: Request) -> Response:
    """Answer the newest actions of all projects and accounts, or all that are remembered of one project."""
    console = console_of(request)
    project_id = request.query_params.get("project", "").strip()[:_MAX_TEXT]
    who = request.query_params.get("who", "").strip()[:_MAX_TEXT]
    if project_id and project_id_of(project_id.encode("utf-8", "replace")) is None:
        raise Rejected("No project can have this id.")
    recorded = console.actions().last(project_id, 1000) if project_id else _newest(console)
    chosen = sorted((action for action in recorded if not who or action.who == who), key=lambda action: -action.at)
    pages = paging(request, _SIZE, len(chosen), project=project_id, who=who)
    shown = chosen[pages.skip : pages.until]
    return render(
        request,
        "actions.html",
        section="actions",
        actions=[(action, details_of(action)) for action in shown],
        paging=pages,
        project_id=project_id,
        who=who,
        people=sorted({action.who for action in recorded}),
        bound=None if project_id else _NEWEST,
    )


def _newest(console: Console) -> list[Action]:
    """Return the newest actions of each project and of the accounts."""
    log, ids = console.actions(), list(console.overview.latest().value.projects)
    return [*log.last_with_accounts(_NEWEST), *log.last_of(ids, _NEWEST)]


def details_of(action: Action) -> Iterator[tuple[str, str]]:
    """Yield the details of an action by name, as text; without those that are empty."""
    for name, value in action.details.items():
        if value not in (None, "", [], {}) and name != "account":
            yield name, value if isinstance(value, str) else orjson.dumps(value).decode()


ROUTES = [page("/actions", actions_page, "actions")]
