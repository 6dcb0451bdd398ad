"""`prelabel doctor --live`, which makes imports in a scratch project after a confirmation."""

import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import typer

from prelabel.wire.client import Client
from prelabel_worker.accounts.pacing import Pacer
from prelabel_worker.cli.shared.interrupts import stop_signals
from prelabel_worker.cli.shared.labelbox_access import open_labelbox, pacer_of
from prelabel_worker.cli.shared.screen import console, new_table
from prelabel_worker.cli.shared.terminal import DONE_WITH_DEAD, USAGE, ServiceAway, confirm, out, print_line, say
from prelabel_worker.doctor.live.probe import Probe, pick
from prelabel_worker.doctor.live.questions import MAX_IMPORTS, Answer, Interview
from prelabel_worker.doctor.live.scratch import PREFIX, Scratch
from prelabel_worker.errors import ConfigurationError
from prelabel_worker.labelbox.client import Labelbox
from prelabel_worker.labelbox.errors import Throttled, Unavailable
from prelabel_worker.queries.status import Inspector
from prelabel_worker.settings import Settings

_BELONGS = "Please report these answers in an issue of this project, for docs/explanation/tested.md: they may be new."


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """The options of `prelabel doctor` that count with `--live`."""

    #: The scratch project's id.
    project: str | None
    #: The id of one of its data rows.
    data_row: str | None
    #: Or the data row's global key; exactly one of the two is needed.
    global_key: str | None
    #: The name of the feature to make pre-labels of; None for the first feature that fits.
    feature: str | None
    #: Whether the person has confirmed that it is a scratch project.
    yes: bool
    #: Maximum seconds to wait for one import.
    wait_seconds: float
    #: Whether to print JSON.
    as_json: bool


def live(client: Client, settings: Settings, options: LiveOptions) -> None:
    """Ask the questions and print the answers. Exit code 1 when one had no answer or an import remains."""
    project, data_row = _check(options)
    labelbox = open_labelbox(settings, settings.account)
    try:
        pacer = pacer_of(client, settings, settings.account)
        probe = _probe(labelbox, pacer, project, data_row, options.feature)
        _confirm(client, settings, project, probe, options.yes)
        _run(labelbox, pacer, settings, project, probe, options)
    finally:
        labelbox.close()


def _check(options: LiveOptions) -> tuple[str, dict[str, str]]:
    """Return the project and the data row. Raises ConfigurationError when an option is missing, before any request."""
    if not options.project or (options.data_row is None) == (options.global_key is None):
        raise ConfigurationError("--live needs --project, and --data-row or --global-key")
    if not options.yes and not sys.stdin.isatty():
        raise ConfigurationError("--live makes imports, and asks before: give --yes where nobody can answer")
    if options.data_row is not None:
        return options.project, {"id": options.data_row}
    return options.project, {"globalKey": str(options.global_key)}


def _probe(labelbox: Labelbox, pacer: Pacer, project: str, data_row: dict[str, str], feature: str | None) -> Probe:
    try:
        pacer.wait()
        return pick(project, labelbox.ontology(project), data_row, feature)
    except (Unavailable, Throttled) as error:
        raise ServiceAway(f"Labelbox: {error}") from None


def _confirm(client: Client, settings: Settings, project: str, probe: Probe, yes: bool) -> None:
    """Print what will be done, and ask unless the person has confirmed it with `--yes`."""
    host = urlsplit(settings.labelbox_endpoint).hostname
    say(
        f"at {host}, project {project} gets up to {MAX_IMPORTS} imports named {PREFIX}-…, with pre-labels of the "
        f"feature '{probe.feature}' on the one data row that was named. All imports are deleted at the end; whether "
        "that deletes their pre-labels is not known. Use a scratch project in which nobody labels."
    )
    if Inspector(client, settings.key_prefix).status(project).published:
        say("rows were published to this project, so it does not look like a scratch project")
    if not yes and not confirm("Is this a scratch project, and do you want to make these imports?"):
        raise typer.Exit(USAGE)


def _run(
    labelbox: Labelbox, pacer: Pacer, settings: Settings, project: str, probe: Probe, options: LiveOptions
) -> None:
    # Other signals must delete the imports, as Ctrl-C does. A command that a shell starts in the background ignores
    # Ctrl-C, so that handler is set too.
    for number in stop_signals():
        signal.signal(number, signal.default_int_handler)
    limit = settings.server_limit_seconds
    scratch = Scratch(labelbox, pacer, project, wait_seconds=options.wait_seconds, server_limit_seconds=limit)
    answers: list[Answer] = []
    try:
        with scratch:
            _ask(scratch, probe, answers)
    finally:
        if scratch.remaining:
            say(f"these imports may be left in the project, delete them by hand: {', '.join(scratch.remaining)}")
    _print(project, answers, scratch.remaining, options.as_json)
    if scratch.remaining or not all(answer.good for answer in answers):
        raise typer.Exit(DONE_WITH_DEAD)


def _ask(scratch: Scratch, probe: Probe, answers: list[Answer]) -> None:
    try:
        for answer in Interview(scratch, probe).run():
            say(f"asked: {answer.asked}")
            answers.append(answer)
    except KeyboardInterrupt:
        say("interrupted; deleting the imports. An interrupted upload may appear late, so this may take a while")
        raise


def _print(project: str, answers: Sequence[Answer], remaining: Sequence[str], as_json: bool) -> None:
    if as_json:
        listed = [answer.as_json() for answer in answers]
        out({"projectId": project, "answers": listed, "left": list(remaining), "note": _BELONGS})
        return
    table = new_table("question", "what the service answered")
    for answer in answers:
        table.add_row(answer.asked, answer.answered)
    console().print(table, markup=False)
    print_line("")
    print_line(_BELONGS)
