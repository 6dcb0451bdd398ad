"""`prelabel validate`."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, BinaryIO, cast

import orjson
import redis
import typer
from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from prelabel import printing
from prelabel.printing import and_more, counted
from prelabel.readers import FORMATS, Record, Source
from prelabel.text_input import TextInput, read_text
from prelabel.wire.client import Client
from prelabel_worker.chunks.project_memory import BOTH_FORMS, ProjectMemory
from prelabel_worker.cli.publish.predictions import Predictions, reading, say_left_out
from prelabel_worker.cli.shared.configuration import settings_for
from prelabel_worker.cli.shared.connection import connect
from prelabel_worker.cli.shared.screen import console
from prelabel_worker.cli.shared.terminal import (
    DONE_WITH_DEAD,
    AsJson,
    RedisUrl,
    ServiceAway,
    out,
    print_line,
    say,
    usage,
)
from prelabel_worker.errors import ConfigurationError
from prelabel_worker.labelbox.errors import RequestError
from prelabel_worker.labelbox.ontology_cache import REFRESH_SECONDS, Catalog
from prelabel_worker.labelbox.types import SubmitAs
from prelabel_worker.ontology.file import read_ontology
from prelabel_worker.ontology.media_types import known_media_type
from prelabel_worker.ontology.ontology import Ontology
from prelabel_worker.queries.status import Inspector
from prelabel_worker.rendering.file_validation import (
    STAND_IN,
    Check,
    Checked,
    OfProject,
    Report,
    project_of,
    structure,
    validate,
)
from prelabel_worker.settings import Settings

_LABELBOX_SECONDS = 10
_SHOW_BYTES = 1 << 20


@reading
def command(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="A file, perhaps packed with gzip, or - for standard input.")
    ],
    predictions: Predictions = Predictions(),  # noqa: B008 - frozen; `reading` gives the real one
    ontology: Annotated[
        Path | None,
        typer.Option(help="File with the ontology: `normalized` of the API, or JSON of an ontology builder."),
    ] = None,
    project: Annotated[
        str | None,
        typer.Option(
            "--project",
            "-p",
            help="Check with this project's ontology, from Redis or Labelbox; of a mapping with routes, with each "
            "project's own.",
        ),
    ] = None,
    media_type: Annotated[str | None, typer.Option(help="With --ontology: used in place of the file's own.")] = None,
    import_as: Annotated[
        SubmitAs | None,
        typer.Option("--as", help="What rows are imported as. [default: with --project its setting, else pre-labels]"),
    ] = None,
    limit: Annotated[int, typer.Option(help="Maximum number of errors to show.", min=0)] = 20,
    as_json: AsJson = False,
    redis_url: RedisUrl = None,
) -> None:
    """Check predictions without publishing: exit code 1 when a line or a record would be refused.

    Example: prelabel validate predictions.ndjson --ontology ontology.json --media-type IMAGE
    """
    _refuse_together(ontology, project, media_type, import_as)
    predictions = predictions.recognised(file)
    report = Report(noun="record" if predictions.form in FORMATS else "line")
    left_out: dict[str, int] = {}
    check: Check = structure
    with predictions.open(
        file, project, left_out, mixed=True, watch=_watched, routed=True, ontology=ontology, stand_in=STAND_IN
    ) as source:
        if ontology is not None:
            check = _of_file(ontology, media_type, import_as)
        elif project is not None and predictions.has_routes():
            check = OfEachProject(lambda name: _of_project(name, import_as, redis_url))
        elif project is not None:
            check = _of_project(project, import_as, redis_url)
        validate(_counted(source) if predictions.form in FORMATS else source, check, limit, report)
    say_left_out(left_out)
    if getattr(check, "any_form", True):
        _note_both_forms(report, project)
    _print(report, as_json)
    if report.invalid:
        raise typer.Exit(DONE_WITH_DEAD)


def _refuse_together(
    ontology: Path | None, project: str | None, media_type: str | None, import_as: SubmitAs | None
) -> None:
    """End the command with exit code 2 for options that exclude or need each other. Raises UnknownMediaType."""
    if ontology is not None and project is not None:
        usage("give --ontology or --project, not both")
    if media_type is not None and ontology is None:
        usage("--media-type needs --ontology: without it, the media type is not checked")
    if import_as is not None and ontology is None and project is None:
        usage("--as needs --ontology or --project: without them, only the structure is checked")
    if media_type is not None:
        known_media_type(media_type)


def _note_both_forms(report: Report, project: str | None) -> None:
    """Say that workers will refuse one of the two forms of data rows, if the file has both."""
    if BOTH_FORMS in report.naming.values():
        accept = printing.command("project set", project or "PROJECT", data_row_forms="both")
        say(
            "the file names data rows by id and by global key: once rows are imported, workers refuse a form that none "
            f"of them has, unless you run {accept}"
        )


class OfEachProject:
    """Checks each row against the ontology of the project that it goes to."""

    def __init__(self, check_of: Callable[[str], OfProject]) -> None:
        self._check_of = check_of
        self._checks: dict[str, OfProject] = {}

    @property
    def any_form(self) -> bool:
        """Return whether nothing decides yet, for one of the projects, how rows name their data rows."""
        return any(check.any_form for check in self._checks.values())

    def __call__(self, record: Record, raw: bytes) -> Checked:
        """Check a record's message. Raises MessageError, or ServiceAway if an ontology cannot be read."""
        name = project_of(record)
        if name is None:
            return structure(record, raw)
        check = self._checks.get(name) or self._checks.setdefault(name, self._check_of(name))
        return check(record, raw)


def _print(report: Report, as_json: bool) -> None:
    if len(report.forms) > 1:
        say("the file holds messages and plain NDJSON: publish accepts one of the two at a time")
    if as_json:
        out(report.as_json())
        return
    for fault in report.in_order:
        print_line(fault.text)
    for line in and_more(report.faults, len(report.errors)):
        print_line(line)
    print_line(f"{counted(report.lines, report.noun)}: {report.valid:,} valid, {report.invalid:,} invalid")
    for count in report.counts if len(report.counts) > 1 else ():
        print_line(f"  {count.project_id}: {counted(count.messages, 'message')}, {count.invalid:,} invalid")
    for reason, faults in report.by_reason.most_common():
        print_line(f"{faults:>10,}  {reason.value}")


def _of_file(path: Path, media_type: str | None, import_as: SubmitAs | None) -> Check:
    try:
        content = orjson.loads(read_text(path))
    except orjson.JSONDecodeError as error:
        usage(f"{path}: not JSON: {error}")
    file = read_ontology(content, media_type)
    for remark in file.remarks:
        say(f"{path}: {remark}")
    if not file.media_known:
        say(f"media type {file.media_type or 'not given'}: kinds are not checked against it; set one with --media-type")
    return OfProject(file.ontology, ground_truth=import_as is SubmitAs.GROUND_TRUTH)


def _of_project(project: str, import_as: SubmitAs | None, redis_url: str | None) -> OfProject:
    """Return the check that workers make: with Labelbox's ontology, or the cached one when that is only seconds old.

    When Labelbox does not answer, an older cached ontology is used. Writes nothing but the account's count of requests.
    """
    settings = settings_for(redis_url)
    client: Client | None = None
    try:
        client = connect(settings)
        cached = Catalog(client, settings.key_prefix).get(project)
        forms = ProjectMemory(client, settings).forms(project)
        submit_as = Inspector(client, settings.key_prefix).overrides(project).get("submitAs", "")
    except (ServiceAway, redis.RedisError) as error:
        say(f"{error}; asking Labelbox")
        client, cached, forms, submit_as = None, None, "", ""
    ground_truth = (import_as or submit_as) == SubmitAs.GROUND_TRUTH
    if cached is not None and cached.age_seconds <= REFRESH_SECONDS and not cached.is_outdated():
        return OfProject(cached.ontology, project, forms, ground_truth=ground_truth)
    try:
        return OfProject(_fetch_ontology(settings, client, project), project, forms, ground_truth=ground_truth)
    except (RequestError, ConfigurationError) as error:
        if cached is None:
            raise ServiceAway(f"the ontology of {project} cannot be read: {error}") from None
        say(f"{error}; using the ontology of {counted(round(cached.age_seconds / 60), 'minute')} ago")
        return OfProject(cached.ontology, project, forms, ground_truth=ground_truth)


def _fetch_ontology(settings: Settings, client: Client | None, project: str) -> Ontology:
    """Ask Labelbox for the project's ontology. Raises RequestError, ConfigurationError."""
    # Loads what only workers need; the other checks run where a fleet publishes.
    from prelabel_worker.cli.shared.labelbox_access import open_labelbox, pacer_of

    account = settings.account
    if client is not None:
        account = Inspector(client, settings.key_prefix).overrides(project).get("account") or account
    labelbox = open_labelbox(settings, account, _LABELBOX_SECONDS)
    try:
        if client is not None:
            pacer_of(client, settings, account).wait()
        answer = labelbox.ontology(project)
    finally:
        labelbox.close()
    return Ontology.from_normalized(answer.normalized, answer.media_type)


def _counted(source: Source) -> Source:
    """Yield the records of a file, and show on a terminal how many there were."""
    columns = (SpinnerColumn(), TextColumn("{task.completed:,.0f} read"))
    with Progress(*columns, transient=True, console=console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        yield from progress.track(source, total=None)


class _Watched:
    """A stream that shows how much of it was read."""

    def __init__(self, stream: TextInput, progress: Progress, task: Any) -> None:
        self._stream, self._progress, self._task = stream, progress, task
        self._shown = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def readline(self, size: int = -1) -> bytes:
        """Return the next line."""
        line, place = self._stream.readline(size), self._stream.place
        if not line:  # plain lines are checked after the last one was read
            self._progress.update(self._task, completed=place, description="check")
        if place - self._shown >= _SHOW_BYTES:
            self._shown = place
            self._progress.update(self._task, completed=place)
        return line


@contextmanager
def _watched(stream: TextInput) -> Iterator[BinaryIO]:
    """Show on a terminal how much of the stream was read."""
    if not sys.stderr.isatty():
        yield stream
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, transient=True, console=console(stderr=True)) as progress:
        yield cast(BinaryIO, _Watched(stream, progress, progress.add_task("read", total=stream.size)))
