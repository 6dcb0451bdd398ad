"""One dead letter: why it died, its message, what happened to it, and edit, retry and discard it."""

from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from prelabel.errors import MessageError
from prelabel_console.access.roles import Role
from prelabel_console.console import Console, console_of, visitor_of
from prelabel_console.endpoints import Conflict, Form, Missing, Rejected, act, page
from prelabel_console.message_text import indented, message_text
from prelabel_console.pages.data_row import row_address
from prelabel_console.render import HEADERS, done, render
from prelabel_worker.dead_letters.editing import checked, edited_message, suggested_edits
from prelabel_worker.dead_letters.explain import EXPLAINED, explanation, text
from prelabel_worker.dead_letters.letter import DeadLetter
from prelabel_worker.dead_letters.store import BulkResult
from prelabel_worker.operations.action_log import Action
from prelabel_worker.queries.row_timeline import Event, timeline

MESSAGE_BYTES = 16 << 20
"""Maximum size of a form with a message: 4 MiB, whose characters a browser may write as three each."""
_IN_PAGE_CHARACTERS = 40_000
"""A longer message is put into the field only when somebody asks for it, to keep the page light."""
_SHOWN_UUIDS = 100
_SHOWN_EVENTS = 100


def dead_letter_page(request: Request) -> Response:
    """Answer everything that is known about a dead letter."""
    console, dead_letter = console_of(request), _letter(request)
    details = dead_letter.details
    may_edit = visitor_of(request).may(Role.OPERATOR) and not dead_letter.whole_frame
    large = len(dead_letter.message) > _IN_PAGE_CHARACTERS
    editable = indented(dead_letter.message) if may_edit and not large else ""
    large = large or len(editable) > _IN_PAGE_CHARACTERS
    taken = [text(uuid) for uuid in details.get("taken") or []] if isinstance(details.get("taken"), list) else []
    return render(
        request,
        "dead_letter.html",
        section="dead",
        dead_letter=dead_letter,
        explained=explanation(dead_letter),
        message=None if dead_letter.whole_frame else message_text(dead_letter.message, text(details.get("path") or "")),
        editable="" if large else editable,
        large=large,
        taken=taken[:_SHOWN_UUIDS],
        taken_count=len(taken),
        others={
            name: text(value)[:400] for name, value in details.items() if name not in EXPLAINED and name != "taken"
        },
        history=_events(console, dead_letter)[-_SHOWN_EVENTS:],
        check=console.dead.check(dead_letter.project_id, dead_letter.message) if may_edit else None,
        fix=suggested_edits(dead_letter),
        key=dead_letter.data_row.partition(":")[2],
        address=_address(dead_letter.project_id, dead_letter.id),
    )


def download(request: Request) -> Response:
    """Answer the message byte for byte, or indented for an editor, as a file that no browser opens."""
    dead_letter = _letter(request)
    content = indented(dead_letter.message).encode() if request.query_params.get("indented") else dead_letter.message
    name = "".join(letter for letter in dead_letter.id if letter.isascii() and letter.isalnum())
    headers = HEADERS | {"Content-Disposition": f'attachment; filename="dead-letter-{name}.json"'}
    return Response(content, 200, headers, "application/octet-stream")


def check(request: Request, form: Form) -> Response:
    """Answer what is wrong with a message, as JSON, while somebody types it. Changes nothing."""
    checked_message = console_of(request).dead.check(request.path_params["project_id"], form["message"].encode())
    return JSONResponse({"valid": checked_message.valid} | checked_message.as_json(), 200, HEADERS)


def save(request: Request, form: Form) -> Response:
    """Replace the message, and retry the dead letter unless it is to stay."""
    console, typed = console_of(request), form["message"]
    project_id, dead_letter_id = request.path_params["project_id"], request.path_params["name"]
    dead_letter = console.held.dead_letter(project_id, dead_letter_id)
    if dead_letter is None or dead_letter.body_digest != form["digest"]:
        return _conflict(request, dead_letter, typed)
    if dead_letter.whole_frame:
        raise Rejected("A frame that cannot be read can be retried or discarded, not edited.")
    try:
        new = edited_message(dead_letter, checked(dead_letter, typed.encode()), console.held.lanes(project_id))
    except MessageError as error:
        return _refused(request, dead_letter, typed, error)
    keep = form["then"] == "keep"
    result = console.held.edit(project_id, [new], "keep" if keep else "old")
    if not result.done:
        return _conflict(request, console.held.dead_letter(project_id, dead_letter_id), typed)
    _record(request, "edit", dead_letter, {"kept": keep, **result.as_json()})
    said = "The message is saved; the dead letter stays." if keep else "The message is saved, and the row is retried."
    return done(request, _address(project_id, dead_letter_id) if keep else _row_address(dead_letter), said)


def retry(request: Request, form: Form) -> Response:
    """Send the dead letter back, as it is."""
    dead_letter, console = _acted_on(request, form), console_of(request)
    result = console.held.retry(dead_letter.project_id, [dead_letter.id], as_new=form["as_new"] == "yes")
    _require(request, result)
    _record(request, "retry", dead_letter, result.as_json())
    return done(request, _row_address(dead_letter), "The row is retried.")


def discard(request: Request, form: Form) -> Response:
    """Delete the dead letter for good."""
    dead_letter, console = _acted_on(request, form), console_of(request)
    if form["typed"].strip() != dead_letter.id:
        raise Rejected(f"To discard the dead letter, type its id, {dead_letter.id}. Nothing was discarded.")
    result = console.held.discard(dead_letter.project_id, [dead_letter.id])
    _require(request, result)
    _record(request, "discard", dead_letter, result.as_json())
    return done(request, f"/dead?q=project:{dead_letter.project_id}", f"Dead letter {dead_letter.id} is discarded.")


def _letter(request: Request) -> DeadLetter:
    project_id, dead_letter_id = request.path_params["project_id"], request.path_params["name"]
    dead_letter = console_of(request).held.dead_letter(project_id, dead_letter_id)
    if dead_letter is None:
        raise Missing(f"There is no dead letter {dead_letter_id} in project {project_id}. {_became(request)}")
    return dead_letter


def _acted_on(request: Request, form: Form) -> DeadLetter:
    """Return the dead letter that the page has shown. Raises Conflict if somebody else has changed it."""
    project_id, dead_letter_id = request.path_params["project_id"], request.path_params["name"]
    dead_letter = console_of(request).held.dead_letter(project_id, dead_letter_id)
    if dead_letter is None:
        raise Conflict(f"Dead letter {dead_letter_id} of project {project_id} is no longer there. {_became(request)}")
    if dead_letter.body_digest != form["digest"]:
        raise Conflict(
            f"Somebody else has changed the message of dead letter {dead_letter_id} since this page was shown. Nothing "
            "was done: look at the dead letter again, and act then."
        )
    return dead_letter


def _require(request: Request, result: BulkResult) -> None:
    if not result.done:
        raise Conflict(f"Nothing was done: the dead letter is no longer there. {_became(request)}")


def _became(request: Request) -> str:
    """Return what became of a row that is no dead letter any more, and who acted last."""
    console = console_of(request)
    project_id, dead_letter_id = request.path_params["project_id"], request.path_params["name"]
    row = next(console.held.rows(project_id, [dead_letter_id]), None)
    last = _last_action(console, project_id)
    by = f" The last action on this project: {last.who} did “{last.action}” at {last.at.iso()}." if last else ""
    if row is not None:
        return f"Its row is being tried again at this moment; it was held for {row.reason}.{by}"
    return f"It was imported, superseded or discarded, or it never existed; its data row's page has the history.{by}"


def _last_action(console: Console, project_id: str) -> Action | None:
    actions = console.actions().last(project_id, 1)
    return actions[0] if actions else None


def _conflict(request: Request, present: DeadLetter | None, typed: str) -> Response:
    """Answer 409: somebody else has acted; what was typed is kept in the page."""
    what = "Somebody else has changed its message." if present else _became(request)
    return render(
        request,
        "dead_conflict.html",
        code=409,
        section="dead",
        dead_letter_id=request.path_params["name"],
        what=what,
        typed=typed,
        present=present,
        address=_address(request.path_params["project_id"], request.path_params["name"]),
        message=message_text(present.message) if present else None,
    )


def _refused(request: Request, dead_letter: DeadLetter, typed: str, error: MessageError) -> Response:
    """Answer 422: the message is not valid; what was typed is kept in the page."""
    return render(
        request,
        "dead_refused.html",
        code=422,
        section="dead",
        dead_letter=dead_letter,
        typed=typed,
        error=error,
        address=_address(dead_letter.project_id, dead_letter.id),
    )


def _record(request: Request, action: str, dead_letter: DeadLetter, details: dict[str, Any]) -> None:
    actions = console_of(request).actions(visitor_of(request))
    actions.record(dead_letter.project_id, action, {"ids": [dead_letter.id], **details})


def _events(console: Console, dead_letter: DeadLetter) -> list[Event]:
    key = dead_letter.data_row.partition(":")[2] or dead_letter.message_id
    return timeline(console.dead.tracer.trace(dead_letter.project_id, key, [dead_letter.model])) if key else []


def _address(project_id: str, dead_letter_id: str) -> str:
    return f"/dead/{quote(project_id, '')}/{quote(dead_letter_id, '')}"


def _row_address(dead_letter: DeadLetter) -> str:
    """Return the address of the page that shows what becomes of the row."""
    key = dead_letter.data_row.partition(":")[2]
    return row_address(key, dead_letter.project_id) if key else _address(dead_letter.project_id, dead_letter.id)


ROUTES = [
    page("/dead/{project_id}/{name}", dead_letter_page, "dead-letter"),
    page("/dead/{project_id}/{name}/message", download, "dead-letter-message"),
    act("/dead/{project_id}/{name}/check", check, "checks-message", max_bytes=MESSAGE_BYTES),
    act("/dead/{project_id}/{name}/message", save, "edits-dead-letter", max_bytes=MESSAGE_BYTES),
    act("/dead/{project_id}/{name}/retry", retry, "retries-dead-letter"),
    act("/dead/{project_id}/{name}/discard", discard, "discards-dead-letter", Role.ADMIN),
]
