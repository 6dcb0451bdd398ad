"""The address of a data row's asset, and whether a page may load it: by http(s), or from the sandbox itself."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from starlette.requests import Request

from prelabel_sandbox.checks.addresses import plain
from prelabel_sandbox.sandbox import sandbox_of

ASSETS = "/assets/"
_UPLOADS = "/uploads/"
_HOST = re.compile(r"[A-Za-z0-9.-]+(:\d{1,5})?")


@dataclass(frozen=True, slots=True)
class Source:
    """An address that a page may load; `origin` is None if it is one of the sandbox's own."""

    url: str
    origin: str | None


def source_of(request: Request, address: str | None) -> Source | None:
    """Return the source at an address; None if it is not an address or a page may not load it."""
    if not address or address != address.strip() or any(ord(sign) < 33 for sign in address):
        return None
    address = plain(address)
    for own in (sandbox_of(request).base_url, f"{request.url.scheme}://{request.url.netloc}"):
        if address.startswith(f"{own}/") and not address.startswith(f"{own}//"):
            return Source(address[len(own) :], None)
    return Source(address, None) if address.startswith(ASSETS) else _elsewhere(address)


def own_file(request: Request, address: str) -> Path | None:
    """Return the file in the asset folder or among the uploads that has this address, or None."""
    source, folder = source_of(request, address), sandbox_of(request).assets
    if source is not None and source.url.startswith(_UPLOADS):
        upload = sandbox_of(request).store.uploads.find(source.url[len(_UPLOADS) :])
        return upload[1] if upload else None
    if source is None or folder is None or not source.url.startswith(ASSETS):
        return None
    file = (folder / unquote(source.url[len(ASSETS) :])).resolve()
    return file if file.is_relative_to(folder.resolve()) and file.is_file() else None


def is_missing(request: Request, address: str | None) -> bool:
    """Return whether an address is that of an asset or upload that the sandbox does not have."""
    source = source_of(request, address)
    own = source is not None and source.url.startswith((ASSETS, _UPLOADS))
    return own and own_file(request, address or "") is None


def _elsewhere(address: str) -> Source | None:
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(parts.netloc):
        return None
    return Source(address, f"{parts.scheme}://{parts.netloc}")
