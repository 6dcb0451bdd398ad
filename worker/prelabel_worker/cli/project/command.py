"""`prelabel project`, except `create`, `show` and `forget`, which have their own modules."""

from dataclasses import astuple, dataclass
from typing import Annotated, Any

import typer

from prelabel.printing import counted
from prelabel_worker.accounts.pauses import Pauses
from prelabel_worker.accounts.status import Accounts
from prelabel_worker.chunks.chunk import GROUND_TRUTH_VERSION
from prelabel_worker.cli.health.status import quarantine_notes, table, without_emptied
from prelabel_worker.cli.shared.configuration import settings_for
from prelabel_worker.cli.shared.connection import connect
from prelabel_worker.cli.shared.durations import duration
from prelabel_worker.cli.shared.known import check_project, note_unknown_account, note_unknown_project, say_no_rows
from prelabel_worker.cli.shared.parameters import sharing
from prelabel_worker.cli.shared.screen import console
from prelabel_worker.cli.shared.terminal import NOTHING, AsJson, RedisUrl, out, report, say, until_when, usage
from prelabel_worker.dead_letters.store import HeldRows
from prelabel_worker.operations.action_log import Actions, user
from prelabel_worker.operations.overrides import OVERRIDES, Override, shown
from prelabel_worker.operations.projects import Projects
from prelabel_worker.queries.status import Inspector

Name = Annotated[str, typer.Argument(metavar="PROJECT", help="The project's id.")]


def list_projects(as_json: AsJson = False, redis_url: RedisUrl = None) -> None:
    """List the known projects and what became of their rows. Exit code 3 when there is none.

    Example: prelabel project list
    """
    settings = settings_for(redis_url)
    survey = Inspector(connect(settings), settings.key_prefix).survey()
    if as_json:
        out({"projects": [status.as_json() for status in survey.projects]})
    else:
        listed, left_out = without_emptied(survey.projects)
        if listed:
            console().print(table(listed))
        for note in left_out:
            say(note)
    for note in quarantine_notes(survey):
        say(note)
    if not survey.projects:
        say_no_rows(settings)
        raise typer.Exit(NOTHING)


def pause(
    name: Name,
    why: Annotated[str, typer.Option("--why", help="The reason, shown wherever the project is listed.")] = "",
    seconds: Annotated[
        float | None,
        typer.Option(
            "--for", parser=duration, metavar="TIME", help="How long, such as 90s, 30m or 2h; else until it is resumed."
        ),
    ] = None,
    as_json: AsJson = False,
    redis_url: RedisUrl = None,
) -> None:
    """Stop a project's uploads; rows are still accepted, and running imports are still settled.

    Example: prelabel project pause demo-project --why "new ontology on its way" --for 2h
    """
    operator = _Operator(name, redis_url)
    reason = f"by {user()}" + (f": {why[:200]}" if why else "")
    operator.pauses.pause_project(name, reason, seconds)
    operator.record("pause", {"why": why[:200], "pauseSeconds": seconds})
    until = operator.inspector.status(name).paused_until
    report(as_json, {"projectId": name, "paused": True, "pausedUntil": until}, f"{name} is paused{until_when(until)}")


def resume(name: Name, as_json: AsJson = False, redis_url: RedisUrl = None) -> None:
    """End a pause, whoever began it, and give up a purge that has not ended. Exit code 3 when there is neither.

    Example: prelabel project resume demo-project
    """
    operator = _Operator(name, redis_url)
    if not operator.projects.resume(name):
        report(as_json, {"projectId": name, "resumed": False}, f"{name} was not paused")
        raise typer.Exit(NOTHING)
    operator.record("resume", {})
    report(as_json, {"projectId": name, "resumed": True}, f"{name} is resumed")


def flush(name: Name, as_json: AsJson = False, redis_url: RedisUrl = None) -> None:
    """Import the waiting rows now, before their linger time is over.

    Example: prelabel project flush demo-project
    """
    operator = _Operator(name, redis_url)
    rows = operator.projects.flush(name)
    operator.record("flush", {"rows": rows})
    text = f"cutting {counted(rows, 'waiting row')} into chunks now"
    report(as_json, {"projectId": name, "rows": rows}, text)


def refresh(name: Name, as_json: AsJson = False, redis_url: RedisUrl = None) -> None:
    """Have the workers fetch the project's ontology again before they check the next rows.

    Retrying dead letters does the same.

    Example: prelabel project refresh demo-project
    """
    operator = _Operator(name, redis_url)
    age_seconds = operator.projects.refresh_ontology(name)
    operator.record("refresh", {})
    cached = "none is cached" if age_seconds is None else f"the cached one is {age_seconds:,.0f} s old"
    text = f"{name}: workers fetch the ontology again before they check the next rows; {cached}"
    report(as_json, {"projectId": name, "cachedSeconds": age_seconds}, text)


def retry(
    name: Name,
    give_up: Annotated[bool, typer.Option("--give-up", help="Make dead letters of them instead.")] = False,
    as_json: AsJson = False,
    redis_url: RedisUrl = None,
) -> None:
    """Try all retrying rows again now, for example after adding the missing data rows. Exit code 3 when no row is.

    A row that is being tried now is tried once more if this try fails, or with --give-up becomes a dead letter.

    Example: prelabel project retry demo-project
    """
    operator = _Operator(name, redis_url)
    rows, queued = operator.held.give_up(name) if give_up else (operator.held.retry_now(name), 0)
    if not rows + queued:
        report(as_json, {"projectId": name, "rows": 0, "beingTried": 0}, f"no row of {name} is retrying")
        raise typer.Exit(NOTHING)
    operator.record("give-up" if give_up else "retry", {"rows": rows + queued})
    done = f"made {counted(rows, 'dead letter')}" if give_up else f"trying {counted(rows, 'row')} again now"
    report(as_json, {"projectId": name, "rows": rows, "beingTried": queued}, done)
    if queued:
        say(f"{counted(queued, 'more row')} being tried: dead letters if that fails")


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The overrides to set, in the order of `OVERRIDES`. Each field is an option of the command."""

    chunk_rows: Annotated[str | None, typer.Option(help="Maximum rows in one import.")] = None
    linger_seconds: Annotated[
        str | None, typer.Option(help="Seconds that a row waits at most for its chunk to fill.")
    ] = None
    policy: Annotated[
        str | None,
        typer.Option(
            help="For a row whose data row and model were imported before: override (default), skip or dead-letter."
        ),
    ] = None
    priority: Annotated[
        str | None, typer.Option(help="Its share of the uploads: a weight from 1, the default, to 100.")
    ] = None
    account: Annotated[
        str | None, typer.Option(help="The account whose key and request budget it uses, as in PRELABEL_ACCOUNT_KEYS.")
    ] = None
    retry_hours: Annotated[
        str | None,
        typer.Option(
            help="Hours for which a row is tried again while its data row is missing: 24 by default, 0 for never."
        ),
    ] = None
    submit_as: Annotated[
        str | None, typer.Option("--as", help="What its rows are imported as: pre-labels (default) or ground-truth.")
    ] = None
    data_row_forms: Annotated[
        str | None,
        typer.Option(
            help="How its rows may name data rows: id, global-key or both; by default as its imported rows do."
        ),
    ] = None

    def texts(self) -> dict[Override, str]:
        """Return each override that is to be set, and the text of its option. Exit code 2 if there is none."""
        texts = {override: text for override, text in zip(OVERRIDES, astuple(self), strict=True) if text is not None}
        if not texts:
            usage("name what to set: " + ", ".join(f"--{override.option}" for override in OVERRIDES))
        return texts


@sharing(_Chosen, "chosen")
def set_overrides(
    name: Name,
    chosen: _Chosen = _Chosen(),
    as_json: AsJson = False,
    redis_url: RedisUrl = None,
) -> None:
    """Override the workers' settings for one project; the value `default` removes an override.

    An override takes effect within seconds.

    Example: prelabel project set demo-project --chunk-rows 500 --linger-seconds 10 --priority default
    """
    texts = chosen.texts()
    fields = {override.field: override.parse(text) for override, text in texts.items()}
    operator = _Operator(name, redis_url, known=False)  # a project may be set up before its first row comes
    if fields.get("submitAs"):
        _refuse_older(operator.inspector)
    if fields.get("account"):
        note_unknown_account(operator.accounts, fields["account"])
    operator.projects.override(name, fields)
    operator.record("set", {override.option: text for override, text in texts.items()})
    current = shown(operator.inspector.overrides(name))
    text = ", ".join(f"{option} {value}" for option, value in current.items()) or "as the settings say"
    report(as_json, {"projectId": name, "overrides": current}, f"{name}: {text}")
    if chosen.data_row_forms == "both":
        say("a data row that is named by its id and by its global key counts as two: neither overrides the other")


def _refuse_older(inspector: Inspector) -> None:
    """Exit with code 2 while an older worker is alive: it would import ground truth as pre-labels."""
    older = [worker.label for worker in inspector.workers() if worker.knows < GROUND_TRUTH_VERSION]
    if older:
        usage(f"these workers would import ground truth as pre-labels, finish the upgrade first: {', '.join(older)}")


class _Operator:
    """Access to one project. With `known`, exit code 3 for a project that never had rows: it is probably mistyped."""

    def __init__(self, name: str, redis_url: str | None, *, known: bool = True) -> None:
        settings = settings_for(redis_url)
        client = connect(settings)
        self._name = name
        self._actions = Actions(client, settings.key_prefix)
        self.accounts = Accounts(client, settings)
        self.inspector = Inspector(client, settings.key_prefix)
        self.held = HeldRows(client, settings.key_prefix)
        self.pauses = Pauses(client, settings.key_prefix)
        self.projects = Projects(client, settings.key_prefix)
        if known:
            check_project(self.inspector, name)
        else:
            note_unknown_project(self.inspector, name)

    def record(self, action: str, details: dict[str, Any]) -> None:
        """Record an action for `prelabel actions`."""
        self._actions.record(self._name, action, details)
