"""`python -m prelabel_sandbox`: listen, say where in one line of JSON, run until told to stop."""

import argparse
import gc
import json
import logging
import os
import signal
import socket
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn

from prelabel_sandbox.connections import CuttableProtocol
from prelabel_sandbox.http.app import make_app
from prelabel_sandbox.origins import Names
from prelabel_sandbox.sandbox import Sandbox
from prelabel_sandbox.settings import API_KEY, Settings

MEMORY = ":memory:"
_SWITCH_SECONDS = 0.001


class Server(uvicorn.Server):
    """A server that says where it listens as soon as it does."""

    def __init__(self, config: uvicorn.Config, url: str) -> None:
        super().__init__(config)
        self._url = url

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening, then print the one line."""
        await super().startup(sockets)
        print(json.dumps({"url": self._url, "graphql": f"{self._url}/graphql"}), flush=True)  # noqa: T201


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="prelabel_sandbox", description="A local Labelbox.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="port; 0 picks a free one")
    parser.add_argument(
        "--public-url", help="how others reach it, if not where it listens: what its file URLs begin with"
    )
    parser.add_argument(
        "--allowed-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name under which others reach it, besides that of --public-url; once for each",
    )
    parser.add_argument("--data", required=True, help=f"folder of its state; {MEMORY} for one that is not kept")
    parser.add_argument("--assets", type=Path, help="folder whose files are at /assets/, for data rows to name")
    parser.add_argument(
        "--api-key",
        default=os.environ.get(API_KEY) or None,
        help=f"the only key that is accepted; else {API_KEY} of the environment; without both any key is",
    )
    parser.add_argument("--requests-per-minute", type=int, default=1500, help="limit of each key; 0: none")
    parser.add_argument("--seconds-per-import", type=float, default=0.2, help="how long an import takes at least")
    return parser.parse_args()


def main() -> None:
    """Read the arguments and serve."""
    given = arguments()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    os.umask(0o077)  # what it keeps is for its owner alone
    # Imports are judged in threads of this process: requests get their turn often while that goes on.
    sys.setswitchinterval(_SWITCH_SECONDS)
    # uvicorn stops on these, and then raises them again: by then everything is done.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    if given.data == MEMORY:
        with tempfile.TemporaryDirectory(prefix="prelabel-sandbox-") as folder:
            serve(given, Path(folder))
    else:
        serve(given, Path(given.data))


def serve(given: argparse.Namespace, folder: Path) -> None:
    """Serve the state in a folder until a signal comes."""
    family = socket.AF_INET6 if ":" in given.host else socket.AF_INET
    # Only on a socket that says TCP does asyncio switch Nagle's delay off: 40 ms an answer.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((given.host, given.port))
    host = f"[{given.host}]" if family == socket.AF_INET6 else given.host
    url = f"http://{host}:{listening.getsockname()[1]}"
    settings = Settings()
    limit = given.requests_per_minute or None
    settings.change({"requestsPerMinute": limit, "secondsPerImport": given.seconds_per_import})
    public_url = (given.public_url or url).rstrip("/")
    names = Names((*given.allowed_host, urlsplit(public_url).hostname or "", given.host), listens_on=given.host)
    app = make_app(Sandbox(folder, public_url, given.api_key, settings, given.assets), names)
    gc.freeze()  # what is loaded now stays: imports are judged faster when it is not searched for garbage
    config = uvicorn.Config(
        app, http=CuttableProtocol, log_level="warning", access_log=False, timeout_graceful_shutdown=1
    )
    Server(config, url).run(sockets=[listening])


if __name__ == "__main__":
    main()
