"""The filters that all commands about several dead letters share."""

from dataclasses import dataclass, replace
from typing import Annotated

import typer

from prelabel.errors import Reason
from prelabel_worker.cli.shared.configuration import settings_for
from prelabel_worker.cli.shared.connection import connect
from prelabel_worker.cli.shared.known import near, projects_named
from prelabel_worker.cli.shared.parameters import sharing
from prelabel_worker.cli.shared.terminal import USAGE, Project, say
from prelabel_worker.dead_letters.filter import DeadLetterFilter
from prelabel_worker.dead_letters.moments import Moment
from prelabel_worker.dead_letters.store import HeldRows
from prelabel_worker.queries.status import Inspector


def moment(text: str) -> Moment:
    """Read a time, from RFC 3339 or from `2h`, `3d`, `3d ago`. Raises BadParameter."""
    try:
        return Moment.from_text(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def reason_code(text: str) -> str:
    """Take a reason code, and note one that this release does not know: a newer one may have written it."""
    if text not in set(Reason):
        say(f"no reason code is called {text}{near(text, set(Reason))}")
    return text


@dataclass(frozen=True, slots=True)
class Choice:
    """The shared filters as a command got them. Each field is a parameter of every command that is `filtered`."""

    dead_letter_ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="Ids of dead letters of one project.")
    ] = None
    project: Project = None
    reason: Annotated[
        str | None, typer.Option(parser=reason_code, metavar="CODE", help="Dead letters with this reason code.")
    ] = None
    group: Annotated[str | None, typer.Option(metavar="FINGERPRINT", help="Dead letters of this group.")] = None
    model: Annotated[str | None, typer.Option(metavar="NAME", help="Dead letters of this model.")] = None
    data_row: Annotated[
        str | None, typer.Option("--data-row", metavar="KEY", help="Dead letters of the data row: global key or id.")
    ] = None
    message_id: Annotated[str | None, typer.Option("--message-id", help="The dead letter of this message.")] = None
    since: Annotated[
        Moment | None,
        typer.Option(parser=moment, metavar="TIME", help="Died then or later: RFC 3339, or 2h, 3d (ago)."),
    ] = None
    until: Annotated[
        Moment | None,
        typer.Option(parser=moment, metavar="TIME", help="Died then or earlier: RFC 3339, or 2h, 3d (ago)."),
    ] = None
    everything: Annotated[bool, typer.Option("--all", help="All dead letters, without any id or filter.")] = False

    def filter_at(self, now_ms: int) -> DeadLetterFilter:
        """Return the filter of the options, without the project, when it is `now_ms` by Redis's clock."""
        return DeadLetterFilter(
            ids=tuple(self.dead_letter_ids or ()),
            reason=self.reason,
            group=self.group,
            model=self.model,
            data_row=self.data_row,
            message_id=self.message_id,
            since_ms=None if self.since is None else self.since.at(now_ms),
            until_ms=None if self.until is None else self.until.at(now_ms),
        )

    def check(self) -> None:
        """Require at least one filter, and a project for ids. Exit code 2."""
        if self.dead_letter_ids and self.project is None:
            say("ids of dead letters belong to one project: name it with --project")
            raise typer.Exit(USAGE)
        if not (self.project or self.everything or self.filter_at(0) != DeadLetterFilter()):
            say("name the dead letters: ids, --project, --reason, --group, --model, --data-row, --since, …, or --all")
            raise typer.Exit(USAGE)

    def before(self, now_ms: int) -> DeadLetterFilter:
        """Return the filter limited to dead letters that died until `now_ms`: the action changes what was counted.

        A filter by ids stays as it is.
        """
        chosen = self.filter_at(now_ms)
        if chosen.ids:
            return chosen
        return replace(chosen, until_ms=now_ms if chosen.until_ms is None else min(now_ms, chosen.until_ms))


class Store:
    """The projects that a command works on, and access to their dead letters. Exit code 3 for an unknown project."""

    def __init__(self, redis_url: str | None, project: str | None) -> None:
        settings = settings_for(redis_url)
        self.prefix = settings.key_prefix
        self.client = connect(settings)
        self.rows = HeldRows(self.client, self.prefix)
        self.projects = projects_named(Inspector(self.client, self.prefix), project)


filtered = sharing(Choice, "choice")
"""Decorates a command with the shared filters; the command receives them as `choice`."""
