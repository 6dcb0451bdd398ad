"""Functions that all bulk commands share: progress, Ctrl-C, the record of the action, the answer and exit code."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import orjson
import typer

from prelabel.printing import counted
from prelabel_worker.cli.dead.filters import Store
from prelabel_worker.cli.shared.each_project import reading
from prelabel_worker.cli.shared.interrupts import INTERRUPTED, interrupts
from prelabel_worker.cli.shared.terminal import NOTHING, end_line, out, print_line, print_over, say
from prelabel_worker.dead_letters.bulk import Bulk
from prelabel_worker.dead_letters.differences import differences
from prelabel_worker.dead_letters.store import BulkResult
from prelabel_worker.operations.action_log import Actions


@contextmanager
def progress(verb: str, thing: str = "dead letter") -> Iterator[Callable[[BulkResult], None]]:
    """Yield a function that prints, on a terminal only, how many have matched so far."""
    if not sys.stderr.isatty():
        yield lambda result: None
        return

    def show(result: BulkResult) -> None:
        print_over(f"{verb}: {counted(result.matched, thing)}")

    try:
        yield show
    finally:
        end_line()


def carry_out(store: Store, bulk: Bulk, verb: str, details: dict[str, Any], act: Callable[[str], None]) -> bool:
    """Act on one project after another and record the actions; return whether the person interrupted them."""
    try:
        with progress(verb) as show, interrupts(bulk.stop):
            bulk.progress = show
            for project_id in store.projects:
                with reading(project_id):
                    act(project_id)
    finally:
        if not bulk.dry_run:
            actions = Actions(store.client, store.prefix)
            for project_id, result in bulk.by_project.items():
                actions.record(project_id, verb, {**details, **result.as_json()})
    return bulk.stop.is_set()


def answer(
    result: BulkResult,
    verb: str,
    *,
    dry_run: bool,
    as_json: bool,
    interrupted: bool,
    named: bool,
    why_skipped: Mapping[str, int] = MappingProxyType({}),
    superseded: int = 0,
) -> None:
    """Print how many matched, were done and were skipped; end the command unless its exit code is 0.

    Exit code 130 after an interrupt, 3 when nothing matched. With `named`, the person named ids: exit code 3 also when
    none of them could be changed.
    """
    if as_json:
        out(result.as_json() | ({"superseded": superseded} if dry_run and verb == "retry" else {}))
    elif dry_run:
        print_line(would(result, verb, why_skipped, superseded))
    else:
        print_line(", ".join(f"{name} {count}" for name, count in result.as_json().items()))
    if (gone := result.skipped - sum(why_skipped.values())) and not dry_run:
        say(f"skipped: {gone} no dead letter (any more)")
    if interrupted:
        say("interrupted: what is counted above is done; the same command resumes")
        raise typer.Exit(INTERRUPTED)
    if not result.matched or (named and not dry_run and not result.done):
        raise typer.Exit(NOTHING)


def would(result: BulkResult, verb: str, why_skipped: Mapping[str, int], superseded: int = 0) -> str:
    """Return what an action would do: `would retry 1 of 7; 3 superseded; 3 skipped: 2 unchanged, 1 too-deep`."""
    text = f"would {verb} {result.matched - result.skipped - superseded:,} of {result.matched:,}"
    if superseded:
        text += f"; {superseded:,} superseded"
    if not result.skipped:
        return text
    reasons = dict(sorted(why_skipped.items(), key=lambda entry: -entry[1]))
    if unnamed := result.skipped - sum(reasons.values()):
        reasons["no dead letter"] = unnamed
    return f"{text}; {result.skipped:,} skipped: " + ", ".join(f"{count:,} {why}" for why, count in reasons.items())


def say_why_skipped(bulk: Bulk) -> None:
    """Print on standard error why edited dead letters were not sent."""
    if bulk.why_skipped:
        say("skipped: " + ", ".join(f"{count} {why}" for why, count in bulk.why_skipped.most_common()))


def say_examples(bulk: Bulk) -> None:
    """Print the first edited dead letters on standard error: the places that differ, before and after."""
    for dead_letter, raw in bulk.examples:
        say(f"dead letter {dead_letter.id} of project {dead_letter.project_id}:")
        for path, before, after in differences(orjson.loads(dead_letter.message), orjson.loads(raw)):
            say(f"  {path}: {_short(before)} → {_short(after)}")


def _short(value: Any) -> str:
    text = orjson.dumps(value).decode()
    return text if len(text) <= 80 else text[:79] + "…"
