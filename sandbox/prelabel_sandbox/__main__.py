"""`python -m prelabel_sandbox`: listen, print the address as one line of JSON, and serve until a signal comes."""

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
from prelabel_sandbox.local_only import is_loopback
from prelabel_sandbox.origins import Names
from prelabel_sandbox.sandbox import Sandbox
from prelabel_sandbox.settings import API_KEY, Settings

MEMORY = ":memory:"
_SWITCH_SECONDS = 0.001


class Server(uvicorn.Server):
    """Prints its addresses as one line of JSON as soon as it listens."""

    def __init__(self, config: uvicorn.Config, url: str) -> None:
        super().__init__(config)
        self._url = url

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening, then print the addresses."""
        await super().startup(sockets)
        print(json.dumps({"url": self._url, "graphql": f"{self._url}/graphql"}), flush=True)  # noqa: T201


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="prelabel_sandbox", description="A local Labelbox.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="port; 0 picks a free one")
    parser.add_argument(
        "--public-url",
        help="the address at which others reach the sandbox, if it differs; the URLs of its files begin with it",
    )
    parser.add_argument(
        "--allowed-host",
        action="append",
        default=[],
        metavar="NAME",
        help="another host name at which others reach the sandbox, besides that of --public-url; repeatable",
    )
    parser.add_argument("--data", required=True, help=f"folder for the sandbox's state; {MEMORY} keeps no state")
    parser.add_argument("--assets", type=Path, help="folder whose files are served at /assets/")
    parser.add_argument(
        "--api-key",
        default=os.environ.get(API_KEY) or None,
        help=f"the only API key that is accepted; default: the variable {API_KEY}; without both, any key is accepted",
    )
    parser.add_argument("--requests-per-minute", type=int, default=1500, help="limit per key; 0: no limit")
    parser.add_argument("--seconds-per-import", type=float, default=0.2, help="minimum duration of an import")
    return parser.parse_args()


def main() -> None:
    """Read the arguments and serve."""
    options = arguments()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    os.umask(0o077)  # only the owner may read the sandbox's files
    # Imports are judged in threads of this process: switch often, so that requests are still answered meanwhile.
    sys.setswitchinterval(_SWITCH_SECONDS)
    # uvicorn stops on these signals and raises them again once it has shut down.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as by nohup
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
    if options.data == MEMORY:
        with tempfile.TemporaryDirectory(prefix="prelabel-sandbox-") as folder:
            serve(options, Path(folder))
    else:
        serve(options, Path(options.data))


def serve(options: argparse.Namespace, folder: Path) -> None:
    """Serve the state in a folder until a signal comes."""
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    # asyncio disables Nagle's delay (40 ms a response) only on a socket that was opened as TCP.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((options.host, options.port))
    host = f"[{options.host}]" if family == socket.AF_INET6 else options.host
    url = f"http://{host}:{listening.getsockname()[1]}"
    settings = Settings()
    limit = options.requests_per_minute or None
    settings.change({"requestsPerMinute": limit, "secondsPerImport": options.seconds_per_import})
    public_url = (options.public_url or url).rstrip("/")
    names = Names((*options.allowed_host, urlsplit(public_url).hostname or "", options.host), listens_on=options.host)
    local = is_loopback(options.host)
    app = make_app(Sandbox(folder, public_url, options.api_key, settings, options.assets, local), names)
    gc.freeze()  # objects loaded by now live until the end: imports are judged faster if the collector skips them
    config = uvicorn.Config(
        app,
        http=CuttableProtocol,
        log_level="warning",
        access_log=False,
        # A client that is slower than the usual 5 s would send on a connection that ends at that moment.
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
    )
    Server(config, url).run(sockets=[listening])


if __name__ == "__main__":
    main()
