"""The accounts: their request budget, what stops them, and what an operator can do with it."""

import re
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from prelabel_console.attention import stops_of
from prelabel_console.console import Console, console_of, visitor_of
from prelabel_console.endpoints import Form, Missing, act, page
from prelabel_console.pages.pausing import DURATIONS, reason_of, seconds_of
from prelabel_console.render import done, render
from prelabel_console.traffic import RequestTraffic, requests_of
from prelabel_worker.accounts.status import AccountStatus

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PROJECTS = 10
_CHARTS = 30


def accounts_page(request: Request) -> Response:
    """Answer all accounts."""
    console = console_of(request)
    accounts: Sequence[AccountStatus] = console.overview.latest().value.accounts
    return render(
        request,
        "accounts.html",
        section="accounts",
        accounts=accounts,
        stops={account.name: list(stops_of(account)) for account in accounts},
        requests={account.name: _requests(console, account) for account in accounts[:_CHARTS]},
        durations=DURATIONS,
        shown=_PROJECTS,
        actions=console.actions().last_with_accounts(_PROJECTS),
    )


def _requests(console: Console, account: AccountStatus) -> RequestTraffic:
    return requests_of(console.flow_reader.requests(account.name), account.limit)


def pause(request: Request, form: Form) -> Response:
    """Stop the account's uploads."""
    console, name, visitor = console_of(request), _known(request), visitor_of(request)
    seconds, why = seconds_of(form), form["why"].strip()[:200]
    console.pauses.stop_account(name, reason_of(visitor, why), seconds)
    console.actions(visitor).record_account(name, "pause", {"why": why, "pauseSeconds": seconds})
    return _done(request, console, f"account {name} is paused")


def resume(request: Request, _: Form) -> Response:
    """End everything that stops the account, and close its breaker."""
    console, name = console_of(request), _known(request)
    if not console.accounts.resume(name):
        return _done(request, console, f"account {name} was not stopped any more")
    console.actions(visitor_of(request)).record_account(name, "resume", {})
    return _done(request, console, f"account {name} is resumed")


def _known(request: Request) -> str:
    """Return the account that the address names. Raises Missing for one that nothing here names."""
    name: str = request.path_params["account"]
    known = {account.name for account in console_of(request).overview.latest().value.accounts}
    if not _NAME.fullmatch(name) or name not in known:
        raise Missing("No project, worker or setting names this account.")
    return name


def _done(request: Request, console: Console, text: str) -> Response:
    console.overview.renew()
    return done(request, "/accounts", text)


ROUTES = [
    page("/accounts", accounts_page, "accounts"),
    act("/accounts/{account}/pause", pause, "account-pause"),
    act("/accounts/{account}/resume", resume, "account-resume"),
]
