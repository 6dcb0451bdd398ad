"""`prelabel demo`: show the whole path, with bad rows and an outage, in under a minute."""

import random
import signal
import sys
import threading
import time
from collections.abc import Iterator
from itertools import chain
from typing import Annotated, Any

import httpx
import orjson
import typer
from rich.live import Live

from prelabel import MessageError, Publisher
from prelabel.printing import command, counted
from prelabel_worker.cli.dead.show import describe
from prelabel_worker.cli.health.audit import balance
from prelabel_worker.cli.health.status import view
from prelabel_worker.cli.local.sandbox import put_project
from prelabel_worker.cli.shared.screen import Screen, console
from prelabel_worker.cli.shared.terminal import DONE_WITH_DEAD, TIMED_OUT, say
from prelabel_worker.dead_letters.store import HeldRows
from prelabel_worker.operations.projects import Projects
from prelabel_worker.queries.audit import audit
from prelabel_worker.queries.status import Inspector
from prelabel_worker.stack.stack import Stack

PROJECTS = ("demo-harbour", "demo-street", "demo-yard")
CLASSES = ("vessel", "car", "truck", "person", "crane")
OUTAGE_SECONDS = 4.0
_SEED = 20261122
_EVERY_BAD = 100
_TIMEOUT_SECONDS = 120.0


def demo(
    rows: Annotated[int, typer.Option(help="Rows in all three projects.", min=30)] = 20_000,
    workers: Annotated[int, typer.Option(help="Worker processes.", min=1, max=16)] = 2,
) -> None:
    """Publish rows, some of them bad, through an outage into the sandbox, and show that the sum balances.

    Example: prelabel demo
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    screen = console()
    screen.print(f"starting Redis, the sandbox and {counted(workers, 'worker')} …")
    with Stack(workers=workers, data="demo", fresh=True) as stack:
        for project_id in PROJECTS:
            put_project(stack.file.sandbox_url, orjson.dumps(_project(project_id)))
            # Data rows that are missing stay so: nobody watches a demo until the horizon.
            Projects(stack.client()).override(project_id, {"retryHours": "0"})
        _run(stack, rows, screen)


def _run(stack: Stack, rows: int, screen: Screen) -> None:
    inspector = Inspector(stack.client())
    refused: list[MessageError] = []
    started = time.monotonic()
    publishing = threading.Thread(target=_publish, args=(stack, rows, refused), name="demo-publisher")
    publishing.start()
    finished = _watch(stack, inspector, publishing, screen)
    publishing.join()
    seconds = time.monotonic() - started
    audits = audit(stack.client())
    screen.print(balance(audits))
    if refused:
        screen.print()
        screen.print(f"{counted(len(refused), 'message')} refused at publish, for example: {refused[0]}")
    _show_dead_letter(stack, screen)
    screen.print()
    screen.print(f"{rows:,} rows in {seconds:.1f} s, with an outage of {OUTAGE_SECONDS:.0f} s on the way")
    if not finished:
        say("rows are still pending")
        raise typer.Exit(TIMED_OUT)
    if not all(project.balances for project in audits):
        say("the audit does not balance")
        raise typer.Exit(DONE_WITH_DEAD)


def _publish(stack: Stack, rows: int, refused: list[MessageError]) -> None:
    """Publish half of the rows, then the others while Labelbox is away."""
    faults = f"{stack.file.sandbox_url}/_sandbox/faults"
    with Publisher(stack.file.redis_url) as publisher:
        for number, message in enumerate(messages(rows)):
            if number == rows // 2:
                httpx.post(faults, json={"fault": "503", "seconds": OUTAGE_SECONDS}, timeout=30, trust_env=False)
            try:
                publisher.publish(message)
            except MessageError as error:
                refused.append(error)


def _watch(stack: Stack, inspector: Inspector, publishing: threading.Thread, screen: Screen) -> bool:
    """Show the counts while they move; return whether everything was settled in time."""
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    with Live(view(inspector), console=screen, refresh_per_second=8, transient=True) as live:
        while publishing.is_alive() or any(project.pending for project in inspector.all()):
            if time.monotonic() > deadline or stack.ended():
                return False
            live.update(view(inspector))
            time.sleep(0.1)
    return True


def _show_dead_letter(stack: Stack, screen: Screen) -> None:
    held = HeldRows(stack.client())
    dead_letter = next(chain.from_iterable(held.dead_letters(name, limit=1) for name in PROJECTS), None)
    if dead_letter is not None:
        screen.print()
        screen.print("one of the dead letters:")
        describe(dead_letter)
        screen.print()
        screen.print("with the stack running, once its cause is fixed:")
        screen.print(f"  {command('dead retry', dead_letter.id, project=dead_letter.project_id)}", soft_wrap=True)


def messages(rows: int) -> Iterator[dict[str, Any]]:
    """Yield the same rows every time: boxes, and at intervals a row that is wrong on purpose."""
    chance = random.Random(_SEED)
    for number in range(rows):
        message = _message(chance, PROJECTS[number % len(PROJECTS)], number)
        if number % _EVERY_BAD == _EVERY_BAD - 1:
            _spoil(message, number // _EVERY_BAD)
        yield message


def _message(chance: random.Random, project_id: str, number: int) -> dict[str, Any]:
    def box() -> dict[str, Any]:
        left, top = chance.randint(0, 1800), chance.randint(0, 900)
        size = {"width": chance.randint(8, 300), "height": chance.randint(8, 200)}
        return {"name": chance.choice(CLASSES), "bbox": {"left": left, "top": top, **size}}

    return {
        "projectId": project_id,
        "dataRow": {"globalKey": f"cam-{number % 7}/{number:06d}.jpg"},
        "model": {"name": "demo-detector", "version": "1"},
        "annotations": [box() for _ in range(chance.randint(1, 6))],
    }


def _spoil(message: dict[str, Any], which: int) -> None:
    """Make a message wrong in one of the ways that happen."""
    annotations = message["annotations"]
    spoiled = (
        lambda: annotations[0].update(name="vesel"),  # a misspelt feature
        lambda: annotations.append({"name": "vessel", "point": {"x": 1, "y": 1}}),  # the wrong kind for its tool
        lambda: message.update(
            dataRow={"globalKey": "missing/" + message["dataRow"]["globalKey"]}
        ),  # not in the project
        lambda: annotations[0]["bbox"].update(width=-4),  # refused before it is sent
    )
    spoiled[which % len(spoiled)]()


def _project(project_id: str) -> dict[str, Any]:
    tools = [{"tool": "rectangle", "name": name} for name in CLASSES]
    return {
        "id": project_id,
        "mediaType": "IMAGE",
        "ontology": {"tools": tools, "classifications": []},
        "dataRows": [f"cam-{number % 7}/{number:06d}.jpg" for number in range(100_000)],
    }
