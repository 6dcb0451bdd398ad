"""`prelabel account`: list, pause, resume."""

import re
from typing import TYPE_CHECKING, Annotated

import typer

from prelabel_worker.accounts.pauses import Pauses, end_of
from prelabel_worker.accounts.status import Accounts, AccountStatus
from prelabel_worker.cli.health.status import account_note
from prelabel_worker.cli.shared.configuration import settings_for
from prelabel_worker.cli.shared.connection import connect
from prelabel_worker.cli.shared.durations import duration
from prelabel_worker.cli.shared.known import check_account
from prelabel_worker.cli.shared.screen import console, new_table
from prelabel_worker.cli.shared.terminal import NOTHING, AsJson, RedisUrl, out, report, until_when, usage
from prelabel_worker.operations.action_log import Actions, user

if TYPE_CHECKING:
    from rich.table import Table

Name = Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account's name, as in PRELABEL_ACCOUNT_KEYS.")]


def list_accounts(as_json: AsJson = False, redis_url: RedisUrl = None) -> None:
    """List the accounts: requests a minute, why they are stopped, projects, and workers that have the key.

    Example: prelabel account list
    """
    settings = settings_for(redis_url)
    accounts = Accounts(connect(settings), settings).all()
    if as_json:
        out({"accounts": [account.as_json() for account in accounts]})
    else:
        console().print(_table(accounts))


def pause(
    name: Name,
    why: Annotated[str, typer.Option("--why", help="The reason, shown wherever the account is listed.")] = "",
    seconds: Annotated[
        float | None,
        typer.Option(
            "--for", parser=duration, metavar="TIME", help="How long, such as 90s, 30m or 2h; else until it is resumed."
        ),
    ] = None,
    as_json: AsJson = False,
    redis_url: RedisUrl = None,
) -> None:
    """Stop an account's uploads; rows are still accepted, and running imports are still polled and settled.

    Example: prelabel account pause default --why "the key is being changed" --for 10m
    """
    operator = _Operator(name, redis_url)
    reason = f"by {user()}" + (f": {why[:200]}" if why else "")
    operator.pauses.stop_account(name, reason, seconds)
    operator.actions.record_account(name, "pause", {"why": why[:200], "pauseSeconds": seconds})
    until = None if seconds is None else end_of(seconds)
    report(
        as_json, {"account": name, "paused": True, "pausedUntil": until}, f"account {name} is paused{until_when(until)}"
    )


def resume(name: Name, as_json: AsJson = False, redis_url: RedisUrl = None) -> None:
    """End everything that stops an account, whoever began it, and close its breaker. Exit code 3 if nothing did.

    Example: prelabel account resume default
    """
    operator = _Operator(name, redis_url)
    if not operator.accounts.resume(name):
        report(as_json, {"account": name, "resumed": False}, f"account {name} was not stopped")
        raise typer.Exit(NOTHING)
    operator.actions.record_account(name, "resume", {})
    report(as_json, {"account": name, "resumed": True}, f"account {name} is resumed")


class _Operator:
    """Access to one account, even if it has sent no request yet.

    Exit code 2 for a name that no account can have, 3 for one that is not known.
    """

    def __init__(self, name: str, redis_url: str | None) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
            usage("an account's name has letters, digits, _ and -")
        settings = settings_for(redis_url)
        client = connect(settings)
        self.accounts = Accounts(client, settings)
        self.pauses = Pauses(client, settings.key_prefix)
        self.actions = Actions(client, settings.key_prefix)
        check_account(self.accounts, name)


def _keys(account: AccountStatus) -> str:
    """Return the fingerprints of the keys that workers use, with their number of workers while there are several."""
    if len(account.keys) == 1:
        return next(iter(account.keys))
    return ", ".join(f"{key} ({len(workers)})" for key, workers in account.keys.items())


def _table(accounts: list[AccountStatus]) -> "Table":
    numeric = ("limit", "rate now", "last minute", "projects")
    table = new_table("account", *numeric, "key here", "workers", "keys", "note", numbers=numeric)
    for account in accounts:
        numbers = [f"{number:,}" if account.limit else "" for number in (account.limit, account.rate, account.used)]
        numbers.append(f"{len(account.projects):,}")
        key = "yes" if account.has_key else "no"
        table.add_row(account.name, *numbers, key, str(len(account.workers)), _keys(account), account_note(account))
    return table
