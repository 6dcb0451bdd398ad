"""`prelabel batch create`: data rows into a project."""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Annotated

import typer

from prelabel.printing import and_more, command
from prelabel_worker.cli.publish.predictions import Predictions, reading
from prelabel_worker.cli.setup.batch_rows import MISSING, Wanted, of_dead_letters, of_lines, of_predictions
from prelabel_worker.cli.setup.calling import Account, Timeout, bar, calling
from prelabel_worker.cli.shared.terminal import (
    DONE_WITH_DEAD,
    NOTHING,
    AsJson,
    RedisUrl,
    connect,
    out,
    print_line,
    say,
    settings_for,
    usage,
)
from prelabel_worker.dead_letters.filter import DeadLetterFilter
from prelabel_worker.dead_letters.store import BulkResult, HeldRows
from prelabel_worker.operations.action_log import Actions
from prelabel_worker.settings import Settings
from prelabel_worker.setup.batches import MOST_ROWS, Batches, Made
from prelabel_worker.setup.calls import Calls
from prelabel_worker.setup.data_rows import DataRows

app = typer.Typer(help="Batches: create.", no_args_is_help=True, rich_markup_mode=None)
_SHOWN = 20


@app.callback()
def _batches() -> None:
    """Batches: create."""


@app.command("create")
@reading
def create(
    project: Annotated[str, typer.Option("--project", "-p", help="The project's id.")],
    name: Annotated[str | None, typer.Option(help="The batch's name; else one made from its data rows.")] = None,
    global_keys: Annotated[str | None, typer.Option(metavar="FILE", help="A global key a line, or - .")] = None,
    from_predictions: Annotated[
        str | None, typer.Option(metavar="FILE", help="The data rows of a file of predictions.")
    ] = None,
    from_dead_letters: Annotated[
        bool, typer.Option("--from-dead-letters", help="Those that dead letters and retrying rows miss in the project.")
    ] = False,
    retry: Annotated[
        bool, typer.Option("--retry", help="With --from-dead-letters: try these rows again then.")
    ] = False,
    predictions: Predictions = Predictions(),  # noqa: B008 - frozen; `reading` gives the real one
    timeout: Timeout = 3600,
    account: Account = None,
    as_json: AsJson = False,
    redis_url: RedisUrl = None,
) -> None:
    """Put data rows into a project, when Labelbox has processed them. To repeat it is safe.

    Exit code 1 when some were not added, which are named; 3 when there is none to add.

    Example: prelabel batch create --project cl1a2b3c4d5e6f7g8h9i0j1k2 --from-predictions predictions.ndjson
    """
    if (global_keys is not None) + (from_predictions is not None) + from_dead_letters != 1:
        usage("give one of --global-keys, --from-predictions and --from-dead-letters")
    settings = settings_for(redis_url)
    if global_keys is not None:
        wanted = of_lines(global_keys)
    elif from_predictions is not None:
        wanted = of_predictions(predictions, from_predictions, project)
    else:
        wanted = of_dead_letters(settings, project)
    if not wanted:
        say("there is no data row to add")
        raise typer.Exit(NOTHING)
    with calling(settings, account, "the same command goes on") as calls:
        ids, lost = _looked_up(calls, wanted)
        _wait_until_processed(calls, list(ids), timeout)
        made = _made(calls, project, name, ids, timeout)
    lost += [(ids.get(each, each), "Labelbox did not add it") for batch in made for each in batch.failed]
    _print(made, lost, as_json)
    if from_dead_letters:
        _retried(settings, project, retry=retry)
    if lost or any(each.why for each in made):
        raise typer.Exit(DONE_WITH_DEAD)


def _looked_up(calls: Calls, wanted: Wanted) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Id → how the data row was named; and those that Labelbox does not know."""
    found = DataRows(calls).look_up(list(wanted.keys))
    ids = {row_id: key for key, row_id in found.ids.items()} | dict.fromkeys(wanted.ids, "")
    lost = [(key, "there is no data row of this global key") for key in found.missing]
    lost += [(key, "the key may not see it") for key in found.denied]
    return {row_id: key or row_id for row_id, key in ids.items()}, lost


def _wait_until_processed(calls: Calls, ids: list[str], timeout: float) -> None:
    with bar("processed", len(ids)) as show:
        DataRows(calls).wait_until_processed(ids, timeout, lambda done: show(done, ""))


def _made(calls: Calls, project: str, name: str | None, ids: Iterable[str], timeout: float) -> list[Made]:
    """In batches of at most 100,000; names of several are numbered as Labelbox numbers them."""
    rows = list(ids)
    base = name or f"prelabel-{hashlib.blake2b(chr(10).join(sorted(rows)).encode(), digest_size=8).hexdigest()}"
    batches, made = Batches(calls, project, task_seconds=timeout), []
    parts = [rows[at : at + MOST_ROWS] for at in range(0, len(rows), MOST_ROWS)]
    with bar("batch", len(rows)) as show:
        for number, part in enumerate(parts):
            called = base if len(parts) == 1 else f"{base}{number:04}"
            before, size = number * MOST_ROWS, len(part)

            def tell(percent: float, before: int = before, size: int = size) -> None:
                show(before + size * percent / 100, "")

            made.append(batches.create(called, part, ours=name is None, show=tell))
    return made


def _print(made: list[Made], lost: list[tuple[str, str]], as_json: bool) -> None:
    for each in made:
        if each.why:
            say(f"batch {each.name} has {each.size:,} data rows, not all that it should: {each.why}")
    for key, why in lost[:_SHOWN]:
        say(f"{key}: not added: {why}")
    for line in and_more(len(lost), _SHOWN, " (--json names all)"):
        say(line)
    if as_json:
        batches = [{"id": each.id, "name": each.name, "size": each.size, "before": each.before} for each in made]
        out({"batches": batches, "notAdded": [{"dataRow": key, "reason": why} for key, why in lost]})
        return
    for line in _lines(made):
        print_line(line)


def _lines(made: list[Made]) -> Iterator[str]:
    for each in made:
        yield f"batch {each.id} '{each.name}': {each.size:,} data rows{' (was there before)' if each.before else ''}"


def _retried(settings: Settings, project: str, *, retry: bool) -> None:
    """The rows that missed them: retried, or how they are."""
    if not retry:
        say(
            f"to try their rows again: {command('dead retry', project=project, reason=MISSING)}; "
            f"{command('project retry', project)}"
        )
        return
    client = connect(settings)
    held, actions = HeldRows(client, settings.key_prefix), Actions(client, settings.key_prefix)
    # First those that are being tried, perhaps without the batch: one that dies now would be seen no more.
    dead_letters = held.try_dead_letters_once_more(project, MISSING)
    retrying = held.retry_now(project)
    chosen = DeadLetterFilter(reason=MISSING, until_ms=held.now_ms())
    result = BulkResult()
    for part in held.slices(project, chosen):
        result += held.retry(project, part)
    actions.record(project, "retry", {"reason": MISSING, **result.as_json()})
    actions.record(project, "retry", {"rows": retrying})
    say(f"{dead_letters + result.done:,} dead letters and {retrying:,} retrying rows are tried again now")
