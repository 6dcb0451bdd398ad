"""Refuse names that are not known here, and suggest known ones: a name that is mistyped must not look like success."""

import difflib
from collections.abc import Collection

import typer

from prelabel.printing import command, quoted_word
from prelabel_worker.accounts.status import Accounts
from prelabel_worker.cli.shared.terminal import NOTHING, say
from prelabel_worker.queries.status import Inspector
from prelabel_worker.settings import Settings

_NEAR = 3


def near(name: str, known: Collection[str]) -> str:
    """Return `; did you mean …?` with the known names that are most like this one; '' when none is."""
    folded = {other.casefold(): other for other in known}
    names = [folded[match] for match in difflib.get_close_matches(name.casefold(), folded, _NEAR)]
    return f"; did you mean {' or '.join(map(quoted_word, names))}?" if names else ""


def check_project(inspector: Inspector, name: str) -> None:
    """Exit with code 3 for a project that never had rows: it is probably mistyped."""
    known = inspector.projects()
    if name not in known and name not in (entry.project_id for entry in inspector.quarantined()):
        say(f"no project {name} is known here; see {command('project list')}{near(name, known)}")
        raise typer.Exit(NOTHING)


def projects_named(inspector: Inspector, name: str | None) -> list[str]:
    """Return the project of this name, or without a name all known ones. Exit code 3 for one that is not known."""
    if name is None:
        return inspector.projects()
    check_project(inspector, name)
    return [name]


def say_no_rows(settings: Settings) -> None:
    """Say that no project has rows, and where: another Redis may have been meant."""
    say(f"no row has been published to the Redis at {settings.state} yet")


def note_unknown_project(inspector: Inspector, name: str) -> None:
    """Say that a project has had no rows yet, for commands that people use before the first row comes."""
    known = inspector.projects()
    if name not in known:
        say(f"no row of project {name} has been published here yet{near(name, known)}")


def check_account(accounts: Accounts, name: str) -> None:
    """Exit with code 3 for an account that neither the settings nor a worker nor a project names."""
    known = [account.name for account in accounts.all()]
    if name not in known:
        say(f"no account {name} is known here; see {command('account list')}{near(name, known)}")
        raise typer.Exit(NOTHING)


def note_unknown_account(accounts: Accounts, name: str) -> None:
    """Say that no worker has announced a key for an account, and that the settings here have none."""
    keyed = [account.name for account in accounts.all() if account.workers or account.has_key]
    if name not in keyed:
        say(f"no worker has a key for account {name} yet (PRELABEL_ACCOUNT_KEYS){near(name, keyed)}")
