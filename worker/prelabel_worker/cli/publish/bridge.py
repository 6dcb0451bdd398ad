"""`prelabel bridge`: publish the records of a broker, or of a folder of growing files."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from prelabel import Publisher, RedisUnavailable
from prelabel.bridges.bad_records import BadRecords
from prelabel.bridges.bridge import Bridge
from prelabel.bridges.counts import Counts, Health
from prelabel.bridges.deepstream import FrameRows
from prelabel.bridges.feed import Feed, SourceAway
from prelabel.bridges.folder import PATTERNS, STATE_NAME, Folder
from prelabel.bridges.redis_streams import RedisStream
from prelabel.bridges.rows import Rows, SingleRows
from prelabel.bridges.sagemaker import opened
from prelabel.mapping import PredictionMapping, read_mapping
from prelabel.text_input import read_text
from prelabel.wire.client import open_client
from prelabel.wire.redis_url import RedisUrl as Url
from prelabel_worker import logs
from prelabel_worker.cli import needs_extra
from prelabel_worker.cli.lazy_group import ExtraMissing
from prelabel_worker.cli.shared.configuration import settings_for
from prelabel_worker.cli.shared.connection import connect
from prelabel_worker.cli.shared.interrupts import interrupts
from prelabel_worker.cli.shared.parameters import sharing
from prelabel_worker.cli.shared.terminal import DONE_WITH_DEAD, RedisUrl, ServiceAway, usage
from prelabel_worker.settings import Settings

_FRAME_SECONDS = 1.0
_SOCKET_SECONDS = 10.0
_CLOSE_SECONDS = 5.0
_MIB = 1024 * 1024
_FRAMES_CONSUMER = "frames"


class Form(StrEnum):
    """The form of the records."""

    JSON = "json"
    DEEPSTREAM = "deepstream"
    SAGEMAKER = "sagemaker"


@dataclass(frozen=True, slots=True)
class Bridging:
    """What all bridges have in common. Each field is a parameter of every command."""

    project: Annotated[
        str | None, typer.Option("--project", "-p", help="The project of records that do not name one.")
    ] = None
    mapping: Annotated[
        Path | None, typer.Option(help="A mapping.toml: from the records of your models to messages.")
    ] = None
    ontology: Annotated[
        Path | None, typer.Option(help="Check the mapping's names against this file of `ontology show --json`.")
    ] = None
    model: Annotated[str | None, typer.Option(help="The model's name.")] = None
    global_key: Annotated[
        str | None, typer.Option(help="Template of a data row's global key, such as {body.image}.")
    ] = None
    form: Annotated[Form, typer.Option("--format", help="The form of the records.")] = Form.JSON
    bad_records: Annotated[
        Path, typer.Option(metavar="FILE", help="Where records are kept that cannot be published, as NDJSON.")
    ] = Path("bad-records.ndjson")
    bad_records_mb: Annotated[int, typer.Option(min=1, max=10_000, help="The file's maximum size.")] = 64
    metrics: Annotated[Path | None, typer.Option(metavar="FILE", help="Write metrics for a file collector here.")] = (
        None
    )
    once: Annotated[bool, typer.Option("--once", help="End when the source has nothing more.")] = False
    redis_url: RedisUrl = None

    def run(self, source: str, settings: Settings, open_feed: Callable[[Rows], Feed]) -> None:
        """Run a bridge until a signal stops it, or with --once until the source has nothing more."""
        if self.ontology and not self.mapping:
            usage("--ontology checks a mapping: name it with --mapping")
        read = read_mapping(self.mapping, ontology=self.ontology) if self.mapping else PredictionMapping()
        mapping = read.with_defaults(self.project, self.model, self.global_key)
        rows: Rows = FrameRows(_FRAME_SECONDS) if self.form == Form.DEEPSTREAM else SingleRows()
        if self.form == Form.SAGEMAKER:
            rows = SingleRows(opened)
        try:
            bad_records = BadRecords(self.bad_records, self.bad_records_mb * _MIB)
        except OSError as error:
            usage(f"--bad-records {self.bad_records}: {error.strerror}")
        logs.set_up(settings)
        logs.capture()
        self._await_redis(settings)
        publisher = Publisher(
            settings.redis_url.get_secret_value(), key_prefix=settings.key_prefix, durability=settings.durability
        )
        counts, stop = Counts(), threading.Event()
        feed = open_feed(rows)
        bridge = Bridge(
            source, feed, rows, mapping, publisher, bad_records, counts, Health(), stop, self.once, self.metrics
        )
        try:
            with interrupts(stop):
                bridge.run()
        except SourceAway as error:
            raise ServiceAway(str(error)) from None
        finally:
            with suppress(RedisUnavailable):  # what Redis does not have was not acknowledged: it comes again
                publisher.close(0.0 if bridge.health.waits_for else _CLOSE_SECONDS)
            feed.close()
            bad_records.close()
        if self.once and counts.bad:
            raise typer.Exit(DONE_WITH_DEAD)

    def _await_redis(self, settings: Settings) -> None:
        """Refuse settings with which no waiting helps; a Redis that is down is waited for, unless with --once."""
        try:
            connect(settings).close()
        except ServiceAway:
            if self.once:
                raise


bridging = sharing(Bridging, "options")
"""Decorates a command with the options of all bridges; the command receives them as `options`."""


@bridging
def redis_stream(
    stream: Annotated[str, typer.Argument(metavar="STREAM", help="The stream's key.")],
    options: Bridging = Bridging(),
    group: Annotated[str, typer.Option(help="The consumer group; it is created if it is missing.")] = "prelabel",
    consumer: Annotated[
        str | None, typer.Option(help="This bridge's name in the group; by default the host's name.")
    ] = None,
    field: Annotated[
        str | None,
        typer.Option(help="The field with the record; by default metadata, body, payload, data, or the only one."),
    ] = None,
    claim_after: Annotated[
        float, typer.Option(min=1, help="Seconds after which records of another consumer are taken over.")
    ] = 60,
    source_url: Annotated[
        str | None,
        typer.Option(envvar="PRELABEL_BRIDGE_REDIS_URL", help="The Redis with the stream, if it is another one."),
    ] = None,
) -> None:
    """Publish the records of a Redis stream.

    Exit code 1 with --once when records could not be published, 4 when the source does not answer.

    Example: prelabel bridge redis detections --project demo-project --mapping mapping.toml
    """
    settings = settings_for(options.redis_url)
    url = Url.parse(source_url) if source_url else settings.state

    def open_feed(rows: Rows) -> Feed:
        # The objects of a frame must come to one process, also after a crash: there is one consumer, always the same.
        name = _FRAMES_CONSUMER if rows.gathers else consumer or socket.gethostname()
        client = open_client(url, _SOCKET_SECONDS)
        return RedisStream(client, f"Redis at {url}", stream, group, name, field=field, claim_seconds=claim_after)

    if consumer and options.form == Form.DEEPSTREAM:
        usage(
            "--consumer means nothing to --format deepstream: one bridge reads the stream, since frames must stay whole"
        )
    options.run("redis", settings, open_feed)


@bridging
def folder(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder; files in folders below it are found too.")],
    options: Bridging = Bridging(),
    pattern: Annotated[
        list[str] | None, typer.Option(help=f"Which files to read; by default {' and '.join(PATTERNS)}.")
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help=f"Where to keep how far files were read; by default DIR/{STATE_NAME}."),
    ] = None,
) -> None:
    """Publish the lines of JSON files in a folder, as they grow.

    Rotated, truncated and packed files are followed. Exit code 1 with --once when records could not be published.

    Example: prelabel bridge folder /var/lib/models/predictions --mapping mapping.toml --project demo-project
    """
    if not folder.is_dir():
        usage(f"{folder}: no such folder")
    settings = settings_for(options.redis_url)
    never = [path for path in (options.bad_records, options.metrics) if path is not None]
    place = state or folder / STATE_NAME
    options.run(
        "folder",
        settings,
        lambda _: Folder(folder, place, pattern or PATTERNS, never=never, patient=not options.once),
    )


@bridging
def kafka(
    topic: Annotated[str, typer.Argument(metavar="TOPIC", help="The topic.")],
    options: Bridging = Bridging(),
    brokers: Annotated[
        str | None, typer.Option(envvar="PRELABEL_BRIDGE_KAFKA_BROKERS", help="HOST:PORT, several with commas.")
    ] = None,
    group: Annotated[str, typer.Option(help="The consumer group.")] = "prelabel",
    config: Annotated[
        Path | None, typer.Option(help="A file with more of librdkafka's settings, KEY=VALUE in each line.")
    ] = None,
) -> None:
    """Publish the records of a Kafka topic.

    Exit code 1 with --once when records could not be published, 4 when the source does not answer.

    Example: prelabel bridge kafka detections --brokers kafka:9092 --mapping mapping.toml --project demo-project
    """
    try:
        from prelabel.bridges.kafka import KafkaTopic
    except ModuleNotFoundError:
        raise ExtraMissing(needs_extra("kafka")) from None
    chosen = _properties(config) if config else {}
    if brokers:
        chosen["bootstrap.servers"] = brokers
    if "bootstrap.servers" not in chosen:
        usage("--brokers is missing: which Kafka is it?")

    def open_feed(_: Rows) -> Feed:
        try:
            return KafkaTopic(topic, {"group.id": group, **chosen})
        except ValueError as error:
            usage(str(error))

    options.run("kafka", settings_for(options.redis_url), open_feed)


@bridging
def nats(
    subject: Annotated[str, typer.Argument(metavar="SUBJECT", help="The subject, which a stream must keep.")],
    options: Bridging = Bridging(),
    server: Annotated[
        str, typer.Option(envvar="PRELABEL_BRIDGE_NATS_URL", help="The server's URL.")
    ] = "nats://localhost:4222",
    durable: Annotated[str, typer.Option(help="The durable consumer; it is created if it is missing.")] = "prelabel",
    credentials: Annotated[Path | None, typer.Option(help="A file of credentials.")] = None,
    ack_seconds: Annotated[
        float, typer.Option(min=1, help="Seconds after which an unacknowledged message comes again.")
    ] = 60,
) -> None:
    """Publish the messages of a NATS JetStream subject.

    Exit code 1 with --once when records could not be published, 4 when the source does not answer.

    Example: prelabel bridge nats 'detections.>' --server nats://nats:4222 --mapping mapping.toml --project demo-project
    """
    try:
        from prelabel.bridges.nats_jetstream import JetStream
    except ModuleNotFoundError:
        raise ExtraMissing(needs_extra("nats")) from None
    _no_frames(options, "nats")
    options.run(
        "nats",
        settings_for(options.redis_url),
        lambda _: JetStream(
            server, subject, durable, credentials=str(credentials) if credentials else None, ack_seconds=ack_seconds
        ),
    )


@bridging
def sqs(
    queue_url: Annotated[str, typer.Argument(metavar="URL", help="The queue's URL.")],
    options: Bridging = Bridging(),
    endpoint: Annotated[
        str | None, typer.Option(envvar="AWS_ENDPOINT_URL_SQS", help="An endpoint other than that of AWS.")
    ] = None,
    visibility: Annotated[
        int, typer.Option(min=10, max=43_200, help="Seconds for which a message is invisible; extended while needed.")
    ] = 60,
) -> None:
    """Publish the messages of an SQS queue; boto3 finds region and keys as for every program of AWS.

    Exit code 1 with --once when records could not be published, 4 when the source does not answer.

    Example: prelabel bridge sqs https://sqs.eu-west-1.amazonaws.com/123456789012/detections --project demo-project
    """
    try:
        from botocore.exceptions import BotoCoreError

        from prelabel.bridges.sqs import Queue
    except ModuleNotFoundError:
        raise ExtraMissing(needs_extra("sqs")) from None
    _no_frames(options, "sqs")

    def open_feed(_: Rows) -> Feed:
        try:
            return Queue(queue_url, endpoint=endpoint, visibility_seconds=visibility)
        except (BotoCoreError, ValueError) as error:
            usage(str(error))

    options.run("sqs", settings_for(options.redis_url), open_feed)


def _properties(path: Path) -> dict[str, str]:
    """Return the settings in a file, which may hold a password. Exit code 2 for a line of another form."""
    properties = {}
    for number, line in enumerate(read_text(path).decode().splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            key, equals, value = line.partition("=")
            if not equals:
                usage(f"{path}, line {number}: expected KEY=VALUE")
            properties[key.strip()] = value.strip()
    return properties


def _no_frames(options: Bridging, source: str) -> None:
    """Refuse a form whose frames may come in parts: these sources deliver each record again by itself."""
    if options.form == Form.DEEPSTREAM:
        usage(f"bridge {source} does not read --format deepstream: it could not keep frames whole; use redis or kafka")
