"""The imports of a project, one import, and undoing it."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import islice
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from prelabel.printing import command, counted
from prelabel_console.access.roles import Role
from prelabel_console.console import Console, console_of, visitor_of
from prelabel_console.endpoints import Conflict, Form, Missing, Rejected, act, page
from prelabel_console.pages.project import known_project
from prelabel_console.paging import paging
from prelabel_console.render import done, project_path, render
from prelabel_worker.accounts.connection import open_labelbox, permits_of
from prelabel_worker.accounts.pacing import Pacer
from prelabel_worker.labelbox.errors import KeyMissing, RequestError
from prelabel_worker.operations.undo import UNDONE, Service, Undo, refusal
from prelabel_worker.operations.undo_ledger import UndoLedger, with_workers_history
from prelabel_worker.quarantine.quarantine import readable
from prelabel_worker.queries.imports import ImportStatus

_SIZE = 50
_PAGES = 40
WORD = "undo"
"""What a person types to confirm."""


def imports_page(request: Request) -> Response:
    """Answer the settled imports of a project, newest first, as far as the history goes back."""
    console, project_id = console_of(request), known_project(request)
    with readable(project_id):
        total = console.imports.count_settled(project_id)
        pages = paging(request, _SIZE, min(total, _SIZE * _PAGES))
        shown = list(islice(console.imports.settled(project_id, pages.until), pages.skip, pages.until))
    return render(
        request, "imports.html", section="projects", project_id=project_id, imports=shown, paging=pages, total=total
    )


def import_page(request: Request) -> Response:
    """Answer one chunk and its import."""
    project_id, status = _named(request)
    return render(
        request,
        "import.html",
        section="projects",
        project_id=project_id,
        item=status,
        refusal=refusal(status) if status.import_id else "nothing was sent",
    )


def undo_page(request: Request) -> Response:
    """Answer what undoing this import would do, and ask for a confirmation."""
    project_id, status = _named(request)
    _check(status)
    host = urlsplit(console_of(request).settings.labelbox_endpoint).hostname
    return render(request, "undo.html", section="projects", project_id=project_id, item=status, host=host, word=WORD)


def undo(request: Request, form: Form) -> Response:
    """Delete the import at Labelbox and count its rows as discarded."""
    console, (project_id, status) = console_of(request), _named(request)
    _check(status)
    if form["confirm"].strip() != WORD:
        raise Rejected(f"Nothing was undone: type the word {WORD} to confirm.")
    ledger = UndoLedger(console.client, with_workers_history(console.client, console.settings))
    with _service(console, status.account or console.settings.account, status.name) as service:
        work = Undo(console.imports, ledger, lambda _: service)
        try:
            work.run(project_id, [status])
        except RequestError as error:
            raise Conflict(f"Labelbox: {error}. What was begun is recorded: undo the import again to finish.") from None
        finally:
            details = {"import": status.name, **work.result.as_json(), "rows": work.result.rows}
            console.actions(visitor_of(request)).record(project_id, "undo", details)
    if work.why_skipped:
        reason = ", ".join(work.why_skipped)
        raise Conflict(f"The import was not undone here: {reason}.")
    console.overview.renew()
    return done(request, project_path(project_id), f"{counted(work.result.rows, 'row')} of {status.name} discarded")


def _named(request: Request) -> tuple[str, ImportStatus]:
    project_id, name = known_project(request), request.path_params["name"]
    with readable(project_id):
        status = console_of(request).imports.find(project_id, name)
    if status is None:
        raise Missing("No chunk or import of this project has this name or id, or the history has forgotten it.")
    return project_id, status


def _check(status: ImportStatus) -> None:
    """Raise Conflict for an import that cannot be undone."""
    why = refusal(status) if status.import_id else "nothing was sent to Labelbox"
    if why:
        raise Conflict(f"This import cannot be undone: {'somebody has undone it' if why == UNDONE else why}.")


@contextmanager
def _service(console: Console, account: str, name: str) -> Iterator[Service]:
    """Yield Labelbox with the account's key. Raises Rejected without one."""
    try:
        labelbox = open_labelbox(console.settings, account)
    except KeyMissing:
        raise Rejected(
            f"The console has no API key for account {account}: start it with PRELABEL_LABELBOX_API_KEY or "
            f"PRELABEL_ACCOUNT_KEYS, or on a machine that has one run {command('import undo', name)}."
        ) from None
    with closing(labelbox):
        yield Service(labelbox, Pacer(permits_of(console.client, console.settings, account)))


_PATH = "/projects/{project_id}/imports"
ROUTES = [
    page(_PATH, imports_page, "imports"),
    page(f"{_PATH}/{{name}}", import_page, "import"),
    page(f"{_PATH}/{{name}}/undo", undo_page, "import-undo", Role.ADMIN),
    act(f"{_PATH}/{{name}}/undo", undo, "import-undoes", Role.ADMIN),
]
