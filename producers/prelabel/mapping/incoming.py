"""A record as a source delivers it, before it is a message."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Incoming:
    """One record, and what its source says about it."""

    #: The decoded JSON: a message, plain annotations, or the output of a model.
    body: Any
    #: Headers of HTTP, Kafka or NATS, attributes of SQS. The names are in lower case.
    header: Mapping[str, str] = field(default_factory=dict)
    #: The attributes of a CloudEvent.
    event: Mapping[str, Any] = field(default_factory=dict)
    #: What the source itself knows: `key`, `topic`, `subject`, `stream`, `id`, `file`, `line`.
    record: Mapping[str, Any] = field(default_factory=dict)
