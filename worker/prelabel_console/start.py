"""Make a console from the settings."""

from collections.abc import Iterable, Mapping

from prelabel.access_tokens import Tokens, digest_of
from prelabel.wire.client import open_client
from prelabel_console.access.access import Access
from prelabel_console.access.hosts import Hosts
from prelabel_console.access.proxy import Proxy
from prelabel_console.access.roles import Holder, Role
from prelabel_console.console import Console, make_console
from prelabel_worker.settings import Settings

_SOCKET_SECONDS = 10.0


def access_of(settings: Settings, host: str, allowed: Iterable[str], admins: Mapping[str, str]) -> Access:
    """Return who may do what: the tokens of the settings, and tokens of `admins` by name."""
    holders = {
        entry.sha256: Holder(name, Role.named(entry.role)) for name, entry in settings.console_tokens.items()
    } | {digest_of(token): Holder(name, Role.ADMIN) for name, token in admins.items()}
    proxy = None
    if settings.console_proxy_header:
        role = Role.named(settings.console_proxy_role)
        proxy = Proxy(settings.console_proxy_header, role, settings.console_proxy_addresses)
    return Access(Hosts((*allowed, host), listens_on=host), Tokens(lambda: holders), proxy)


def open_console(settings: Settings, access: Access) -> Console:
    """Return a console of the settings' Redis, which need not answer yet."""
    return make_console(settings, open_client(settings.state, _SOCKET_SECONDS), access)
