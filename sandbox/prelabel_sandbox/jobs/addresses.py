"""Finds files at the sandbox's own addresses. It may be unable to reach itself by the name that others use."""

from pathlib import Path
from urllib.parse import unquote

from prelabel_sandbox.checks.addresses import plain
from prelabel_sandbox.store import Store


def is_own(base_url: str, url: str) -> bool:
    """Return whether an address is one of the sandbox's own."""
    return plain(url).startswith(f"{base_url}/")


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
