"""`prelabel demo`: show the whole way of rows, with bad rows and an outage, in under a minute."""

import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Annotated

import httpx
import orjson
import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from prelabel import MessageError, Publisher, Reason
from prelabel.printing import command, counted
from prelabel_worker.cli.health.audit import balance
from prelabel_worker.cli.health.status import view
from prelabel_worker.cli.local.demo_rows import DEMO_DATA, MEANT, MISSPELT, PROJECTS, messages, project
from prelabel_worker.cli.local.running import for_programs_elsewhere, supervise
from prelabel_worker.cli.local.sandbox import put_project
from prelabel_worker.cli.shared.interrupts import ends_as_an_exception, stop_signals
from prelabel_worker.cli.shared.listing import Screen
from prelabel_worker.cli.shared.screen import console, styled
from prelabel_worker.cli.shared.terminal import AWAY, DONE_WITH_DEAD, TIMED_OUT, say
from prelabel_worker.dead_letters.explain import explanation
from prelabel_worker.dead_letters.letter import DeadLetter
from prelabel_worker.dead_letters.store import HeldRows
from prelabel_worker.operations.projects import Projects
from prelabel_worker.queries.audit import audit
from prelabel_worker.queries.status import Inspector
from prelabel_worker.stack.stack import Stack

OUTAGE_SECONDS = 4.0
_TIMEOUT_SECONDS = 120.0
_LINE_SECONDS = 2.0
_BAR_WIDTH = 60


@dataclass
class _Run:
    """The progress of the demo: the publishing thread writes it, the view reads it."""

    #: Rows to publish.
    rows: int
    #: Rows that were published or refused.
    sent: int = 0
    #: Messages that were refused at publish.
    refused: list[MessageError] = field(default_factory=list)
    #: When the outage ends, by the monotonic clock; None before it has begun.
    outage_until: float | None = None

    def note(self) -> str:
        """Return what happens now, in one line."""
        done = f"{self.sent:,} of {counted(self.rows, 'row')} were published"
        if self.outage_until is None:
            return done
        seconds_left = self.outage_until - time.monotonic()
        return f"{done}; Labelbox " + (
            f"answers 503 for {seconds_left:.0f} s more" if seconds_left > 0 else "answers again"
        )


def demo(
    rows: Annotated[int, typer.Option(help="Total number of rows of the three projects.", min=30)] = 20_000,
    workers: Annotated[int, typer.Option(help="Worker processes.", min=1, max=16)] = 2,
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running at the end, until Ctrl-C.")] = False,
) -> None:
    """Publish rows, some of them bad, to the sandbox, with an outage halfway, and show that the counts balance.

    Example: prelabel demo --keep
    """
    screen = console()
    screen.print(f"starting Redis, the sandbox and {workers} workers …")
    with ends_as_an_exception(), Stack(workers=workers, data=DEMO_DATA, fresh=True) as stack:
        for project_id in PROJECTS:
            put_project(stack.file.sandbox_url, orjson.dumps(project(project_id)))
            # Missing data rows stay missing: without retrying, their rows die at once and the demo can end.
            Projects(stack.client()).override(project_id, {"retryHours": "0"})
        _run(stack, rows, screen, keep=keep)
        if keep:
            _wait_for_interrupt(stack)


def _run(stack: Stack, rows: int, screen: Screen, *, keep: bool) -> None:
    inspector, run = Inspector(stack.client()), _Run(rows)
    started = time.monotonic()
    publishing = threading.Thread(target=_publish, args=(stack, run), name="demo-publisher")
    publishing.start()
    finished = _watch(stack, inspector, publishing, run, screen)
    publishing.join()
    seconds = time.monotonic() - started
    audits = audit(stack.client())
    screen.print()
    screen.print(f"{rows:,} rows in {seconds:.1f} s, with an outage of {OUTAGE_SECONDS:.0f} s on the way")
    screen.print()
    screen.print(balance(audits))
    _show_refused(run.refused, screen)
    dead_letter = _show_dead_letters(stack, inspector, screen)
    if finished:
        _show_commands(stack, dead_letter, screen, keep=keep)
    if not finished:
        ended = stack.ended()
        say(f"{ended} has ended by itself, see {stack.log(ended)}" if ended else "rows are still pending")
        raise typer.Exit(AWAY if ended else TIMED_OUT)
    if not all(project.balances for project in audits):
        say("the audit does not balance")
        raise typer.Exit(DONE_WITH_DEAD)


def _publish(stack: Stack, run: _Run) -> None:
    """Publish half of the rows, begin the outage, and publish the other half."""
    faults = f"{stack.file.sandbox_url}/_sandbox/faults"
    with Publisher(stack.file.redis_url) as publisher:
        for number, message in enumerate(messages(run.rows)):
            if number == run.rows // 2:
                httpx.post(faults, json={"fault": "503", "seconds": OUTAGE_SECONDS}, timeout=30, trust_env=False)
                run.outage_until = time.monotonic() + OUTAGE_SECONDS
            try:
                publisher.publish(message)
            except MessageError as error:
                run.refused.append(error)
            run.sent = number + 1


def _watch(stack: Stack, inspector: Inspector, publishing: threading.Thread, run: _Run, screen: Screen) -> bool:
    """Show progress until every row has an outcome; return False after a timeout, or when a process has ended."""
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    show = _moving if screen.is_terminal else _lines
    for _ in show(inspector, run, screen):
        if not publishing.is_alive() and not any(status.pending for status in inspector.all()):
            return True
        if time.monotonic() > deadline or stack.ended():
            return False
        time.sleep(0.1)
    return False


def _moving(inspector: Inspector, run: _Run, screen: Screen) -> Iterator[None]:
    """Draw one view again and again, for a terminal."""
    with Live(_view(inspector, run), console=screen, refresh_per_second=8, transient=True) as live:
        while True:
            yield
            live.update(_view(inspector, run))


def _view(inspector: Inspector, run: _Run) -> RenderableType:
    done = _with_outcome(inspector) + len(run.refused)
    progress = Table.grid()  # a bar alone does not end its line
    progress.add_row(ProgressBar(total=run.rows, completed=done, width=_BAR_WIDTH))
    return Group(
        "", view(inspector), "", progress, f"{done:,} of {counted(run.rows, 'row')} have an outcome", run.note()
    )


def _lines(inspector: Inspector, run: _Run, screen: Screen) -> Iterator[None]:
    """Print a line now and then, for a file or a pipe."""
    due = 0.0
    while True:
        yield
        if time.monotonic() >= due:
            due = time.monotonic() + _LINE_SECONDS
            done = _with_outcome(inspector) + len(run.refused)
            screen.print(f"{done:,} rows have an outcome; {run.note()}")


def _with_outcome(inspector: Inspector) -> int:
    return sum(status.published - status.pending for status in inspector.all())


def _show_refused(refused: list[MessageError], screen: Screen) -> None:
    if refused:
        were = "message was" if len(refused) == 1 else "messages were"
        screen.print()
        screen.print(f"{len(refused)} {were} refused at publish, for example: {refused[0]}", highlight=False)


def _show_dead_letters(stack: Stack, inspector: Inspector, screen: Screen) -> DeadLetter | None:
    """Count the dead letters by reason and show one, if possible one that can be fixed by its suggestion."""
    reasons: Counter[str] = Counter()
    for status in inspector.all():
        reasons.update(status.dead_reasons)
    dead_letter = _choose(HeldRows(stack.client()))
    if dead_letter is None:
        return None
    counts = ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common())
    screen.print()
    screen.print(f"{counted(reasons.total(), 'dead letter')}: {counts}. One of them:", highlight=False)
    screen.print()
    facts = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for name, value in _facts(dead_letter).items():
        facts.add_row(styled(f"  {name}", "bold"), value)
    screen.print(facts)
    return dead_letter


def _choose(held: HeldRows) -> DeadLetter | None:
    for reason in (str(Reason.UNKNOWN_FEATURE), None):
        for project_id in PROJECTS:
            for dead_letter in held.dead_letters(project_id, reason=reason, limit=1):
                return dead_letter
    return None


def _facts(dead_letter: DeadLetter) -> dict[str, str]:
    facts = {"dead letter": dead_letter.id, "project": dead_letter.project_id, "data row": _key(dead_letter)}
    return facts | explanation(dead_letter)


def _key(dead_letter: DeadLetter) -> str:
    return dead_letter.data_row.partition(":")[2]


def _show_commands(stack: Stack, dead_letter: DeadLetter | None, screen: Screen, *, keep: bool) -> None:
    """Print commands to type: at once while everything runs, else after `up` with the same data."""
    screen.print()
    if keep:
        screen.print(
            f"What a labeler would see: {stack.file.sandbox_url}/projects/{PROJECTS[0]}",
            soft_wrap=True,
            highlight=False,
        )
    else:
        screen.print("Everything stops now. To start it again with these rows and the sandbox's pages:")
        screen.print(f"  {command('up', data=DEMO_DATA)}", soft_wrap=True, highlight=False)
    screen.print("In another terminal, in this folder:")
    for line in _commands(dead_letter):
        screen.print(f"  {line}", soft_wrap=True, highlight=False)
    if keep:
        screen.print()
        for line in for_programs_elsewhere(stack):
            screen.print(line, soft_wrap=True, highlight=False)
        screen.print("Ctrl-C stops everything.")


def _commands(dead_letter: DeadLetter | None) -> Iterator[str]:
    yield command("dead groups")
    if dead_letter is not None:
        project_id = dead_letter.project_id
        fix = f"{MISSPELT}={MEANT}" if dead_letter.reason == Reason.UNKNOWN_FEATURE else None
        yield command("dead retry", dead_letter.id, project=project_id, rename_feature=fix)
        yield command("row show", _key(dead_letter), project=project_id)
    yield command("status")


def _wait_for_interrupt(stack: Stack) -> None:
    stop: SimpleQueue[None] = SimpleQueue()
    for number in stop_signals():
        signal.signal(number, lambda *_: stop.put(None))
    supervise(stack, stop)
