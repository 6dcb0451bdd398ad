"""`publish --wait` and `--report`: follow the rows of a file to their outcomes, in this run or the next."""

import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import msgspec
import orjson
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from prelabel import Publisher, RedisUnavailable
from prelabel.printing import command, counted
from prelabel.readers import Record, Source
from prelabel.wire.client import Client
from prelabel_worker.cli.publish.send import FLUSH_SECONDS, FirstRefusals, Refusal, send
from prelabel_worker.cli.shared.added_again import advice
from prelabel_worker.cli.shared.explaining import Explaining
from prelabel_worker.cli.shared.interrupts import INTERRUPTED, interrupts
from prelabel_worker.cli.shared.screen import console
from prelabel_worker.cli.shared.terminal import DONE_WITH_DEAD, TIMED_OUT, ServiceAway, out, print_line, say, usage
from prelabel_worker.dead_letters.reader import HeldReader
from prelabel_worker.operations.undo_ledger import with_workers_history
from prelabel_worker.queries.row_follower import Follower, follow
from prelabel_worker.queries.row_report import FINAL, PENDING, ReportedRow, RowReport
from prelabel_worker.queries.status import Inspector, ProjectStatus
from prelabel_worker.queries.waiting import Wait
from prelabel_worker.rendering.identity import file_message_id
from prelabel_worker.settings import Settings

_FLUSH_ROWS = 1000
"""Rows to publish before the report names them; the next run publishes them again if this one is killed between."""
_DONE = (*FINAL, "dead", "gone", "unknown", "refused")
_UNSETTLED = (PENDING, "held", "retrying")
_PARTS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ENCODE = msgspec.json.Encoder().encode


class _Stopped(Exception):
    """The person has interrupted the command."""


class Reporting:
    """Publishes a file's records, journals them, and reports what became of them.

    Exit code 2 for a path that cannot be opened; NotAReport is raised for a file that is not a report.
    """

    def __init__(
        self, client: Client, settings: Settings, path: Path | None, file: str, project_id: str | None = None
    ) -> None:
        self._client = client
        self._settings = settings
        self._path = path
        self._project_id = project_id  # of the records that name none
        self._stop = threading.Event()
        self._now_ms = HeldReader(client).now_ms
        self._inspector = Inspector(client, settings.key_prefix)
        self._before: dict[str, ProjectStatus] = {}  # project → its status before this run published its first row
        #: Rows that the report lacks, in the order of the file, and what adds each to it.
        self._waiting: list[tuple[Callable[[ReportedRow], None], ReportedRow]] = []
        self._first = FirstRefusals()
        self._waits: list[Wait] = []
        self._published_before = 0  # records that an earlier run published
        try:
            self._report = RowReport(path, file)
        except OSError as error:
            usage(f"{path}: {error.strerror}")
        if with_workers_history(client, settings).history_days == 0:
            say("no history is kept (PRELABEL_HISTORY_DAYS=0): the outcome of single rows cannot be known")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._report.close()

    def publish(self, publisher: Publisher, source: Source) -> tuple[int, int]:
        """Publish the records that no earlier run has; return how many were published now, and how many refused."""

        def take(record: Record) -> None:
            if self._stop.is_set():
                raise _Stopped
            self._take(publisher, record)

        def refuse(refusal: Refusal) -> None:
            self._wait_for_flush(publisher, self._report.add, self._refused(refusal))

        def finish() -> None:
            self._flush(publisher)
            publisher.close(FLUSH_SECONDS)

        try:
            with interrupts(self._stop):
                published, refused = send(source, take, finish, refuse)
        except _Stopped:
            self._interrupted(publisher)
        return published - self._published_before, refused

    def finish(self, published: int, timeout: float | None, *, retrying: bool, as_json: bool) -> None:
        """Wait unless `timeout` is None, write the report, and end the command unless its exit code is 0."""
        earlier = f", published before {self._published_before}" if self._published_before else ""
        if not as_json:
            print_line(f"published {published}, refused {self._report.counts()['refused']}{earlier}")
        if timeout is not None:
            self._wait(timeout, retrying=retrying)
        self._write()
        counts = self._report.counts()
        if as_json:
            self._print_json(published, timeout is not None)
        elif timeout is not None:
            print_line(", ".join(f"{name} {counts[name]:,}" for name in (*_DONE, *_UNSETTLED) if counts[name]))
        if timeout is not None:
            self._say_repeated()
        if timeout is not None and any(counts[name] for name in _UNSETTLED):
            raise typer.Exit(TIMED_OUT)
        if any(counts[name] for name in ("dead", "refused", "unknown", "discarded")):
            raise typer.Exit(DONE_WITH_DEAD)

    def _print_json(self, published: int, waited: bool) -> None:
        counts = self._report.counts()
        numbers = {"published": published, "refused": counts["refused"], "publishedBefore": self._published_before}
        outcomes = {name: counts[name] for name in (*_DONE, *_UNSETTLED) if counts[name]}
        waiting = {"outcomes": outcomes, "waits": [wait.as_json() for wait in self._waits]}
        out(numbers | (waiting if waited else {}) | {"errors": self._first.as_json()})

    def _take(self, publisher: Publisher, record: Record) -> None:
        """Publish under a message id that is the same in every run. Raises MessageError."""
        row, message = _identified(record)
        if row is not None and self._report.had(row.project_id, row.message_id):
            self._published_before += 1
            self._wait_for_flush(publisher, self._report.meet, row)
            return
        if row is not None and row.project_id not in self._before:
            self._before[row.project_id] = self._inspector.status(row.project_id)
        message_id = publisher.publish(message)
        if row is not None and row.message_id == message_id:
            self._wait_for_flush(publisher, self._report.add, row)

    def _wait_for_flush(self, publisher: Publisher, record: Callable[[ReportedRow], None], row: ReportedRow) -> None:
        self._waiting.append((record, row))
        if len(self._waiting) >= _FLUSH_ROWS:
            self._flush(publisher)

    def _flush(self, publisher: Publisher) -> None:
        """Wait until Redis has accepted the waiting rows, then add them to the report."""
        at_ms = self._now_ms()
        publisher.flush(FLUSH_SECONDS)
        for record, row in self._waiting:
            record(replace(row, published_ms=at_ms) if row.outcome == PENDING else row)
        self._waiting = []
        self._report.commit()

    def _refused(self, refusal: Refusal) -> ReportedRow:
        self._first(refusal)
        facts = refusal.facts
        return ReportedRow(
            facts.project_id or self._project_id or "",
            dict(facts.data_row or {}),
            facts.message_id or "",
            refusal.where,
            outcome="refused",
            reason=refusal.reason.value,
            details={"problem": refusal.problem, **refusal.details},
        )

    def _wait(self, timeout: float, *, retrying: bool) -> None:
        followers = [
            Follower(self._client, self._settings.key_prefix, self._report, name, since_ms)
            for name, since_ms in self._report.projects().items()
        ]
        reported, explain = False, Explaining(self._client, self._settings)
        with interrupts(self._stop), _bar(self._report.counts()) as show:
            for _ in follow(followers, timeout, self._stop):
                show(self._report.counts())
                explain.look([follower.status for follower in followers if follower.status and follower.pending])
                only_retrying = any(follower.only_retrying for follower in followers) and all(
                    follower.only_retrying or not follower.pending for follower in followers
                )
                if only_retrying and not reported:
                    say(_retrying(self._report.counts()["retrying"], list(self._report.projects())))
                    reported = True
                if only_retrying and not retrying:
                    break
        for follower in followers:
            follower.end()
        self._explain(followers, explain)
        if self._stop.is_set():
            self._write()
            self._say_how_to_resume()

    def _explain(self, followers: list[Follower], explain: Explaining) -> None:
        """Print why rows still wait, and put it into the report."""
        pending = [follower.status for follower in followers if follower.status and follower.pending]
        self._waits = waits = explain.look(pending, now=True)
        for status in pending:
            mine = [f"{wait.why}; {wait.remedy}" for wait in waits if wait.project_id == status.project_id]
            self._report.explain(status.project_id, mine)

    def _interrupted(self, publisher: Publisher) -> None:
        """Flush the rows published so far and exit with code 130; the next run reads the rest of the file."""
        try:
            self._flush(publisher)
            publisher.close(FLUSH_SECONDS)
        except RedisUnavailable as error:
            raise ServiceAway(str(error)) from None
        self._write()
        self._say_how_to_resume()

    def _say_how_to_resume(self) -> None:
        again = "the same command resumes, publishes nothing twice and completes the report"
        counts = self._report.counts()
        pending = counted(sum(counts[name] for name in _UNSETTLED), "row")
        say(
            f"interrupted: {pending} still pending, which workers settle without this command; "
            + (again if self._path else f"{command('wait')} waits for them; with --report the same command resumes")
        )
        raise typer.Exit(INTERRUPTED)

    def _say_repeated(self) -> None:
        """Print how many rows met pre-labels. Projects count them, so rows of other publishers are included."""
        pairs = [(before, self._inspector.status(project)) for project, before in self._before.items()]
        if rows := sum(now.overridden - before.overridden for before, now in pairs):
            about = "about " if any(now.counts_a_sample for _, now in pairs) else ""
            say(f"imported meanwhile, overriding pre-labels from here: {about}{counted(rows, 'row')}")
        for before, now in pairs:
            if rows := now.added_again - before.added_again:
                added = (
                    f"imported meanwhile, added beside pre-labels from here: {counted(rows, 'row')} of {now.project_id}"
                )
                say(f"{added}; {advice(now.project_id)}")

    def _write(self) -> None:
        try:
            self._report.write()
        except OSError as error:
            usage(f"{self._path}: {error.strerror}")


def _identified(record: Record) -> tuple[ReportedRow | None, Any]:
    """Return the row, and its message with a message id; None and the message as it is when it cannot be read."""
    message = record.message
    raw = message if isinstance(message, bytes) else orjson.dumps(message)
    try:
        parts = _PARTS.decode(raw)
        fields = orjson.loads(raw)
    except (msgspec.DecodeError, orjson.JSONDecodeError, UnicodeDecodeError, RecursionError):
        return None, message
    project, data_row, message_id = fields.get("projectId"), fields.get("dataRow"), fields.get("messageId")
    if not isinstance(project, str) or not isinstance(data_row, dict):
        return None, message
    if message_id is None:
        message_id = file_message_id(project, orjson.dumps(fields, option=orjson.OPT_SORT_KEYS))
        raw = _ENCODE(parts | {"messageId": message_id})
    return ReportedRow(project, data_row, str(message_id), record.where), raw


def _retrying(rows: int, projects: list[str]) -> str:
    return (
        f"only retrying rows remain, {rows:,}: their data rows are not in the project (yet). "
        f"{command('batch create', project=projects[0], from_dead_letters=True, retry=True)} puts them there"
    )


@contextmanager
def _bar(counts: Counter[str]) -> Iterator[Callable[[Counter[str]], None]]:
    """Show a bar of rows that have their outcome, on a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, transient=True, console=console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("outcomes", total=sum(counts.values()))
        yield lambda now: progress.update(task, completed=sum(now[name] for name in _DONE))
