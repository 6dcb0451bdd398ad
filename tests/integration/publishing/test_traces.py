"""The spans of publishers: joined to the spans of their callers, and never a reason to lose a row."""

import asyncio
from collections.abc import Iterator

import pytest
import redis
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from prelabel import AsyncPublisher, Publisher, RedisUnavailable, tracing
from prelabel.tracing import MAX_TRACES
from prelabel.wire.frame import traces_of
from prelabel.wire.keys import ProjectKeys
from prelabel_worker.stack.redis_server import free_port
from tests.support.publishing import message, published
from tests.support.spans import Spans, links_of, recorded_spans, trace_of
from tests.support.waiting import wait_for


@pytest.fixture
def spans() -> Iterator[Spans]:
    with recorded_spans() as recorded:
        yield recorded


def request() -> "trace.Tracer":
    return trace.get_tracer("server")


def traces_in_redis(client: "redis.Redis", prefix: str) -> set[str]:
    frames = client.hvals(ProjectKeys(prefix, "p").frames)
    return {context[:16].hex() for frame in frames for context in traces_of(frame)}


def test_rows_of_one_request_are_sent_in_its_trace(
    redis_url: str, client: "redis.Redis", prefix: str, spans: Spans
) -> None:
    with Publisher(redis_url, key_prefix=prefix, linger_seconds=3600) as publisher:
        with request().start_as_current_span("request") as caller:
            publisher.publish(message("a"))
            publisher.publish(message("b"))
        publisher.flush(10)

    (span,) = spans.named("publish")
    assert span.parent is not None
    assert span.parent.span_id == caller.get_span_context().span_id
    assert span.kind is SpanKind.CLIENT
    assert dict(span.attributes or {}) == {
        "prelabel.project": "p",
        "prelabel.rows": 2,
        "prelabel.projects": 1,
        "prelabel.frames": len(client.hkeys(ProjectKeys(prefix, "p").frames)),
    }
    assert traces_in_redis(client, prefix) == {trace_of(span)}


def test_rows_of_many_requests_are_sent_in_a_trace_that_is_linked_to_theirs(
    redis_url: str, client: "redis.Redis", prefix: str, spans: Spans
) -> None:
    callers = []
    with Publisher(redis_url, key_prefix=prefix, linger_seconds=3600) as publisher:
        for n in range(MAX_TRACES + 10):
            with request().start_as_current_span("request") as caller:
                publisher.publish(message(f"k{n}"))
            callers.append(trace.format_trace_id(caller.get_span_context().trace_id))
        publisher.flush(10)

    (span,) = spans.named("publish")
    assert span.parent is None
    assert links_of(span) == callers[:MAX_TRACES]
    assert traces_in_redis(client, prefix) == {*callers}


def test_rows_without_a_request_have_the_trace_of_their_sending(
    redis_url: str, client: "redis.Redis", prefix: str, spans: Spans
) -> None:
    with Publisher(redis_url, key_prefix=prefix, linger_seconds=3600) as publisher:
        with request().start_as_current_span("request") as caller:
            publisher.publish(message("a"))
        publisher.publish(message("b"))
        publisher.flush(10)

    (span,) = spans.named("publish")
    theirs = trace.format_trace_id(caller.get_span_context().trace_id)
    assert span.kind is SpanKind.PRODUCER
    assert links_of(span) == [theirs]
    assert traces_in_redis(client, prefix) == {theirs, trace_of(span)}


def test_a_request_that_is_not_recorded_is_not_named(
    redis_url: str, client: "redis.Redis", prefix: str, spans: Spans
) -> None:
    not_sampled = trace.SpanContext(1, 2, is_remote=False, trace_flags=trace.TraceFlags(0))
    with Publisher(redis_url, key_prefix=prefix, linger_seconds=3600) as publisher:
        with trace.use_span(trace.NonRecordingSpan(not_sampled)):
            publisher.publish(message("a"))
        publisher.flush(10)

    (span,) = spans.named("publish")
    assert links_of(span) == []
    assert traces_in_redis(client, prefix) == {trace_of(span)}


def test_tasks_publish_in_their_own_traces(redis_url: str, client: "redis.Redis", prefix: str, spans: Spans) -> None:
    async def publish(publisher: AsyncPublisher, key: str) -> str:
        with request().start_as_current_span("request") as caller:
            await publisher.publish(message(key))
        return trace.format_trace_id(caller.get_span_context().trace_id)

    async def publish_both() -> list[str]:
        async with AsyncPublisher(redis_url, key_prefix=prefix, linger_seconds=3600) as publisher:
            return await asyncio.gather(publish(publisher, "a"), publish(publisher, "b"))

    callers = asyncio.run(publish_both())

    assert traces_in_redis(client, prefix) == {*callers}
    assert len(spans.named("publish")) == 1


def test_a_send_that_fails_is_a_span_that_failed_without_the_error_s_text(spans: Spans, prefix: str) -> None:
    publisher = Publisher(f"redis://localhost:{free_port()}/0", key_prefix=prefix)
    publisher.publish(message("a"))
    wait_for(lambda: spans.named("publish"), "a send to fail")
    with pytest.raises(RedisUnavailable):
        publisher.close(0.1)

    first, *_ = spans.named("publish")
    assert first.status.status_code is StatusCode.ERROR
    assert first.status.description is None
    assert (first.attributes or {})["error.type"] == "ConnectionError"
    assert list(first.events) == []


def test_with_the_conventions_for_messaging_a_span_has_their_attributes(
    redis_url: str, prefix: str, spans: Spans, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracing, "_MESSAGING", True)
    with Publisher(redis_url, key_prefix=prefix, linger_seconds=3600) as publisher:
        publisher.publish(message("a"))

    (span,) = spans.named("publish")
    stable = {name: value for name, value in (span.attributes or {}).items() if name.startswith("messaging.")}
    assert stable == {
        "messaging.system": "prelabel",
        "messaging.operation.name": "publish",
        "messaging.operation.type": "send",
        "messaging.destination.name": "p",
        "messaging.batch.message_count": 1,
    }


class Broken(trace.NonRecordingSpan):
    """A span, or a tracer, of a provider that fails."""

    def end(self, end_time: int | None = None) -> None:
        raise ValueError("a processor fails at the end")

    def get_span_context(self) -> trace.SpanContext:
        raise ValueError("a span without a context")

    def start_span(self, *_: object, **__: object) -> trace.Span:
        raise ValueError("a processor fails at the start")


class EndsBadly:
    """A tracer whose spans cannot end."""

    def start_span(self, *_: object, **__: object) -> trace.Span:
        return Broken(trace.INVALID_SPAN_CONTEXT)


@pytest.mark.parametrize("tracer", [Broken(trace.INVALID_SPAN_CONTEXT), EndsBadly()])
def test_a_tracer_provider_that_fails_costs_no_row(
    redis_url: str,
    client: "redis.Redis",
    prefix: str,
    tracer: object,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(trace, "get_tracer", lambda *_: tracer)
    tracing._log_once.cache_clear()
    with Publisher(redis_url, key_prefix=prefix) as publisher:
        for key in ("a", "b"):
            with trace.use_span(Broken(trace.INVALID_SPAN_CONTEXT)):
                publisher.publish(message(key))
            publisher.flush(10)

    assert published(client, prefix) == 2
    assert [record.getMessage() for record in caplog.records if record.name == "prelabel.tracing"] == [
        "spans are lost: the tracer provider of this program fails"
    ]


def test_rows_that_went_to_the_disk_keep_their_traces(
    redis_url: str, client: "redis.Redis", prefix: str, spans: Spans, tmp_path: object
) -> None:
    away = Publisher(f"redis://localhost:{free_port()}/0", key_prefix=prefix, spool_dir=str(tmp_path))
    with request().start_as_current_span("request") as caller:
        away.publish(message("a"))
    away.close(0.1)
    assert away.spooled_rows == 1

    with Publisher(redis_url, key_prefix=prefix, spool_dir=str(tmp_path)) as publisher:
        publisher.publish(message("b"))
        publisher.flush(30)

    assert published(client, prefix) == 2
    assert trace.format_trace_id(caller.get_span_context().trace_id) in traces_in_redis(client, prefix)
