"""`python -m prelabel_sandbox`: listen, say where in one line of JSON, run until told to stop."""

import argparse
import json
import logging
import socket
from pathlib import Path

import uvicorn

from prelabel_sandbox.app import Sandbox, Settings, make_app
from prelabel_sandbox.processing import Clock


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(prog="prelabel_sandbox", description="A local Labelbox.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="port; 0 picks a free one")
    parser.add_argument("--data", type=Path, required=True, help="folder of its state")
    parser.add_argument("--api-key", help="the only key that is accepted; without it any key is")
    parser.add_argument("--requests-per-minute", type=int, default=1500, help="limit of each key")
    parser.add_argument("--seconds-per-import", type=float, default=0.2, help="how long an import takes at least")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")

    listening = socket.socket(socket.AF_INET6 if ":" in arguments.host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((arguments.host, arguments.port))
    settings = Settings(arguments.api_key, arguments.requests_per_minute)
    app = make_app(arguments.data, settings, Clock(arguments.seconds_per_import))
    sandbox: Sandbox = app.state.sandbox
    host = f"[{arguments.host}]" if ":" in arguments.host else arguments.host
    sandbox.base_url = f"http://{host}:{listening.getsockname()[1]}"
    sandbox.processor.start()
    listening.listen(128)
    print(json.dumps({"url": sandbox.base_url, "graphql": f"{sandbox.base_url}/graphql"}), flush=True)  # noqa: T201
    config = uvicorn.Config(app, log_level="error", access_log=False, timeout_graceful_shutdown=1, lifespan="off")
    try:
        uvicorn.Server(config).run(sockets=[listening])
    finally:
        sandbox.processor.stop()
        sandbox.store.close()


if __name__ == "__main__":
    main()
