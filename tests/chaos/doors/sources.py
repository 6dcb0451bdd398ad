"""The brokers and the folder that bridges read, and how a fleet writes to each. Nothing is written twice.

A `write` that does not reach its broker raises one of `ERRORS`; the same record is written again then.
"""

import asyncio
import gzip
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import boto3
import nats
import redis
from botocore.exceptions import BotoCoreError, ClientError
from confluent_kafka import KafkaException, Producer
from redis.backoff import NoBackoff
from redis.retry import Retry

from prelabel_worker.stack.redis_server import find_redis_server, free_port
from tests.chaos.doors.records import Flaw

ERRORS = (OSError, TimeoutError, redis.RedisError, nats.errors.Error, BotoCoreError, ClientError, KafkaException)
ACK_SECONDS = 5
"""After which NATS delivers again what a killed bridge had."""
_VISIBILITY_SECONDS = 10
"""The same of SQS; no bridge takes less."""
_SESSION_MS = 6000
AWS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "eu-west-1"}
_TOPIC = "detections"
_ROTATE_LINES = 60


class Source(Protocol):
    """A place that bridges read."""

    #: The bridges that share it.
    bridges: tuple[str, ...]
    #: Whether it delivers the records of a data row in their order.
    is_ordered: bool
    #: Flaws that the broker itself does not let through.
    unfit: tuple[Flaw, ...]

    def words(self) -> list[str]:
        """Return the words of `prelabel bridge`."""
        ...

    def write(self, number: int, raw: bytes, partition: int) -> None:
        """Write a record durably. Raises one of ERRORS; the caller then writes it again."""
        ...

    def close(self) -> None:
        """Leave the broker. Called on the thread that writes."""
        ...


class Stream:
    """A stream in a Redis of its own. The number of a record is its id, so that a repeat is recognised."""

    bridges = ("stream",)
    is_ordered = True
    unfit = ()

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._client = redis.Redis(port=self._port, socket_timeout=3, retry=Retry(NoBackoff(), 0))

    def server(self) -> list[str]:
        """Return the command of the server."""
        self._folder.mkdir(exist_ok=True)
        options = ["--bind", "127.0.0.1", "--dir", str(self._folder), "--save", "", "--appendonly", "yes"]
        return [str(find_redis_server()), "--port", str(self._port), *options, "--appendfsync", "always"]

    def words(self) -> list[str]:
        return ["redis", "detections", "--source-url", f"redis://127.0.0.1:{self._port}/0"]

    def write(self, number: int, raw: bytes, partition: int) -> None:
        try:
            self._client.xadd("detections", {"body": raw}, id=f"{number + 1}-0")
        except redis.ResponseError as error:
            if "equal or smaller" not in str(error):
                raise

    def close(self) -> None:
        self._client.close()


class Watched:
    """A folder with a log that is rotated in turn by renaming, copying and packing, and whose lines come in halves."""

    bridges = ("folder",)
    is_ordered = True
    unfit = ()

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._log = folder / "frames.jsonl"
        folder.mkdir()

    def words(self) -> list[str]:
        return ["folder", str(self._folder)]

    def write(self, number: int, raw: bytes, partition: int) -> None:
        half = len(raw) // 2 if number % 3 == 0 else len(raw)
        for part in (raw[:half], raw[half:] + b"\n"):
            with open(self._log, "ab") as file:
                file.write(part)
        if number % _ROTATE_LINES == _ROTATE_LINES - 1:
            self._rotate(number // _ROTATE_LINES)

    def close(self) -> None:
        """Nothing is open."""

    def _rotate(self, turn: int) -> None:
        old = self._folder / f"frames.jsonl.{turn}"
        if turn % 3 == 1:
            shutil.copy(self._log, old)
            with open(self._log, "r+b") as file:
                file.truncate()
            return
        self._log.rename(old)
        if turn % 3 == 2:
            with open(old, "rb") as plain, gzip.open(f"{old}.gz", "wb") as packed:
                shutil.copyfileobj(plain, packed)
            old.unlink()


class Topic:
    """A topic of librdkafka's mock cluster, which lives in this process, and two bridges of one group.

    A bridge that waits for Redis, or is stopped, may publish what it had after the bridge that got its partition.
    """

    bridges = ("kafka", "kafka-2")
    is_ordered = False
    unfit = (Flaw.OVERSIZE,)

    def __init__(self, folder: Path) -> None:
        self._producer = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "ignored", "log_level": 0})
        metadata = self._producer.list_topics(timeout=10)
        self._brokers = ",".join(f"{broker.host}:{broker.port}" for broker in metadata.brokers.values())
        self._config = folder / "kafka.properties"
        self._config.write_text(f"session.timeout.ms={_SESSION_MS}\nheartbeat.interval.ms=500\n")

    def words(self) -> list[str]:
        return ["kafka", _TOPIC, "--brokers", self._brokers, "--config", str(self._config)]

    def write(self, number: int, raw: bytes, partition: int) -> None:
        self._producer.produce(_TOPIC, raw, partition=partition)
        if self._producer.flush(30):
            raise TimeoutError("Kafka's mock cluster does not answer")

    def close(self) -> None:
        """The cluster lives in the producer: bridges still read."""


class Jetstream:
    """A stream of a nats-server of our own, which removes repeats by their ids."""

    bridges = ("nats",)
    is_ordered = False
    unfit = (Flaw.OVERSIZE,)

    def __init__(self, folder: Path, program: str) -> None:
        self._folder = folder
        self._program = program
        self._port = free_port()
        self._loop = asyncio.new_event_loop()
        self._client: Any = None

    def server(self) -> list[str]:
        """Return the command of the server."""
        return [self._program, "-js", "-sd", str(self._folder), "-a", "127.0.0.1", "-p", str(self._port)]

    def words(self) -> list[str]:
        url = f"nats://127.0.0.1:{self._port}"
        return ["nats", "detections.>", "--server", url, "--ack-seconds", str(ACK_SECONDS)]

    def write(self, number: int, raw: bytes, partition: int) -> None:
        self._loop.run_until_complete(self._write(number, raw))

    async def _write(self, number: int, raw: bytes) -> None:
        try:
            if self._client is None:
                url = f"nats://127.0.0.1:{self._port}"
                self._client = await nats.connect(url, allow_reconnect=False, connect_timeout=3, error_cb=_ignore)
                await self._client.jetstream().add_stream(name="detections", subjects=["detections.>"])
            headers = {"Nats-Msg-Id": str(number)}
            await self._client.jetstream().publish("detections.cam", raw, timeout=3, headers=headers)
        except ERRORS:
            await self._leave()
            raise

    async def _leave(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    def close(self) -> None:
        self._loop.run_until_complete(self._leave())
        self._loop.close()


async def _ignore(_: Exception) -> None:
    """Do not log the errors of a server that was killed."""


class Sqs:
    """A queue of moto's server."""

    bridges = ("sqs",)
    is_ordered = False
    unfit = (Flaw.OVERSIZE, Flaw.NOT_TEXT)

    def __init__(self, program: str) -> None:
        self._program = program
        self._port = free_port()
        self._endpoint = f"http://127.0.0.1:{self._port}"
        self._client: Any = None
        self._url = f"{self._endpoint}/123456789012/detections"

    def server(self) -> list[str]:
        """Return the command of the server."""
        return [self._program, "-H", "127.0.0.1", "-p", str(self._port)]

    def words(self) -> list[str]:
        return ["sqs", self._url, "--endpoint", self._endpoint, "--visibility", str(_VISIBILITY_SECONDS)]

    def write(self, number: int, raw: bytes, partition: int) -> None:
        if self._client is None:
            names = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "eu-west-1"}
            client: Any = boto3.client("sqs", endpoint_url=self._endpoint, **names)
            client.create_queue(QueueName="detections")
            self._client = client
        self._client.send_message(QueueUrl=self._url, MessageBody=raw.decode())

    def close(self) -> None:
        self._client.close()


def sources(folder: Path, tell: Callable[[str], None]) -> dict[str, Source]:
    """Return the sources that can be had here, by project; `tell` gets a line for each of the others."""
    found: dict[str, Source] = {
        "doors-stream": Stream(folder / "stream-redis"),
        "doors-folder": Watched(folder / "watched"),
        "doors-kafka": Topic(folder),
    }
    program = shutil.which("nats-server") or shutil.which("nats-server", path="/usr/sbin:/usr/local/sbin")
    if program:
        found["doors-nats"] = Jetstream(folder / "nats", program)
    else:
        tell("there is no nats-server on this machine: no bridge for NATS")
    program = shutil.which("moto_server")
    if program:
        found["doors-sqs"] = Sqs(program)
    else:
        tell("there is no moto_server on this machine: no bridge for SQS")
    return found
