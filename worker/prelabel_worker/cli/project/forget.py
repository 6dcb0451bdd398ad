"""`prelabel project forget`: names that are no project's, and keys that are not of their type."""

import sys
from typing import Annotated

import typer

from prelabel_worker.cli.shared.configuration import settings_for
from prelabel_worker.cli.shared.connection import connect
from prelabel_worker.cli.shared.each_project import reading
from prelabel_worker.cli.shared.terminal import NOTHING, RedisUrl, confirm, say, usage
from prelabel_worker.operations.action_log import Actions
from prelabel_worker.quarantine.keys import KeyTypes
from prelabel_worker.quarantine.names import project_id, shortened, unspelled
from prelabel_worker.queries.status import Inspector

_SHOWN = 10


def forget(
    name: Annotated[
        str | None, typer.Argument(metavar="[PROJECT]", help="A project, or a name as doctor spells it (hex:…).")
    ] = None,
    malformed: Annotated[
        bool, typer.Option("--malformed", help="All names in the set of projects that no project can have.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    redis_url: RedisUrl = None,
) -> None:
    """Remove what cannot be a project's: names, and keys of another type, which hold no rows. Exit code 3: nothing is.

    Rows of a project are never removed. A project without rows is no longer listed.

    Example: prelabel project forget --malformed
    """
    if (name is None) == (not malformed):
        usage("name one PROJECT, or give --malformed")
    settings = settings_for(redis_url)
    client = connect(settings)
    found = KeyTypes(client, settings.key_prefix)
    malformed_names = Inspector(client, settings.key_prefix).malformed()
    if name is None:
        _names(found, malformed_names, yes=yes)
        return
    try:
        spelled = unspelled(name)
    except ValueError:
        usage(f"{name}: expected hexadecimal digits after hex:")
    if project_id(spelled) is None:
        _names(found, [each for each in malformed_names if each == spelled], yes=yes)
    else:
        _keys(found, Actions(client, settings.key_prefix), name, yes=yes)


def _names(found: KeyTypes, names: list[bytes], *, yes: bool) -> None:
    if not names:
        say("every such name in the set of projects can be a project's: there is nothing to remove")
        raise typer.Exit(NOTHING)
    shown = ", ".join(shortened(each) for each in names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
    _confirm(f"{len(names):,} names will be removed from the set of projects: {shown}", yes=yes)
    say(f"removed {found.forget_malformed(names):,} names")


def _keys(found: KeyTypes, actions: Actions, project: str, *, yes: bool) -> None:
    wrong = found.wrong(project)
    if not wrong and (found.has_rows(project) or not found.is_listed(project)):
        say(f"every key of project {project} is of its type: there is nothing to remove")
        raise typer.Exit(NOTHING)
    shown = ", ".join(shortened(each.encode("utf-8", "surrogateescape")) for each in wrong[:_SHOWN])
    more = ", …" if len(wrong) > _SHOWN else ""
    _confirm(
        f"{len(wrong):,} keys of project {project} that are of another type will be removed: {shown}{more}"
        if wrong
        else f"project {project} has no rows and will no longer be listed",
        yes=yes,
    )
    stays = found.remove(project, wrong)
    if stays:
        with reading(project):
            actions.record(project, "forget", {"keys": len(wrong)})
    say(f"removed {len(wrong):,} keys; " + (f"{project} is looked at now" if stays else f"{project} had no rows"))


def _confirm(text: str, *, yes: bool) -> None:
    say(text)
    if yes:
        return
    if not sys.stdin.isatty():
        usage("to remove cannot be undone: give --yes")
    if not confirm("Remove them?"):
        say("nothing was removed")
        raise typer.Exit(NOTHING)
