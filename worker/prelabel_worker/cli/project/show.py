"""`prelabel project show`: show one project's state here and, with `--labelbox`, at Labelbox."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import typer

from prelabel.printing import and_more, counted
from prelabel.wire.client import Client
from prelabel_worker.cli.health.status import COLUMNS
from prelabel_worker.cli.shared.added_again import advice
from prelabel_worker.cli.shared.configuration import settings_for
from prelabel_worker.cli.shared.connection import connect
from prelabel_worker.cli.shared.known import check_project, note_unknown_project
from prelabel_worker.cli.shared.labelbox_access import Services
from prelabel_worker.cli.shared.screen import console
from prelabel_worker.cli.shared.terminal import AWAY, AsJson, RedisUrl, out, say, when
from prelabel_worker.errors import ConfigurationError
from prelabel_worker.labelbox.errors import RequestError
from prelabel_worker.labelbox.types import Import, SubmitAs
from prelabel_worker.operations.overrides import shown
from prelabel_worker.quarantine.quarantine import readable
from prelabel_worker.queries.imports import Imports, ImportStatus
from prelabel_worker.queries.remote_imports import AtLabelbox, look
from prelabel_worker.queries.status import Inspector, ProjectStatus
from prelabel_worker.settings import Settings

_SHOWN_CHUNKS = 10
_SHOWN_IMPORTS = 20
_LABELBOX_SECONDS = 10


def show(
    name: Annotated[str, typer.Argument(metavar="PROJECT", help="The project's id.")],
    labelbox: Annotated[
        bool,
        typer.Option(
            "--labelbox", help="Ask Labelbox too: for imports of others, and whether labelers see pre-labels."
        ),
    ] = False,
    as_json: AsJson = False,
    redis_url: RedisUrl = None,
) -> None:
    """Show one project: its rows, its settings, and its chunks in progress. --labelbox adds what Labelbox has.

    Example: prelabel project show demo-project --labelbox
    """
    settings = settings_for(redis_url)
    client = connect(settings)
    inspector, imports = Inspector(client, settings.key_prefix), Imports(client, settings.key_prefix)
    if not labelbox:  # with it, people look at a project before its first row
        check_project(inspector, name)
    else:
        note_unknown_project(inspector, name)
    with readable(name):
        status, overrides, chunks = inspector.status(name), shown(inspector.overrides(name)), imports.open(name)
    remote, problem = _at_the_service(client, settings, name, imports) if labelbox else (None, "")
    if as_json:
        answer = status.as_json() | {"overrides": overrides, "imports": [chunk.as_json() for chunk in chunks]}
        out(answer | ({"labelbox": remote.as_json() if remote else {"error": problem}} if labelbox else {}))
    else:
        console().print(f"project {name}", style="bold", highlight=False)
        for fact, value in _facts(status, overrides, chunks):
            if value:
                console().print(f"  {fact}: {value}", markup=False, highlight=False)
        for line in _lines(remote) if remote else ():
            console().print(f"  at Labelbox: {line}", markup=False, highlight=False)
    if problem:
        say(f"Labelbox: {problem}")
        raise typer.Exit(AWAY)


def _at_the_service(client: Client, settings: Settings, name: str, imports: Imports) -> tuple[AtLabelbox | None, str]:
    """Return what Labelbox answers, or None and the error. The time limit is short, since a person waits."""
    services = Services(client, settings, name, _LABELBOX_SECONDS)
    try:
        service = services.of()
        return look(service.labelbox, service.pacer, name, imports.names(name)), ""
    except (RequestError, ConfigurationError) as error:
        return None, str(error)
    finally:
        services.close()


def _facts(
    status: ProjectStatus, overrides: Mapping[str, str], chunks: Sequence[ImportStatus]
) -> Iterator[tuple[str, Any]]:
    for column in COLUMNS:
        yield column, f"{getattr(status, column):,}"
    yield "waiting in lanes", f"{status.waiting:,}" if status.waiting else ""
    yield "chunks at a time", status.open_most and f"{status.open_most:,}"
    yield "retrying", status.retrying and f"{status.retrying:,} ({_tries(status)})"
    yield "imported as", overrides.get("as", SubmitAs.PRE_LABELS.value)
    yield "data rows named by", _named_by(status)
    yield "had pre-labels from here", _by_policy(status)
    yield "added again", status.added_again and advice(status.project_id)
    yield "undone", status.undone and f"{status.undone:,} of the discarded"
    for reason, count in status.dead_reasons.items():
        yield f"dead: {reason}", f"{count:,}"
    for option, value in overrides.items():
        yield f"set: {option}", value
    yield "being purged", status.purging is not None and f"by {status.purging} since {when(status.purging_since)}"
    yield "paused", status.paused and f"{status.paused} (until {_until(status)})"
    for chunk in chunks[:_SHOWN_CHUNKS]:
        stuck = f", stuck since {when(chunk.stuck_at)}: {chunk.defect}" if chunk.stuck_at else ""
        yield f"chunk {chunk.chunk_id}", f"{chunk.state}, {counted(chunk.rows, 'row')} {chunk.why}".rstrip() + stuck


def _tries(status: ProjectStatus) -> str:
    parts = [f"{status.retrying_queued:,} being tried"] if status.retrying_queued else []
    parts += [f"next try {when(status.next_retry_at)}"] if status.next_retry_at else []
    return ", ".join(parts)


def _by_policy(status: ProjectStatus) -> str:
    """Return what the policy did with rows that had pre-labels from here; '' when there were none."""
    counts = {
        "overridden": status.overridden,
        "added again": status.added_again,
        "skipped": status.skipped,
        "dead by policy": status.dead_by_policy,
    }
    about = "about " if status.overridden and status.counts_a_sample else ""
    return about + ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)


def _named_by(status: ProjectStatus) -> str:
    """Return how imported rows name their data rows, and what it costs if they do it in both ways."""
    cost = ": a data row that is named in both ways counts as two" if len(status.data_row_forms) > 1 else ""
    return " and ".join(status.data_row_forms) + cost


def _until(status: ProjectStatus) -> str:
    return when(status.paused_until) or "it is resumed"


def _lines(remote: AtLabelbox) -> Iterator[str]:
    if remote.shown is None:
        yield "it does not say whether labelers see pre-labels"
    else:
        yield "labelers see pre-labels" if remote.shown else "pre-labels are hidden from labelers"
    yield f"{counted(remote.ours, 'import')} known here"
    yield from _listed(remote.unknown, "named like ours, not known here: older than the history, or of another Redis")
    yield from _listed(remote.foreign, "not ours")
    if not remote.complete:
        yield "there are more imports than were read"


def _listed(imports: Sequence[Import], description: str) -> Iterator[str]:
    if not imports:
        return
    shown = [f"{job.name} ({job.state})" for job in imports[:_SHOWN_IMPORTS]]
    shown += and_more(len(imports), len(shown))
    yield f"{counted(len(imports), 'import')} {description}: {', '.join(shown)}"
