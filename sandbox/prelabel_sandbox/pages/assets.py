"""`GET /assets/<path>`: files of the sandbox's asset folder, to which data rows may refer."""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from prelabel_sandbox.pages.sources import ASSETS, own_file
from prelabel_sandbox.pages.web import Missing

# No script in an asset may run as part of the sandbox's pages.
_HEADERS = {"Content-Security-Policy": "default-src 'none'; sandbox"}


def answer_asset(request: Request) -> Response:
    """Answer a file of the folder. Raises Missing."""
    file = own_file(request, ASSETS + quote(request.path_params["path"]))
    if file is None:
        raise Missing("There is no such asset.")
    return FileResponse(file, headers=_HEADERS)
