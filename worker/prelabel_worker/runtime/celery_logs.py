"""What Celery logs while a worker runs, as events with fields: it writes sentences, some of them over several lines."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from celery.worker.consumer import consumer


@dataclass(frozen=True, slots=True)
class Event:
    """The event that stands for a message of Celery."""

    #: Its name.
    name: str
    #: Its level, which is Celery's.
    level: str
    #: The fields that the message's arguments become, in their order; "" for one that is left out.
    fields: tuple[str, ...]


EVENTS = {
    ("celery.apps.worker", "%s ready."): Event("celery.ready", "info", ("worker",)),
    ("celery.worker.consumer.connection", "Connected to %s"): Event("celery.connected", "info", ("broker",)),
    ("celery.worker.consumer.consumer", consumer.CONNECTION_ERROR): Event(
        "celery.not_connected", "error", ("broker", "detail", "next")
    ),
    ("celery.worker.consumer.consumer", "%s (%r)"): Event("celery.connection_lost", "warning", ("", "detail")),
}
"""Celery's messages by their logger and their text before the arguments are filled in."""


def translated(logger: str, text: Any, arguments: Any) -> Mapping[str, Any] | None:
    """Return a message of Celery as the fields of an event; None for one that is not in the table."""
    event = EVENTS.get((logger, str(text)))
    if event is None or not isinstance(arguments, tuple) or len(arguments) != len(event.fields):
        return None
    values = {name: str(value).strip() for name, value in zip(event.fields, arguments, strict=True) if name}
    error = next((value for value in arguments if isinstance(value, Exception)), None)
    return {"event": event.name, **({"error": type(error).__name__} if error else {}), **values}
