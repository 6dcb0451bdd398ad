"""The part of `prelabel doctor` that imports something, behind a confirmation."""

import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import typer
from rich.table import Table

from prelabel.wire.client import Client
from prelabel_worker.accounts.pacing import Pacer
from prelabel_worker.cli.shared.labelbox_access import open_labelbox, pacer_of
from prelabel_worker.cli.shared.screen import console
from prelabel_worker.cli.shared.terminal import DONE_WITH_DEAD, USAGE, ServiceAway, confirm, out, print_line, say
from prelabel_worker.doctor.live.probe import Probe, pick
from prelabel_worker.doctor.live.questions import MOST_IMPORTS, Answer, Interview
from prelabel_worker.doctor.live.scratch import PREFIX, Scratch
from prelabel_worker.errors import ConfigurationError
from prelabel_worker.labelbox.client import Labelbox
from prelabel_worker.labelbox.errors import Throttled, Unavailable
from prelabel_worker.queries.status import Inspector
from prelabel_worker.settings import Settings

_BELONGS = (
    "These answers belong into docs/explanation/tested.md, or into an issue of this project: "
    "nobody else may know them yet."
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asked for."""

    project: str | None
    data_row: str | None
    global_key: str | None
    feature: str | None
    yes: bool
    wait_seconds: float
    as_json: bool


def live(client: Client, settings: Settings, wanted: Wanted) -> None:
    """Ask the questions and print the answers. Exit code 1 when one could not be asked or something is left."""
    project, data_row = _check(wanted)
    labelbox = open_labelbox(settings, settings.account)
    try:
        pacer = pacer_of(client, settings, settings.account)
        probe = _probe(labelbox, pacer, project, data_row, wanted.feature)
        _confirm(client, settings, project, probe, wanted.yes)
        _run(labelbox, pacer, settings, project, probe, wanted)
    finally:
        labelbox.close()


def _check(wanted: Wanted) -> tuple[str, dict[str, str]]:
    """The project and the data row; whatever is missing ends the command before anything is asked."""
    if not wanted.project or (wanted.data_row is None) == (wanted.global_key is None):
        raise ConfigurationError("--live needs --project, and --data-row or --global-key")
    if not wanted.yes and not sys.stdin.isatty():
        raise ConfigurationError("--live imports something: say --yes where nobody can be asked")
    if wanted.data_row is not None:
        return wanted.project, {"id": wanted.data_row}
    return wanted.project, {"globalKey": str(wanted.global_key)}


def _probe(labelbox: Labelbox, pacer: Pacer, project: str, data_row: dict[str, str], feature: str | None) -> Probe:
    try:
        pacer.wait()
        return pick(project, labelbox.ontology(project), data_row, feature)
    except (Unavailable, Throttled) as error:
        raise ServiceAway(f"Labelbox: {error}") from None


def _confirm(client: Client, settings: Settings, project: str, probe: Probe, yes: bool) -> None:
    """Say in plain words what will be done; ask where that was not answered beforehand."""
    host = urlsplit(settings.labelbox_endpoint).hostname
    say(
        f"at {host}, project {project} gets up to {MOST_IMPORTS} imports named {PREFIX}-…, with pre-labels of the "
        f"feature '{probe.feature}' on the one data row that was named. All of them are deleted at the end; whether "
        "their pre-labels go with them is not known. Use a scratch project in which nobody labels."
    )
    if Inspector(client, settings.key_prefix).status(project).published:
        say("rows were published to this project: it does not look like a scratch project")
    if not yes and not confirm("Is this a scratch project, and shall it be done?"):
        raise typer.Exit(USAGE)


def _run(labelbox: Labelbox, pacer: Pacer, settings: Settings, project: str, probe: Probe, wanted: Wanted) -> None:
    # A polite end by another process must delete what was made, as Ctrl-C does, also where a shell started this in the
    # background, with Ctrl-C ignored.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    limit = settings.server_limit_seconds
    scratch = Scratch(labelbox, pacer, project, wait_seconds=wanted.wait_seconds, server_limit_seconds=limit)
    answers: list[Answer] = []
    try:
        with scratch:
            _ask(scratch, probe, answers)
    finally:
        if scratch.left:
            say(f"these imports may be left in the project, delete them by hand: {', '.join(scratch.left)}")
    _print(project, answers, scratch.left, wanted.as_json)
    if scratch.left or not all(each.good for each in answers):
        raise typer.Exit(DONE_WITH_DEAD)


def _ask(scratch: Scratch, probe: Probe, answers: list[Answer]) -> None:
    try:
        for answer in Interview(scratch, probe).run():
            say(f"asked: {answer.asked}")
            answers.append(answer)
    except KeyboardInterrupt:
        say("interrupted; deleting what was made. An upload that was cut off is looked for a while")
        raise


def _print(project: str, answers: Sequence[Answer], left: Sequence[str], as_json: bool) -> None:
    if as_json:
        listed = [each.as_json() for each in answers]
        out({"project": project, "answers": listed, "left": list(left), "note": _BELONGS})
        return
    table = Table("question", "what the service answered", box=None, header_style="bold")
    for each in answers:
        table.add_row(each.asked, each.answered)
    console().print(table, markup=False)
    print_line("")
    print_line(_BELONGS)
