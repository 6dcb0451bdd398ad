"""CloudEvents 1.0 over HTTP: binary, structured, and batches of structured ones; and KServe's payload logger.

The library `cloudevents` reads and checks attributes. The data is read here, with the bounds of any other body, and as
JSON whatever its content type says: KServe's logger gives an answer the content type of the request.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from cloudevents.core.bindings.http import HTTPMessage, from_binary
from cloudevents.core.exceptions import BaseCloudEventException, CloudEventValidationError
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from dateutil.parser import isoparse

from prelabel.errors import MalformedMessage, MessageError, Reason, found_value, shorten
from prelabel.gateway.inference import decoded
from prelabel.mapping import Incoming

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
_REQUIRED = ("id", "source", "specversion", "type")
_PREFIX = "ce-"
_KSERVE = "org.kubeflow.serving.inference."
_KSERVE_REQUEST = f"{_KSERVE}request"


@dataclass(frozen=True, slots=True)
class Event:
    """A CloudEvent with its data."""

    #: What the mapping gets.
    incoming: Incoming
    #: The id of its messages, the same whenever the event is delivered.
    message_id: str
    #: Whether it holds a model's input, which KServe's logger sends too when its mode is `all`.
    is_request: bool


def is_binary(headers: Mapping[str, str]) -> bool:
    """Return whether headers are those of an event in binary mode."""
    return any(name.startswith(_PREFIX) for name in headers)


def read_binary(headers: Mapping[str, str], data: bytes) -> Event:
    """Return the event of a request in binary mode. Raises MessageError."""
    own = {name: value for name, value in headers.items() if name.startswith(_PREFIX) or name == "content-type"}
    _check_present({name.removeprefix(_PREFIX): value for name, value in own.items()}, _PREFIX)
    try:
        attributes = from_binary(HTTPMessage(own, b""), JSONFormat(), CloudEvent).get_attributes()
    except (BaseCloudEventException, ValueError, OverflowError) as error:
        raise _malformed("", _words(error), "the attributes of a CloudEvent 1.0 in headers ce-…") from None
    is_request = attributes["type"] == _KSERVE_REQUEST  # it is left out, so its binary tensors are not looked at
    return _event(attributes, {} if is_request else decoded(data, headers) if data.strip() else None, headers)


def read_structured(raw: bytes, headers: Mapping[str, str]) -> Event:
    """Return an event that is one JSON document. Raises MessageError."""
    document = decoded(raw, {}) if raw.strip() else None
    if not isinstance(document, dict):
        raise _malformed("", found_value(document), "a CloudEvent, which is a JSON object")
    _check_present(document, "")
    if "data_base64" in document:
        raise _malformed("data_base64", found_value(document["data_base64"]), "JSON in `data`, not bytes")
    data = document.pop("data", None)
    try:
        if "time" in document:
            document["time"] = isoparse(document["time"])
        attributes = CloudEvent(document).get_attributes()
    except (BaseCloudEventException, ValueError, TypeError, OverflowError) as error:
        raise _malformed("", _words(error), "the attributes of a CloudEvent 1.0") from None
    return _event(attributes, data, headers)


def _check_present(attributes: Mapping[str, Any], prefix: str) -> None:
    """Raise MessageError for an event without a required attribute; the library would make up an id."""
    for name in _REQUIRED:
        if not attributes.get(name):
            found = "nothing" if attributes.get(name) is None else found_value(attributes[name])
            raise _malformed(f"{prefix}{name}", found, f"the attribute `{name}` of a CloudEvent 1.0")


def _event(attributes: dict[str, Any], data: Any, headers: Mapping[str, str]) -> Event:
    if data is None:
        raise _malformed("data", "nothing", "a message, or the output of a model, as JSON")
    time = attributes.get("time")
    facts = {**attributes, "time": time.isoformat()} if time is not None else attributes
    kind, source, own_id = attributes["type"], attributes["source"], attributes["id"]
    if kind.startswith(_KSERVE):
        headers = {**headers, **_request_headers(attributes.get("metadata"))}
    return Event(Incoming(data, headers, facts), message_id(source, own_id), kind == _KSERVE_REQUEST)


def message_id(source: str, event_id: str) -> str:
    """Return the id of an event's messages: source and id of an event together name it, whoever delivers it."""
    text = f"{len(source)}:{source}{event_id}"
    return f"event-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"


def _request_headers(metadata: Any) -> dict[str, str]:
    """Return the headers of the request to the model that KServe's logger was told to pass on (`metadataHeaders`)."""
    try:
        headers = orjson.loads(metadata)
        return {name.lower(): str(values[0]) for name, values in headers.items() if values}
    except (TypeError, ValueError, AttributeError, KeyError):
        return {}


def _words(error: Exception) -> str:
    if isinstance(error, CloudEventValidationError):
        return shorten("; ".join(str(one) for several in error.errors.values() for one in several))
    return shorten(str(error))


def _malformed(path: str, found: str, expected: str) -> MessageError:
    return MalformedMessage(Reason.MALFORMED_MESSAGE, path, found, expected)
