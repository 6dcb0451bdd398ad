"""Bulk actions: a preview, the start, the progress, and the list of those that were carried out."""

from dataclasses import replace
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from prelabel.errors import PrelabelError
from prelabel.printing import counted
from prelabel_console.access.roles import Role
from prelabel_console.bulk.preview import Preview, preview
from prelabel_console.bulk.request import BulkRequest
from prelabel_console.console import Console, console_of, visitor_of
from prelabel_console.endpoints import Conflict, Form, Missing, Rejected, act, page
from prelabel_console.pages.dead_letters import projects_of
from prelabel_console.render import done, render
from prelabel_worker.dead_letters.bulk_log import AlreadyRunning
from prelabel_worker.dead_letters.editing import Edits
from prelabel_worker.dead_letters.filter import DeadLetterFilter

_FRESH_MS = 30_000


def new_page(request: Request) -> Response:
    """Answer what an action would do: how many rows, three examples, and the button that carries it out."""
    console = console_of(request)
    bulk, problem = _request(console, dict(request.query_params))
    now_ms = console.held.now_ms()
    seen = _preview(console, bulk, _until(bulk, now_ms))
    checks = [console.dead.check(example.dead_letter.project_id, example.message) for example in seen.examples]
    return render(
        request,
        "dead_bulk_new.html",
        section="dead",
        bulk=bulk,
        problem=problem,
        seen=seen,
        examples=list(zip(seen.examples, checks, strict=True)),
        until=now_ms,
        typed=_to_type(bulk, seen),
        back=_back(bulk),
        running=console.dead.bulk.log.running(bulk.scope),
    )


def begin(request: Request, form: Form) -> Response:
    """Begin the retry that the page has shown."""
    bulk, problem = _request(console_of(request), form)
    if bulk.kind == "discard":
        raise Rejected("This form retries dead letters; nothing was discarded.")
    if problem:
        raise Rejected(problem)
    return _begin(request, form, bulk)


def discard(request: Request, form: Form) -> Response:
    """Discard what the page has shown, once its number was typed."""
    bulk, _ = _request(console_of(request), form)
    if bulk.kind != "discard":
        raise Rejected("This form discards dead letters; nothing was retried.")
    if not form["expected"] or form["typed"].replace(",", "").strip() != form["expected"]:
        raise Rejected(
            f"To discard, type the number of dead letters, {form['expected']}. Nothing was discarded: a discarded dead "
            "letter cannot be brought back."
        )
    return _begin(request, form, bulk)


def _begin(request: Request, form: Form, bulk: BulkRequest) -> Response:
    console = console_of(request)
    now_ms = _whole(form["until"]) or console.held.now_ms()
    chosen, project_ids = _until(bulk, now_ms), projects_of(console, bulk.query)
    try:
        action = console.dead.bulk.start(bulk, chosen, project_ids, _whole(form["matching"]), visitor_of(request).name)
    except AlreadyRunning as error:
        raise Conflict(
            f"{error}: {counted(error.action.result.matched, 'dead letter')} so far. Nothing was begun: see its "
            f"progress at /bulk/{error.action.id}, and decide when it has ended."
        ) from None
    return done(request, f"/bulk/{action.id}", f"Begun: {action.name}.")


def action_page(request: Request) -> Response:
    """Answer how far an action is."""
    console = console_of(request)
    action = console.dead.bulk.log.get(request.path_params["name"])
    if action is None:
        raise Missing("No bulk action has this id; the oldest ones are forgotten.")
    if action.state != "running" and console.held.now_ms() - action.updated_at.ms < _FRESH_MS:
        console.dead.groups.renew()  # so that the page says what is left of the group
    group = action.scope.removeprefix("group:") if action.scope.startswith("group:") and " " not in action.scope else ""
    return render(
        request, "dead_bulk.html", section="dead", action=action, group=group, rows_left=_left(console, group)
    )


def actions_page(request: Request) -> Response:
    """Answer the bulk actions that are remembered, newest first."""
    actions = console_of(request).dead.bulk.log.all()
    return render(request, "dead_bulks.html", section="dead", actions=actions)


def abort(request: Request, form: Form) -> Response:
    """Ask an action to end after its present slice."""
    bulk_id = request.path_params["name"]
    log = console_of(request).dead.bulk.log
    action = log.get(bulk_id)
    if action is None:
        raise Missing("No bulk action has this id; the oldest ones are forgotten.")
    if action.state != "running":
        raise Conflict(f"This action is no longer running: it is {action.state}. What it did is not undone.")
    log.abort(bulk_id, visitor_of(request).name)
    return done(request, f"/bulk/{bulk_id}", "It ends after its present slice; what it has done is not undone.")


def _request(console: Console, fields: "Form | dict[str, str]") -> tuple[BulkRequest, str]:
    """Return the request of a form, with the names that fix its group if none are given, and what is wrong with it."""
    try:
        bulk = BulkRequest.read(fields)
    except PrelabelError as error:
        raise Rejected(str(error)) from None
    if bulk.kind != "rename" or bulk.edits:
        return bulk, ""
    group = console.dead.group(bulk.query.group)
    fix = group.fix if group else None
    if fix:
        return BulkRequest(bulk.query, "rename", fix, bulk.as_new), ""
    return bulk, "Name what to rename: an old and a new name."


def _whole(text: str) -> int:
    """Return a whole number that a form says; 0 for any other text."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0


def _until(bulk: BulkRequest, now_ms: int) -> DeadLetterFilter:
    """Return the filter of a request, limited to what had died when its page was shown."""
    chosen = bulk.query.filter_at(now_ms)
    until = now_ms if chosen.until_ms is None else min(now_ms, chosen.until_ms)
    return replace(chosen, until_ms=until)


def _preview(console: Console, bulk: BulkRequest, chosen: DeadLetterFilter) -> Preview:
    if bulk.kind == "rename" and not bulk.edits:
        bulk = BulkRequest(bulk.query, "retry", Edits())
    return preview(console.held, bulk, chosen, projects_of(console, bulk.query))


def _to_type(bulk: BulkRequest, seen: Preview) -> str:
    return str(seen.would) if bulk.kind == "discard" else ""


def _back(bulk: BulkRequest) -> str:
    if bulk.query.group and bulk.scope == f"group:{bulk.query.group}":
        return f"/groups/{bulk.query.group}"
    return f"/dead?{urlencode({'q': str(bulk.query)})}"


def _left(console: Console, group: str) -> int | None:
    """Return how many rows of a group are dead now; None for an action on something else."""
    if not group:
        return None
    known = console.dead.group(group)
    return known.rows if known else 0


ROUTES = [
    page("/bulk", actions_page, "bulk-actions"),
    page("/bulk/new", new_page, "bulk-new", Role.OPERATOR),
    page("/bulk/{name}", action_page, "bulk-action"),
    act("/bulk", begin, "begins-bulk"),
    act("/bulk/discard", discard, "begins-discard", Role.ADMIN),
    act("/bulk/{name}/abort", abort, "aborts-bulk"),
]
