"""`prelabel up`: the embedded stack in the foreground."""

import signal
import threading
from typing import Annotated

import orjson
import typer

from prelabel_worker.cli.common import AWAY, say
from prelabel_worker.cli.sandbox import put_project
from prelabel_worker.stack.stack import Stack

DEMO_PROJECT = {
    "id": "demo-project",
    "name": "Demo",
    "mediaType": "IMAGE",
    "ontology": {
        "tools": [
            {"tool": "rectangle", "name": "vessel"},
            {"tool": "polygon", "name": "quay"},
            {"tool": "point", "name": "bollard"},
        ],
        "classifications": [
            {"type": "radio", "name": "weather", "options": [{"value": "clear"}, {"value": "fog"}]},
            {"type": "text", "name": "remark"},
        ],
    },
    "dataRows": "any",
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("up")(up)


def up(workers: Annotated[int, typer.Option(help="Worker processes.", min=1, max=64)] = 2) -> None:
    """Run Redis, the sandbox and workers on this machine until interrupted. Nothing reaches a real account.

    Example: prelabel up --workers 2
    """
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    with Stack(workers=workers) as stack:
        put_project(stack.file.sandbox_url, orjson.dumps(DEMO_PROJECT))
        print(  # noqa: T201
            f"Redis, the sandbox at {stack.file.sandbox_url} and {workers} workers are running; project demo-project "
            f"is in the sandbox.\nLogs: {stack.logs}\n\nIn another terminal, in this folder:\n"
            "  prelabel publish examples/predictions.ndjson\n  prelabel wait\n  prelabel status\n  prelabel dead list\n"
            f"\nWhat a labeler would see: {stack.file.sandbox_url}/projects/demo-project\nCtrl-C stops everything.",
            flush=True,
        )
        while not stop.wait(0.5):
            ended = stack.ended()
            if ended is not None:
                say(f"{ended} has ended by itself, see {stack.logs / ended}.log")
                raise typer.Exit(AWAY)
