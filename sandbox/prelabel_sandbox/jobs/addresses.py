"""Which addresses the sandbox reads files from. It finds its own files itself, since it may not reach its own name."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from prelabel_sandbox.checks.addresses import has_scheme, plain
from prelabel_sandbox.local_only import is_loopback
from prelabel_sandbox.store import Store


def is_own(base_url: str, url: str) -> bool:
    """Return whether an address is one of the sandbox's own."""
    return plain(url).startswith(f"{base_url}/")


def may_fetch(url: str, *, only_local_clients: bool) -> bool:
    """Return whether the sandbox fetches from an address: from any by https, by plain http from this machine only.

    A client on another machine must not read what this one serves to itself.
    """
    return has_scheme(url, "https") or (only_local_clients and is_http_on_loopback(url))


def may_redirect(url: str, target: str) -> bool:
    """Return whether a fetch may follow a redirect: a server elsewhere must not send it to this machine."""
    return has_scheme(target, "https") or (is_http_on_loopback(url) and is_http_on_loopback(target))


def is_http_on_loopback(url: str) -> bool:
    """Return whether an address is one of plain http on this machine."""
    try:
        parts = urlsplit(url)
        return parts.scheme == "http" and is_loopback(parts.hostname or "")
    except ValueError:
        return False


def own_file(store: Store, base_url: str, url: str) -> Path | None:
    """Return the upload, or the input of an import, at an address of the sandbox, or None."""
    if not is_own(base_url, url):
        return None
    kind, _, rest = unquote(plain(url).removeprefix(f"{base_url}/")).partition("/")
    secret, _, name = rest.partition("/")
    if kind == "uploads" and not name:
        upload = store.uploads.find(secret)
        return upload[1] if upload else None
    item = store.imports.by_secret(secret) if kind == "files" and name == "input.ndjson" else None
    return store.imports.file(item, "input") if item else None
