"""`prelabel row`: show where a row is, and what became of it."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from prelabel.printing import command
from prelabel.unix_time import UnixTime
from prelabel_worker.cli.dead.show import times
from prelabel_worker.cli.shared.configuration import settings_for
from prelabel_worker.cli.shared.connection import connect
from prelabel_worker.cli.shared.each_project import of_each
from prelabel_worker.cli.shared.known import projects_named
from prelabel_worker.cli.shared.screen import console
from prelabel_worker.cli.shared.terminal import NOTHING, AsJson, Project, RedisUrl, out, say, when
from prelabel_worker.dead_letters.letter import DeadLetter
from prelabel_worker.queries.row_report import became
from prelabel_worker.queries.row_trace import MAX_DEAD, MAX_FRAMES, Settled, Trace, Tracer, Waiting
from prelabel_worker.queries.status import Inspector


def show(
    key: Annotated[str, typer.Argument(metavar="KEY|MESSAGE_ID", help="Global key, data row id or message id.")],
    project: Project = None,
    as_json: AsJson = False,
    redis_url: RedisUrl = None,
) -> None:
    """Show where a data row's messages are: waiting, in a chunk, imported, dead. Exit code 3 when no row is found.

    Settled rows are known for PRELABEL_HISTORY_DAYS.

    Example: prelabel row show cam-1/000184.jpg
    """
    settings = settings_for(redis_url)
    client = connect(settings)
    tracer = Tracer(client, settings.key_prefix)
    projects = projects_named(Inspector(client, settings.key_prefix), project)
    traces = dict(of_each(projects, lambda project_id: [(project_id, tracer.trace(project_id, key))]))
    if as_json:
        out({"rows": [_json(project_id, trace) for project_id, trace in traces.items() if trace.found]})
    else:
        for project_id, trace in traces.items():
            _print(project_id, trace)
    for project_id, trace in traces.items():
        if not trace.searched_all:
            say(f"{project_id}: more than {MAX_FRAMES} frames or held rows are on their way; not all were searched")
        if not trace.found and not trace.searched_dead:
            say(f"{project_id}: of its dead letters, the newest {MAX_DEAD} were searched, up to some megabytes")
    if not any(trace.found for trace in traces.values()):
        say(f"no row found for {key}")
        raise typer.Exit(NOTHING)


def _print(project_id: str, trace: Trace) -> None:
    if not trace.found:
        return
    print_ = console().print
    print_(f"project {project_id}", style="bold", highlight=False)
    for line in _lines(project_id, trace):
        print_(f"  {line}", markup=False, highlight=False, soft_wrap=True)


def _lines(project_id: str, trace: Trace) -> Iterator[str]:
    """Yield a line for each row, oldest first: settled, held, waiting."""
    for settled in reversed(trace.settled):
        yield _settled(settled)
    for held_id, state in trace.held:
        if state.queued:
            yield f"row {held_id}: being tried again ({state.reason} before), attempt {state.attempts + 1}"
        else:
            since = when((state.first if state.since is None else state.since) / 1000)
            due = when((state.due or 0) / 1000)
            attempt = f"{state.reason}, attempt {state.attempts}"
            yield f"row {held_id}: retrying since {since} ({attempt}), next try {due}"
    for dead_letter in trace.dead_letters:
        yield _dead_letter(project_id, dead_letter)
    for waiting in trace.waiting:
        yield _waiting(waiting)
    for leftovers in trace.leftovers:
        model = f" of model {leftovers.model}" if leftovers.model else ""
        unnamed = f"; at least {leftovers.unnamed} whose uuids are not known" if leftovers.unnamed else ""
        uuids = ", ".join(leftovers.uuids) or "no known uuid"
        yield f"still in Labelbox from older messages{model}: {uuids}{unnamed}"


def _settled(settled: Settled) -> str:
    row, import_ = settled.row, settled.import_
    made = f"published {when(row.arrival.made_ms / 1000)}" if row.arrival.made_ms else "retried"
    outcome = ": ".join(filter(None, became(row.outcome)))
    name = f", import {import_.name}" if import_.name else ""
    verdict = f" {import_.verdict}" if import_.verdict else ""
    when_settled = when(import_.settled_at)
    undone = f"; its import was undone {when(import_.undone_at)}" if import_.undone_at else ""
    return f"row {row.arrival.seq}: {made}; {outcome} {when_settled} (chunk {import_.chunk_id}{name}{verdict}){undone}"


def _dead_letter(project_id: str, dead_letter: DeadLetter) -> str:
    retried = f", {times(dead_letter.retried)}" if dead_letter.retried else ""
    superseded = "; a newer message was imported, so a retry is superseded" if dead_letter.superseded else ""
    return (
        f"row {dead_letter.id}: dead letter: {dead_letter.reason}{retried}{superseded} "
        f"({command('dead show', dead_letter.id, project=project_id)})"
    )


def _waiting(waiting: Waiting) -> str:
    made = when(waiting.made_ms / 1000)
    if waiting.chunk is None:
        return f"row {waiting.seq}: published {made}; waits in lane {waiting.lane}"
    name = f", import {waiting.chunk.name}" if waiting.chunk.name else ""
    why = f" ({waiting.chunk.why})" if waiting.chunk.why else ""
    return f"row {waiting.seq}: published {made}; in chunk {waiting.chunk.chunk_id}: {waiting.chunk.state}{why}{name}"


def _json(project_id: str, trace: Trace) -> dict[str, Any]:
    return {
        "projectId": project_id,
        "settled": [
            {
                "row": settled.row.arrival.seq,
                "publishedAt": UnixTime.known(settled.row.arrival.made_ms),
                "outcome": settled.row.outcome,
                "settledAt": settled.import_.settled_at,
                "chunk": settled.import_.chunk_id,
                "import": settled.import_.name,
                "verdict": settled.import_.verdict,
                "undoneAt": settled.import_.undone_at,
            }
            for settled in trace.settled
        ],
        "held": [
            {
                "row": held_id,
                "queued": bool(state.queued),
                "nextRetryAt": UnixTime.known(state.due),
                "reason": state.reason,
                "attempts": state.attempts,
                "retryingSince": UnixTime.known(state.since),
            }
            for held_id, state in trace.held
        ],
        "deadLetters": [dead_letter.as_json() for dead_letter in trace.dead_letters],
        "waiting": [
            {
                "row": waiting.seq,
                "messageId": waiting.message_id,
                "publishedAt": UnixTime.known(waiting.made_ms),
                "lane": waiting.lane if waiting.lane >= 0 else None,
                "chunk": waiting.chunk.chunk_id if waiting.chunk else None,
                "state": waiting.chunk.state if waiting.chunk else "waiting",
                "import": waiting.chunk.name if waiting.chunk else "",
            }
            for waiting in trace.waiting
        ],
        "leftovers": [
            {"model": leftovers.model, "uuids": leftovers.uuids, "unnamed": leftovers.unnamed}
            for leftovers in trace.leftovers
        ],
        "searchedAll": trace.searched_all,
    }
