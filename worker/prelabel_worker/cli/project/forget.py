"""`prelabel project forget`: remove names that no project can have, and keys of a wrong type."""

import sys
from typing import Annotated

import typer

from prelabel.printing import counted
from prelabel_worker.cli.shared.configuration import settings_for
from prelabel_worker.cli.shared.connection import connect
from prelabel_worker.cli.shared.each_project import reading
from prelabel_worker.cli.shared.terminal import NOTHING, AsJson, RedisUrl, confirm, report, say, usage
from prelabel_worker.operations.action_log import Actions
from prelabel_worker.quarantine.keys import KeyTypes
from prelabel_worker.quarantine.names import project_id, shortened, unspelled
from prelabel_worker.queries.status import Inspector

_SHOWN = 10


def forget(
    name: Annotated[
        str | None, typer.Argument(metavar="PROJECT", help="A project, or a name as doctor spells it (hex:…).")
    ] = None,
    malformed: Annotated[
        bool, typer.Option("--malformed", help="All names in the set of projects that no project can have.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
    redis_url: RedisUrl = None,
) -> None:
    """Remove names that no project can have, or a project's keys of a wrong type, which hold no rows.

    Rows of a project are never removed. A project without rows is no longer listed. Exit code 3 when there
    is nothing to remove.

    Example: prelabel project forget --malformed
    """
    if (name is None) == (not malformed):
        usage("name one PROJECT, or give --malformed")
    settings = settings_for(redis_url)
    client = connect(settings)
    project_keys = KeyTypes(client, settings.key_prefix)
    malformed_names = Inspector(client, settings.key_prefix).malformed()
    if name is None:
        _names(project_keys, malformed_names, yes=yes, as_json=as_json)
        return
    try:
        raw_name = unspelled(name)
    except ValueError:
        usage(f"{name}: expected hexadecimal digits after hex:")
    if project_id(raw_name) is None:
        chosen = [malformed_name for malformed_name in malformed_names if malformed_name == raw_name]
        _names(project_keys, chosen, yes=yes, as_json=as_json)
    else:
        _keys(project_keys, Actions(client, settings.key_prefix), name, yes=yes, as_json=as_json)


def _names(project_keys: KeyTypes, names: list[bytes], *, yes: bool, as_json: bool) -> None:
    if not names:
        text = "every name in the set of projects can be a project's: there is nothing to remove"
        report(as_json, {"names": 0, "keys": 0}, text)
        raise typer.Exit(NOTHING)
    shown = ", ".join(shortened(name) for name in names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
    _confirm(f"this removes {counted(len(names), 'name')} from the set of projects: {shown}", yes=yes)
    removed = project_keys.forget_malformed(names)
    report(as_json, {"names": removed, "keys": 0}, f"removed {counted(removed, 'name')}")


def _keys(project_keys: KeyTypes, actions: Actions, project: str, *, yes: bool, as_json: bool) -> None:
    wrong = project_keys.wrong(project)
    if not wrong and (project_keys.has_rows(project) or not project_keys.is_listed(project)):
        text = f"every key of project {project} has the right type: there is nothing to remove"
        report(as_json, {"names": 0, "keys": 0}, text)
        raise typer.Exit(NOTHING)
    shown = ", ".join(shortened(key.encode("utf-8", "surrogateescape")) for key in wrong[:_SHOWN])
    more = ", …" if len(wrong) > _SHOWN else ""
    _confirm(
        f"this removes {counted(len(wrong), 'key')} of a wrong type from project {project}: {shown}{more}"
        if wrong
        else f"project {project} has no rows and will no longer be listed",
        yes=yes,
    )
    stays = project_keys.remove(project, wrong)
    if stays:
        with reading(project):
            actions.record(project, "forget", {"keys": len(wrong)})
    text = f"workers look at {project} again now" if stays else f"{project} had no rows"
    document = {"names": 0 if stays else 1, "keys": len(wrong)}
    report(as_json, document, f"removed {counted(len(wrong), 'key')}; {text}")


def _confirm(text: str, *, yes: bool) -> None:
    say(text)
    if yes:
        return
    if not sys.stdin.isatty():
        usage("removing cannot be undone: give --yes")
    if not confirm("Remove them?"):
        say("nothing was removed")
        raise typer.Exit(NOTHING)
