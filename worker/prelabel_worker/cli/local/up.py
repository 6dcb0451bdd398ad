"""`prelabel up`: the embedded stack in the foreground."""

import signal
import threading
from collections.abc import Iterator
from typing import Annotated

import orjson
import typer

from prelabel.printing import counted
from prelabel_worker.cli.local.sandbox import put_project
from prelabel_worker.cli.shared.terminal import AWAY, print_line, say
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


def up(workers: Annotated[int, typer.Option(help="Worker processes.", min=1, max=64)] = 2) -> None:
    """Run Redis, the sandbox and workers on this machine until interrupted. Nothing reaches a real account.

    Example: prelabel up --workers 2
    """
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    with Stack(workers=workers) as stack:
        put_project(stack.file.sandbox_url, orjson.dumps(DEMO_PROJECT))
        for line in _greeting(stack, workers):
            print_line(line)
        while not stop.wait(0.5):
            ended = stack.ended()
            if ended is not None:
                say(f"{ended} has ended by itself, see {stack.logs / ended}.log")
                raise typer.Exit(AWAY)


def _greeting(stack: Stack, workers: int) -> Iterator[str]:
    sandbox = stack.file.sandbox_url
    running = f"Redis, the sandbox at {sandbox} and {counted(workers, 'worker')}"
    yield f"{running} are running; project demo-project is in the sandbox."
    yield f"Logs: {stack.logs}"
    yield ""
    yield "In another terminal, in this folder:"
    yield "  prelabel publish examples/predictions.ndjson"
    yield "  prelabel wait"
    yield "  prelabel status"
    yield "  prelabel dead list"
    yield ""
    yield f"What a labeler would see: {sandbox}/projects/demo-project"
    yield "Ctrl-C stops everything."
