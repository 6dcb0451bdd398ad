"""`prelabel row`: where a row is, and what became of it."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from prelabel.printing import command
from prelabel_worker.cli.shared.configuration import settings_for
from prelabel_worker.cli.shared.connection import connect
from prelabel_worker.cli.shared.each_project import of_each
from prelabel_worker.cli.shared.screen import console
from prelabel_worker.cli.shared.terminal import NOTHING, AsJson, Project, RedisUrl, out, say, when
from prelabel_worker.dead_letters.letter import DeadLetter
from prelabel_worker.queries.row_trace import MOST_FRAMES, Settled, Trace, Tracer, Waiting
from prelabel_worker.queries.status import Inspector


def show(
    wanted: Annotated[str, typer.Argument(metavar="KEY|MESSAGE_ID", help="Global key, data row id or message id.")],
    project: Project = None,
    as_json: AsJson = False,
    redis_url: RedisUrl = None,
) -> None:
    """Show what is known of a data row's messages: waiting, in a chunk, imported, dead. Exit code 3 when nothing is.

    Settled rows are known for PRELABEL_HISTORY_DAYS.

    Example: prelabel row show cam-1/000184.jpg
    """
    settings = settings_for(redis_url)
    client = connect(settings)
    tracer = Tracer(client, settings.key_prefix, history_days=settings.history_days)
    projects = [project] if project else Inspector(client, settings.key_prefix).projects()
    traces = dict(of_each(projects, lambda project_id: [(project_id, tracer.trace(project_id, wanted))]))
    if as_json:
        out({"rows": [_as_json(project_id, trace) for project_id, trace in traces.items() if trace.found]})
    else:
        for project_id, trace in traces.items():
            _print(project_id, trace)
    for project_id, trace in traces.items():
        if not trace.searched_all:
            say(f"{project_id}: more than {MOST_FRAMES} frames or held rows are on their way; not all were searched")
    if not any(trace.found for trace in traces.values()):
        say(f"nothing is known of {wanted}")
        raise typer.Exit(NOTHING)


def _print(project_id: str, trace: Trace) -> None:
    if not trace.found:
        return
    print_ = console().print
    print_(f"project {project_id}", style="bold", highlight=False)
    for line in _lines(project_id, trace):
        print_(f"  {line}", markup=False, highlight=False)


def _lines(project_id: str, trace: Trace) -> Iterator[str]:
    """Oldest first: what was settled, what is held, what waits."""
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
    for left in trace.leftovers:
        model = f" of model {left.model}" if left.model else ""
        unnamed = f"; at least {left.unnamed} whose uuids are not known" if left.unnamed else ""
        # What was imported is remembered by data row, and not by import.
        undone = any(each.import_.undone_at for each in trace.settled)
        or_less = "; perhaps less: an import of this data row was undone" if undone else ""
        yield f"left of older messages{model}: {', '.join(left.uuids) or 'no known uuid'}{unnamed}{or_less}"


def _settled(settled: Settled) -> str:
    row, import_ = settled.row, settled.import_
    made = f"published {when(row.arrival.made_ms / 1000)}" if row.arrival.made_ms else "retried"
    became = row.outcome if row.outcome in ("imported", "superseded", "skipped") else f"held: {row.outcome}"
    name = f", import {import_.name}" if import_.name else ""
    verdict = f" {import_.verdict}" if import_.verdict else ""
    when_settled = when(import_.settled_at)
    undone = f"; its import was undone {when(import_.undone_at)}" if import_.undone_at else ""
    return f"row {row.arrival.seq}: {made}; {became} {when_settled} (chunk {import_.chunk_id}{name}{verdict}){undone}"


def _dead_letter(project_id: str, dead_letter: DeadLetter) -> str:
    retried = f", retried {dead_letter.attempts - 1} times" if dead_letter.attempts > 1 else ""
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


def _as_json(project_id: str, trace: Trace) -> dict[str, Any]:
    return {
        "projectId": project_id,
        "settled": [
            {
                "row": each.row.arrival.seq,
                "publishedAt": each.row.arrival.made_ms / 1000 or None,
                "outcome": each.row.outcome,
                "settledAt": each.import_.settled_at,
                "chunk": each.import_.chunk_id,
                "import": each.import_.name,
                "verdict": each.import_.verdict,
                "undoneAt": each.import_.undone_at,
            }
            for each in trace.settled
        ],
        "held": [
            {
                "row": held_id,
                "queued": bool(state.queued),
                "dueMs": state.due,
                "reason": state.reason,
                "attempts": state.attempts,
                "retryingSinceMs": state.since or None,
            }
            for held_id, state in trace.held
        ],
        "deadLetters": [dead_letter.as_json() for dead_letter in trace.dead_letters],
        "waiting": [
            {
                "row": each.seq,
                "messageId": each.message_id,
                "publishedAt": each.made_ms / 1000,
                "lane": each.lane if each.lane >= 0 else None,
                "chunk": each.chunk.chunk_id if each.chunk else None,
                "state": each.chunk.state if each.chunk else "waiting",
                "import": each.chunk.name if each.chunk else "",
            }
            for each in trace.waiting
        ],
        "leftovers": [{"model": each.model, "uuids": each.uuids, "unnamed": each.unnamed} for each in trace.leftovers],
        "searchedAll": trace.searched_all,
    }
