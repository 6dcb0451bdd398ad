"""What a gateway is given: its limits, and what it publishes with."""

from dataclasses import dataclass, field
from pathlib import Path

from prelabel.mapping import PredictionMapping
from prelabel.publishing.options import PublisherSettings
from prelabel.wire.durability import Durability

_MIB = 1024 * 1024
JSON_BYTES = 8 * _MIB
"""Maximum bytes of a body that is one JSON document: it is held in memory as a whole. NDJSON is read as it comes."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of requests."""

    #: Maximum bytes of a body as it is sent.
    body_bytes: int = 64 * _MIB
    #: Maximum bytes of a body once it is unpacked.
    unpacked_bytes: int = 512 * _MIB
    #: Maximum rows of a request.
    rows: int = 100_000
    #: How long a body may take to come.
    body_seconds: float = 60.0
    #: How long an answer waits until rows are safe.
    answer_seconds: float = 10.0
    #: Maximum requests that are read or answered at a time.
    requests: int = 64


@dataclass(frozen=True, slots=True)
class Settings:
    """How a gateway publishes; the publisher's options have their meaning from `Publisher`."""

    #: The Redis to publish to; None for that of the environment or of the running stack.
    redis_url: str | None = None
    key_prefix: str = PublisherSettings.key_prefix
    durability: Durability = PublisherSettings.durability
    spool_dir: Path | None = None
    spool_bytes: int = PublisherSettings.spool_bytes
    buffer_rows: int = PublisherSettings.max_rows
    #: What makes messages of bodies; None publishes messages as they are.
    mapping: PredictionMapping | None = None
    #: The limits of requests.
    limits: Limits = field(default_factory=Limits)
