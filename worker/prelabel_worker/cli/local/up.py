"""`prelabel up`: the embedded stack in the foreground."""

import signal
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Annotated

import orjson
import typer

from prelabel.printing import command, counted
from prelabel_worker.cli.local.demo_rows import DEMO_DATA
from prelabel_worker.cli.local.running import for_operators, for_programs_elsewhere, for_publishers, supervise
from prelabel_worker.cli.local.sandbox import put_project
from prelabel_worker.cli.shared.interrupts import stop_signals
from prelabel_worker.cli.shared.terminal import print_line, say, usage
from prelabel_worker.stack.stack import Stack

_DATA = "data"
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


def up(
    workers: Annotated[int, typer.Option(help="Worker processes.", min=1, max=64)] = 2,
    data: Annotated[
        str, typer.Option(metavar="data|demo", help="Start with its own rows (data), or with those of the last demo.")
    ] = _DATA,
    gateway: Annotated[bool, typer.Option("--gateway", help="Accept predictions over HTTP too.")] = False,
) -> None:
    """Run Redis, the sandbox, workers and the console here until interrupted. Nothing reaches a real account.

    Example: prelabel up --workers 2
    """
    if data not in (_DATA, DEMO_DATA):
        usage(f"--data {data}: expected {_DATA} or {DEMO_DATA}")
    stop: SimpleQueue[None] = SimpleQueue()
    for number in stop_signals():
        signal.signal(number, lambda *_: stop.put(None))
    with Stack(workers=workers, data=data, console=True, gateway=gateway, tell=say) as stack:
        put_project(stack.file.sandbox_url, orjson.dumps(DEMO_PROJECT))
        for line in _greeting(stack, workers, data):
            print_line(line)
        supervise(stack, stop)


def _greeting(stack: Stack, workers: int, data: str) -> Iterator[str]:
    sandbox = stack.file.sandbox_url
    running = f"Redis, the sandbox at {sandbox}, {counted(workers, 'worker')} and the console"
    yield f"{running} are running; project demo-project is in the sandbox."
    yield f"Logs: {stack.logs}"
    yield "A part that ends is started again. The ports, the password and the key stay the same at the next start."
    yield ""
    yield from for_programs_elsewhere(stack)
    yield ""
    yield "In another terminal, in this folder:"
    for line in (["publish examples/predictions.ndjson", "wait"] if data == _DATA else []) + ["status", "dead list"]:
        yield f"  {command(line)}"
    yield ""
    if stack.file.gateway_url:
        where = f"gatewayUrl in {stack.folder / 'stack.json'} has its token; only you can read it"
        yield f"Programs publish over HTTP at {for_publishers(stack)}/v1/predictions ({where})"
    yield f"What operators see: {for_operators(stack)}"
    yield f"What a labeler would see: {sandbox}/{'projects/demo-project' if data == _DATA else ''}"
    yield "Ctrl-C stops everything."
