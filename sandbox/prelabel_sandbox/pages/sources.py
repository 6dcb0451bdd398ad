"""Where a data row's asset is, and whether a page may show it: by http(s), or from the sandbox itself."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from starlette.requests import Request

from prelabel_sandbox.sandbox import sandbox_of

ASSETS = "/assets/"
_UPLOADS = "/uploads/"
_HOST = re.compile(r"[A-Za-z0-9.-]+(:\d{1,5})?")
_TEXT_BYTES = 1 << 18  # a text has at most 64 K characters


@dataclass(frozen=True, slots=True)
class Source:
    """An address that a page may load; `origin` is None for the sandbox's own."""

    url: str
    origin: str | None


def source_of(request: Request, given: str | None) -> Source | None:
    """The source that an address means; None for what is no address, or none that may be loaded."""
    if not given or given != given.strip() or any(ord(sign) < 33 for sign in given):
        return None
    for own in (sandbox_of(request).base_url, f"{request.url.scheme}://{request.url.netloc}"):
        if given.startswith(f"{own}/") and not given.startswith(f"{own}//"):
            return Source(given[len(own) :], None)
    return Source(given, None) if given.startswith(ASSETS) else _elsewhere(given)


def text_of(request: Request, given: str | None) -> str | None:
    """A text asset: what was given, or the file at the sandbox's own address; None when it is elsewhere."""
    if given is None or source_of(request, given) is None:
        return given
    file = own_file(request, given)
    return None if file is None else file.read_bytes()[:_TEXT_BYTES].decode(errors="replace")


def own_file(request: Request, given: str) -> Path | None:
    """The file in the folder of assets, or among the uploads, that an address means."""
    source, folder = source_of(request, given), sandbox_of(request).assets
    if source is not None and source.url.startswith(_UPLOADS):
        found = sandbox_of(request).store.uploads.find(source.url[len(_UPLOADS) :])
        return found[1] if found else None
    if source is None or folder is None or not source.url.startswith(ASSETS):
        return None
    file = (folder / unquote(source.url[len(ASSETS) :])).resolve()
    return file if file.is_relative_to(folder.resolve()) and file.is_file() else None


def _elsewhere(given: str) -> Source | None:
    try:
        parts = urlsplit(given)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(parts.netloc):
        return None
    return Source(given, f"{parts.scheme}://{parts.netloc}")
