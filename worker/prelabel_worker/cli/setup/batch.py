"""`prelabel batch create`: put data rows into a project."""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Annotated

import typer

from prelabel.printing import and_more, command, counted
from prelabel_worker.cli.publish.predictions import Predictions, reading
from prelabel_worker.cli.setup.batch_rows import MISSING, BatchRows, of_dead_letters, of_lines, of_predictions
from prelabel_worker.cli.setup.calling import Account, Timeout, bar, calling
from prelabel_worker.cli.shared.configuration import settings_for
from prelabel_worker.cli.shared.connection import connect
from prelabel_worker.cli.shared.terminal import DONE_WITH_DEAD, NOTHING, AsJson, RedisUrl, out, print_line, say, usage
from prelabel_worker.dead_letters.filter import DeadLetterFilter
from prelabel_worker.dead_letters.store import BulkResult, HeldRows
from prelabel_worker.operations.action_log import Actions
from prelabel_worker.settings import Settings
from prelabel_worker.setup.batches import MAX_ROWS, Batches, Made
from prelabel_worker.setup.calls import Calls
from prelabel_worker.setup.data_rows import DataRows

_SHOWN = 20


@reading
def create(
    project: Annotated[str, typer.Option("--project", "-p", help="The project's id.")],
    name: Annotated[str | None, typer.Option(help="The batch's name; else one made from its data rows.")] = None,
    global_keys: Annotated[
        str | None, typer.Option(metavar="FILE", help="A file with a global key a line, or - .")
    ] = None,
    from_predictions: Annotated[
        str | None, typer.Option(metavar="FILE", help="The data rows of a file of predictions.")
    ] = None,
    from_dead_letters: Annotated[
        bool, typer.Option("--from-dead-letters", help="The data rows that dead letters and retrying rows miss.")
    ] = False,
    retry: Annotated[
        bool, typer.Option("--retry", help="With --from-dead-letters: then try these rows again.")
    ] = False,
    predictions: Predictions = Predictions(),  # noqa: B008 - frozen; `reading` gives the real one
    timeout: Timeout = 3600,
    account: Account = None,
    as_json: AsJson = False,
    redis_url: RedisUrl = None,
) -> None:
    """Put data rows into a project, once Labelbox has processed them. You may repeat it.

    Exit code 1 when some were not added: they are printed with the reason. Exit code 3 when there are none to add.

    Example: prelabel batch create --project cl1a2b3c4d5e6f7g8h9i0j1k2 --from-predictions predictions.ndjson
    """
    if (global_keys is not None) + (from_predictions is not None) + from_dead_letters != 1:
        usage("give one of --global-keys, --from-predictions and --from-dead-letters")
    settings = settings_for(redis_url)
    if global_keys is not None:
        rows = of_lines(global_keys)
    elif from_predictions is not None:
        rows = of_predictions(predictions, from_predictions, project)
    else:
        rows = of_dead_letters(settings, project)
    if not rows:
        say("there is no data row to add")
        raise typer.Exit(NOTHING)
    with calling(settings, account, "the same command resumes") as calls:
        ids, not_added = _look_up(calls, rows)
        _wait_until_processed(calls, list(ids), timeout)
        made = _make_batches(calls, project, name, ids, timeout)
    not_added += [(ids.get(row_id, row_id), "Labelbox did not add it") for batch in made for row_id in batch.failed]
    _print(made, not_added, as_json)
    if from_dead_letters:
        _retry_rows(settings, project, retry=retry)
    if not_added or any(batch.why for batch in made):
        raise typer.Exit(DONE_WITH_DEAD)


def _look_up(calls: Calls, rows: BatchRows) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Return id → how the data row was named, and the data rows that cannot be added, with the reason."""
    known = DataRows(calls).look_up(list(rows.keys))
    ids = {row_id: key for key, row_id in known.ids.items()} | dict.fromkeys(rows.ids, "")
    not_added = [(key, "no data row has this global key") for key in known.missing]
    not_added += [(key, "the API key may not see it") for key in known.denied]
    return {row_id: key or row_id for row_id, key in ids.items()}, not_added


def _wait_until_processed(calls: Calls, ids: list[str], timeout: float) -> None:
    with bar("processed", len(ids)) as show:
        DataRows(calls).wait_until_processed(ids, timeout, lambda done: show(done, ""))


def _make_batches(calls: Calls, project: str, name: str | None, ids: Iterable[str], timeout: float) -> list[Made]:
    """Make batches of at most 100,000 data rows; several are numbered as Labelbox numbers them."""
    rows = list(ids)
    base = name or f"prelabel-{hashlib.blake2b(chr(10).join(sorted(rows)).encode(), digest_size=8).hexdigest()}"
    batches, made = Batches(calls, project, task_seconds=timeout), []
    parts = [rows[at : at + MAX_ROWS] for at in range(0, len(rows), MAX_ROWS)]
    with bar("batch", len(rows)) as show:
        for number, part in enumerate(parts):
            name_of_part = base if len(parts) == 1 else f"{base}{number:04}"
            before, size = number * MAX_ROWS, len(part)

            def show_part(percent: float, before: int = before, size: int = size) -> None:
                show(before + size * percent / 100, "")

            made.append(batches.create(name_of_part, part, ours=name is None, show=show_part))
    return made


def _print(made: list[Made], not_added: list[tuple[str, str]], as_json: bool) -> None:
    for batch in made:
        if batch.why:
            say(f"batch {batch.name} has {counted(batch.size, 'data row')}, fewer than it should: {batch.why}")
    for key, why in not_added[:_SHOWN]:
        say(f"{key}: not added: {why}")
    for line in and_more(len(not_added), _SHOWN, " (--json names all)"):
        say(line)
    if as_json:
        batches = [{"id": batch.id, "name": batch.name, "size": batch.size, "before": batch.before} for batch in made]
        out({"batches": batches, "notAdded": [{"dataRow": key, "reason": why} for key, why in not_added]})
        return
    for line in _lines(made):
        print_line(line)


def _lines(made: list[Made]) -> Iterator[str]:
    for batch in made:
        before = " (was there before)" if batch.before else ""
        yield f"batch {batch.id} '{batch.name}': {counted(batch.size, 'data row')}{before}"


def _retry_rows(settings: Settings, project: str, *, retry: bool) -> None:
    """Retry the rows that missed the data rows, or print the commands that do."""
    if not retry:
        say(
            f"to try their rows again: {command('dead retry', project=project, reason=MISSING)}; "
            f"{command('project retry', project)}"
        )
        return
    client = connect(settings)
    held, actions = HeldRows(client, settings.key_prefix), Actions(client, settings.key_prefix)
    # Rows that are being tried come first: that try may not see the batch yet, and a row that dies of it later than the
    # look at the dead letters would be missed.
    dead_letters = held.try_dead_letters_once_more(project, MISSING)
    retrying = held.retry_now(project)
    chosen = DeadLetterFilter(reason=MISSING, until_ms=held.now_ms())
    result = BulkResult()
    for part in held.slices(project, chosen):
        result += held.retry(project, part)
    actions.record(project, "retry", {"reason": MISSING, **result.as_json()})
    actions.record(project, "retry", {"rows": retrying})
    say(f"trying again: {counted(dead_letters + result.done, 'dead letter')} and {counted(retrying, 'retrying row')}")
