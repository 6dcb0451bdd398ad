"""`prelabel dataset add`."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Annotated, BinaryIO

import orjson
import typer

from prelabel import private_files
from prelabel.printing import and_more, counted
from prelabel.text_input import TextInput, open_text
from prelabel_worker.cli.setup.calling import Account, Timeout, bar, calling
from prelabel_worker.cli.shared.configuration import settings_for
from prelabel_worker.cli.shared.terminal import DONE_WITH_DEAD, AsJson, RedisUrl, out, print_line, say, usage
from prelabel_worker.labelbox.errors import RequestError
from prelabel_worker.setup.adding import Adding, Show
from prelabel_worker.setup.adding_state import AddingState, StateFile
from prelabel_worker.setup.calls import Calls
from prelabel_worker.setup.datasets import create_dataset
from prelabel_worker.setup.new_rows import NoRow, RowReader
from prelabel_worker.setup.tasks import Task

_SHOWN = 20


def add(
    rows: Annotated[Path, typer.Argument(metavar="ROWS.ndjson", help="A data row a line, perhaps packed with gzip.")],
    dataset: Annotated[str | None, typer.Option(help="The name of a new dataset; the first run makes it.")] = None,
    dataset_id: Annotated[
        str | None, typer.Option(help="The id of a dataset that exists, in place of --dataset.")
    ] = None,
    files: Annotated[Path | None, typer.Option(help="The folder of local files; else the folder of ROWS.")] = None,
    text: Annotated[
        bool, typer.Option("--text", help="Take row_data without an address for text, never for a file.")
    ] = False,
    report: Annotated[Path | None, typer.Option(help="NDJSON with every row that was not added, and why.")] = None,
    timeout: Timeout = 3600,
    account: Account = None,
    as_json: AsJson = False,
    redis_url: RedisUrl = None,
) -> None:
    """Add data rows to a dataset. Rows whose global key exists are skipped, so you may repeat it to resume.

    Exit code 1 when rows were not added.

    Example: prelabel dataset add rows.ndjson --dataset harbour-2026
    """
    if (dataset is None) == (dataset_id is None):
        usage("give --dataset NAME or --dataset-id ID")
    if not rows.is_file():
        usage(f"{rows}: no such file")
    settings = settings_for(redis_url)
    file = StateFile(rows, settings.labelbox_endpoint, account or settings.account, dataset or "", dataset_id or "")
    state = file.load()
    if state.line:
        say(f"resuming after line {state.line:,}, where an earlier run ended ({file.path.name})")
    refusals = _Refusals(report, state)
    reader = RowReader(None if text else files or rows.parent)
    if not (dataset_id or state.dataset_id):
        _check_beginning(rows, reader)
    with calling(settings, account, "the same command resumes where it was") as calls, open_text(rows) as stream:
        state = _with_dataset(calls, file, state, dataset, dataset_id)
        with _progress(stream) as show, refusals:
            adding = Adding(calls, file, task_seconds=timeout, failed=refusals.add, show=show)
            state = adding.run(stream, reader, state, refusals.mark)
    refusals.say_rest(state.failed)
    counts = {"added": state.added, "existing": state.existing, "failed": state.failed}
    if as_json:
        out({"dataset": state.dataset_id, **counts})
    else:
        numbers = ", ".join(f"{name} {count:,}" for name, count in counts.items())
        print_line(f"dataset {state.dataset_id}: {numbers}")
    if state.failed:
        raise typer.Exit(DONE_WITH_DEAD)


def _check_beginning(rows: Path, reader: RowReader) -> None:
    """Exit with code 1 before a dataset is made, when none of the first rows can be read: the file is a wrong one."""
    with open_text(rows) as stream:
        first = list(islice(reader.rows(stream), _SHOWN))
    if first and all(isinstance(row, NoRow) for row in first):
        for row in first:
            if isinstance(row, NoRow):
                say(f"line {row.line}{row.key and f' ({row.key})'}: {row.why}")
        say(f"{rows}: none of the first {counted(len(first), 'line')} can be added; no dataset was made")
        raise typer.Exit(DONE_WITH_DEAD)


def _with_dataset(
    calls: Calls, file: StateFile, state: AddingState, name: str | None, dataset_id: str | None
) -> AddingState:
    """Return the state with the dataset's id. Make the dataset unless an earlier run has; never make a second one."""
    if dataset_id is not None:
        return file.save(state, dataset_id=dataset_id)
    if state.dataset_id:
        say(f"using dataset {state.dataset_id} of an earlier run; if it was deleted, remove {file.path}")
        return state
    if state.creating:
        usage(
            f"an earlier run may have made the dataset '{name}': its answer was lost. Look for it in Labelbox. If it "
            f"is there, give its --dataset-id; if not, remove {file.path}"
        )
    state = file.save(state, creating=True)
    try:
        made = create_dataset(calls, name or "")
    except RequestError as error:
        if not error.maybe_accepted:
            file.save(state, creating=False)
        else:
            say(f"it is not known whether the dataset '{name}' was made")
        raise
    say(f"dataset {made} is made")
    return file.save(state, dataset_id=made, creating=False)


class _Refusals:
    """Reports rows that are not added: the first ones on standard error, all of them in the report."""

    def __init__(self, report: Path | None, state: AddingState) -> None:
        self._path = report
        if report is not None:
            with _named_report(report):
                private_files.check_regular(report)
        is_continued = report is not None and state.report == str(report) and report.exists()
        if report is not None and not is_continued and report.exists() and report.stat().st_size:
            usage(f"{report} exists, and is no report of these rows: it would be overwritten; name another file")
        self._keep = state.report_bytes if is_continued else 0
        state.report = str(report or "")
        self._file: BinaryIO | None = None
        self._shown = 0

    def __enter__(self) -> "_Refusals":
        if self._path is not None:
            with _named_report(self._path):
                self._file = open(self._path, "rb+" if self._keep else "wb", opener=private_files.opener)
                # An interrupted run may have reported rows that it had not finished: they are reported again.
                self._file.truncate(self._keep)
                self._file.seek(self._keep)
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, row: NoRow) -> None:
        """Report a row that is not added."""
        self._shown += 1
        if self._shown <= _SHOWN:
            say(f"line {row.line}{row.key and f' ({row.key})'}: {row.why}")
        if self._file is not None:
            self._file.write(orjson.dumps(row.as_json()) + b"\n")

    def mark(self) -> int:
        """Put the report on the disk; return its length in bytes."""
        if self._file is None:
            return 0
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._file.tell()

    def say_rest(self, failed: int) -> None:
        """Print how many more rows were not added."""
        where = f"all in {self._path}" if self._path else "--report FILE names all"
        for line in and_more(failed, min(self._shown, _SHOWN), f"; {where}"):
            say(line)


@contextmanager
def _named_report(path: Path) -> Iterator[None]:
    """End the command with exit code 2 where the report cannot be opened."""
    try:
        yield
    except OSError as error:
        usage(f"{path}: {error.strerror}")


@contextmanager
def _progress(stream: TextInput) -> Iterator[Show]:
    with bar("data rows", stream.size or 1) as show:

        def show_state(state: AddingState, task: Task | None) -> None:
            progress = f", task {task.percent or 0:.0f} %" if task is not None else ""
            show(stream.place, f"added {state.added:,}, existing {state.existing:,}, failed {state.failed:,}{progress}")

        yield show_state
