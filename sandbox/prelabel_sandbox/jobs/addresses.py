"""Which file of the sandbox an address means: it need not reach itself by the name that others know."""

from pathlib import Path
from urllib.parse import unquote

from prelabel_sandbox.store import Store


def is_own(base_url: str, url: str) -> bool:
    """Whether an address begins as the sandbox's own do."""
    return url.startswith(f"{base_url}/")


def own_file(store: Store, base_url: str, url: str) -> Path | None:
    """The upload, or the input of an import, at an address of the sandbox; None when there is none."""
    if not is_own(base_url, url):
        return None
    kind, _, rest = unquote(url.removeprefix(f"{base_url}/")).partition("/")
    secret, _, name = rest.partition("/")
    if kind == "uploads" and not name:
        found = store.uploads.find(secret)
        return found[1] if found else None
    item = store.imports.by_secret(secret) if kind == "files" and name == "input.ndjson" else None
    return store.imports.file(item, "input") if item else None
