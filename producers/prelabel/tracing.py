"""Traces, by OpenTelemetry: the trace that a row belongs to, and the spans about its way.

OpenTelemetry is used where the program has loaded it, and never loaded here: a producer traces by setting up a tracer
provider, a worker where the environment names a collector. In other programs all of this does nothing.
docs/how-to/trace.md has the spans.
"""

import logging
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from threading import Thread
from typing import Any, Literal

MAX_TRACES = 32
"""Maximum number of traces that a frame names, and that a span is linked to."""
CONTEXT_BYTES = 24
"""A trace context as frames hold it: 16 bytes of the trace's id, 8 of the span's."""
_TRACEPARENT = re.compile(rb'"traceparent"\s*:\s*"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]([0-9a-f])')
_FLUSH_SECONDS = 5.0
_SAMPLED = 1
_log = logging.getLogger("prelabel.tracing")

Attributes = Mapping[str, str | int | bool]
Kind = Literal["PRODUCER", "CONSUMER", "CLIENT"]
Operation = Literal["send", "process", "settle"]
"""What a span does to messages, in the words of the semantic conventions."""


def opted_in(stability: str) -> bool:
    """Return whether spans have the attributes of the conventions for messaging too, which may still change."""
    return not {"messaging", "messaging/dup"}.isdisjoint(word.strip() for word in stability.split(","))


_MESSAGING = opted_in(os.environ.get("OTEL_SEMCONV_STABILITY_OPT_IN", ""))


def collector_is_named() -> bool:
    """Return whether the environment says where spans go, in OpenTelemetry's own variables."""
    named = any(map(os.environ.get, ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")))
    return (
        named
        and os.environ.get("OTEL_SDK_DISABLED", "").lower() != "true"
        and os.environ.get("OTEL_TRACES_EXPORTER", "otlp") == "otlp"
    )


def in_use() -> bool:
    """Return whether this program uses OpenTelemetry."""
    return _api() is not None


def _api() -> Any:
    """Return the module `opentelemetry.trace`, or None in a program that does not use it."""
    return sys.modules.get("opentelemetry.trace")


def current() -> bytes:
    """Return the context of the span that the caller is in; empty where there is none, or none that is recorded.

    It is called for every row, so it looks at a context of OpenTelemetry once, however many rows are published in it.
    """
    global _get_context, _last
    if _get_context is None:
        contexts = sys.modules.get("opentelemetry.context")
        if contexts is None:
            return b""
        _get_context = contexts.get_current
    context, last = _get_context(), _last
    if context is not last[0]:
        _last = last = context, _recorded(context)
    return last[1]


_get_context: Callable[[], Any] | None = None
_last: tuple[Any, bytes] = None, b""
"""The context of the last call of `current`, which nothing changes, and the answer; threads may replace it."""


def _recorded(context: Any) -> bytes:
    """Return what `current` does, for one of OpenTelemetry's contexts."""
    api = _api()
    with _surviving():
        return _packed(api.get_current_span(context).get_span_context()) if api is not None else b""
    return b""


def _packed(context: Any) -> bytes:
    """Return the context of a span in 24 bytes, or none if it is not sampled."""
    if not context.trace_flags & _SAMPLED:
        return b""
    packed: bytes = context.trace_id.to_bytes(16, "big") + context.span_id.to_bytes(8, "big")
    return packed


def distinct(contexts: Iterable[bytes], instead: bytes = b"") -> list[bytes]:
    """Return the first `MAX_TRACES` different contexts; an empty one becomes `instead`, or is left out."""
    named = [context or instead for context in dict.fromkeys(contexts)][: MAX_TRACES + 1]
    return [context for context in dict.fromkeys(named) if context][:MAX_TRACES]


def traces_in(messages: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the contexts that messages name in their own field `traceparent`, if their trace is recorded."""
    for message in messages:
        match = _TRACEPARENT.search(message) if b'"traceparent"' in message else None
        if match is not None and int(match[3], 16) & _SAMPLED:
            yield bytes.fromhex((match[1] + match[2]).decode())


@dataclass(slots=True)
class Span:
    """A span that is open; without OpenTelemetry, one that records nothing."""

    #: OpenTelemetry's span; None without it.
    of_api: Any = None
    #: The contexts that it is linked to.
    links: set[bytes] = field(default_factory=set)

    @property
    def recording(self) -> bool:
        """Return whether anything that is set here has an effect."""
        return self.of_api is not None and self.of_api.is_recording()

    @property
    def context(self) -> bytes:
        """Return its context; empty if it is not recorded."""
        return _packed(self.of_api.get_span_context()) if self.recording else b""

    def set(self, **attributes: str | int | bool) -> None:
        """Set attributes; their names get the prefix `prelabel.`."""
        if self.recording:
            self.of_api.set_attributes({f"prelabel.{name}": value for name, value in attributes.items()})

    def count(self, messages: int) -> None:
        """Set the number of messages that the span is about."""
        self.set(rows=messages)
        if self.recording and _MESSAGING:
            self.of_api.set_attribute("messaging.batch.message_count", messages)

    def link(self, contexts: Iterable[bytes]) -> None:
        """Link the span to the spans that these contexts name, until it has `MAX_TRACES` links."""
        if not self.recording:
            return
        for context in contexts:
            if len(self.links) == MAX_TRACES:
                return
            if context not in self.links:
                self.links.add(context)
                self.of_api.add_link(_unpacked(context))

    def fail(self, error: BaseException) -> None:
        """Mark the span as one of something that failed; by the kind of error alone, since its text may quote a row."""
        if self.recording:
            self.of_api.set_attribute("error.type", type(error).__name__)
            self.of_api.set_status(_api().StatusCode.ERROR)


def _unpacked(context: bytes) -> Any:
    api = _api()
    trace_id, span_id = int.from_bytes(context[:16], "big"), int.from_bytes(context[16:], "big")
    return api.SpanContext(trace_id, span_id, is_remote=True, trace_flags=api.TraceFlags(_SAMPLED))


@contextmanager
def span(
    name: str,
    kind: Kind,
    *,
    operation: Operation | None = None,
    project_id: str = "",
    parent: bytes = b"",
    links: Iterable[bytes] = (),
) -> Iterator[Span]:
    """Open a span for the block; its name is also that of the operation.

    It is the current span inside the block, has no parent but `parent`, and is marked as failed by an error. Whatever
    goes wrong with spans, the block runs.
    """
    api, opened = _api(), None
    if api is not None:
        with _surviving():
            opened = _open(api, name, kind, _attributes(name, operation, project_id), parent, distinct(links))
    if opened is None:
        yield Span()
        return
    # The API would write the error's text into the span, which may quote a row.
    with api.use_span(opened.of_api, record_exception=False, set_status_on_exception=False):
        try:
            yield opened
        except BaseException as error:
            opened.fail(error)
            raise
        finally:
            with _surviving():
                opened.of_api.end()


def _open(api: Any, name: str, kind: Kind, attributes: Attributes, parent: bytes, links: Sequence[bytes]) -> Span:
    from prelabel.version import __version__  # takes as long to load as all of this package

    tracer = api.get_tracer("prelabel", __version__)
    opened = tracer.start_span(
        name,
        context=_context(api, parent),
        kind=api.SpanKind[kind],
        attributes=attributes,
        links=[api.Link(_unpacked(context)) for context in links],
    )
    return Span(opened, set(links))


@contextmanager
def _surviving() -> Iterator[None]:
    """Log an error of the program's tracer provider inside the block, once, and continue behind the block."""
    try:
        yield
    except Exception:
        _log_once()


@cache
def _log_once() -> None:
    _log.warning("spans are lost: the tracer provider of this program fails", exc_info=True)


def _context(api: Any, parent: bytes) -> Any:
    remote = api.NonRecordingSpan(_unpacked(parent)) if parent else api.INVALID_SPAN
    return api.set_span_in_context(remote)


def _attributes(name: str, operation: Operation | None, project_id: str) -> Attributes:
    attributes: dict[str, str] = {"prelabel.project": project_id} if project_id else {}
    if _MESSAGING and operation is not None:
        attributes |= {
            "messaging.system": "prelabel",
            "messaging.operation.name": name,
            "messaging.operation.type": operation,
        }
        if project_id:
            attributes["messaging.destination.name"] = project_id
    return attributes


def flush() -> None:
    """Have the program's tracer provider send what it has, for at most 5 s: the collector may be away."""
    api = _api()
    send = getattr(api.get_tracer_provider(), "force_flush", None) if api is not None else None
    if send is not None:
        thread = Thread(target=send, name="prelabel-traces", daemon=True)
        thread.start()
        thread.join(_FLUSH_SECONDS)
