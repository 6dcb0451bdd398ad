"""Traces: which contexts are taken from messages, and that a program without OpenTelemetry never loads it."""

import subprocess
import sys

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prelabel import tracing
from prelabel_worker.tracing import export

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.mark.parametrize(
    ("words", "opted_in"),
    [("", False), ("http", False), ("messaging", True), ("http, messaging/dup", True), ("messagingx", False)],
)
def test_the_conventions_that_may_change_are_for_those_who_opt_in(words: str, opted_in: bool) -> None:
    assert tracing.opted_in(words) is opted_in


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=8, max_size=8), st.integers(0, 255))
def test_a_message_s_own_trace_is_read_if_it_is_recorded(trace: bytes, span: bytes, flags: int) -> None:
    body = {
        "projectId": "p",
        "traceparent": f"00-{trace.hex()}-{span.hex()}-{flags:02x}",
        "annotations": [{"name": "a"}],
    }

    for option in (0, orjson.OPT_INDENT_2):
        assert list(tracing.traces_in([orjson.dumps(body, option=option)])) == [trace + span] * (flags % 2)


@pytest.mark.parametrize(
    "message",
    [
        {"dataRow": {"globalKey": f'"traceparent":"00-{TRACE}-{SPAN}-01"'}},  # in a text, its quotes are escaped
        {"traceparent": "no context"},
        {"traceparent": f"00-{TRACE}"},
        {"traceparent": None},
        {},
    ],
)
def test_nothing_else_is_taken_for_a_trace(message: object) -> None:
    assert list(tracing.traces_in([orjson.dumps(message)])) == []


@given(st.lists(st.sampled_from([b"", *(bytes([n]) * 24 for n in range(50))])))
def test_traces_are_kept_once_and_up_to_a_bound(contexts: list[bytes]) -> None:
    kept = tracing.distinct(contexts)

    assert len(kept) == min(len({*contexts} - {b""}), tracing.MAX_TRACES)
    assert len({*kept}) == len(kept)
    assert b"" not in kept


@pytest.mark.parametrize(
    ("environment", "state"),
    [
        ({}, "off"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, "on"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, "on"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_SDK_DISABLED": "true"}, "off"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_TRACES_EXPORTER": "none"}, "off"),
    ],
)
def test_a_worker_traces_where_the_environment_names_a_collector(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], state: str
) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert export.state() == state


def test_a_worker_that_lacks_the_extra_says_so_and_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")
    monkeypatch.setattr(export, "_NEEDED", ("opentelemetry.exporter.nothing.such",))

    assert export.state() == "missing"
    export.start()


@pytest.mark.parametrize("code", ["import prelabel_worker.celery", "from prelabel import Publisher"])
def test_without_a_collector_opentelemetry_is_not_loaded(code: str) -> None:
    """redis-py loads the SDK's metrics wherever it is installed; nothing loads what traces need."""
    loaded = "[name for name in sys.modules if name.startswith(('opentelemetry.sdk.trace', 'opentelemetry.exporter'))]"

    for prepare in ("", "sys.modules['opentelemetry'] = None;"):  # the second is as if it was not installed
        ask = f"import sys; {prepare} {code}; print({loaded})"
        answer = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
        assert answer.stdout.strip() == "[]"
