"""The spans of real workers reach a collector, from every kind of pool and before the processes end."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from prelabel import Publisher
from prelabel_worker.queries.status import Inspector
from tests.support.flow import box
from tests.support.otlp_receiver import Collector, collector
from tests.support.sandbox.process import SandboxProcess
from tests.support.sources import ROOT
from tests.support.waiting import wait_for
from tests.support.worker_process import environment, running_worker

PRODUCER = """
import sys
import time
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
trace.set_tracer_provider(TracerProvider())
trace.get_tracer_provider().add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))

from prelabel import Publisher
from tests.support.flow import box
url, prefix = sys.argv[1:]
with Publisher(url, key_prefix=prefix) as publisher:
    for n in range(3):
        with trace.get_tracer("server").start_as_current_span("request"):
            publisher.publish(box(f"k{n}", project="p"))
    # A message of a service in another language, which names its trace itself.
    publisher.publish(box("k3", project="p", traceparent=f"00-{'ab' * 16}-{'cd' * 8}-01"))
"""


@pytest.fixture
def received() -> Iterator[Collector]:
    with collector() as place:
        yield place


@pytest.mark.parametrize("options", ["--concurrency 1", "--concurrency 2", "--concurrency 2 --max-tasks-per-child 1"])
def test_a_row_can_be_followed_from_a_request_to_its_import(
    tmp_path: Path,
    client: "redis.Redis",
    redis_url: str,
    prefix: str,
    sandbox: SandboxProcess,
    received: Collector,
    options: str,
) -> None:
    settings = environment(sandbox, redis_url=redis_url, key_prefix=prefix)
    # Spans would wait for an hour: what arrives was sent when the processes ended.
    otel = {"OTEL_EXPORTER_OTLP_ENDPOINT": received.url, "OTEL_BSP_SCHEDULE_DELAY": "3600000"}
    done = subprocess.run([sys.executable, "-c", PRODUCER, redis_url, prefix], env={**settings, **otel}, check=True)
    assert done.returncode == 0
    requests = {span.trace_id for span in received.named("request")}
    assert len(requests) == 3

    with running_worker(tmp_path, {**settings, **otel}, *options.split()):
        wait_for(lambda: Inspector(client, prefix).status("p").imported == 4, "the rows to be imported")
        if "max-tasks" not in options:
            assert not received.named("submit")

    (publish,) = received.named("publish")
    assert set(publish.links) == requests
    assert publish.attributes["prelabel.rows"] == 4
    submitted, settled = received.named("submit"), received.named("settle")
    assert {trace for span in submitted for trace in span.links} == requests | {"ab" * 16, publish.trace_id}
    assert {span.trace_id for span in submitted} == {span.trace_id for span in settled}
    assert {span.trace_id for span in submitted} == {span.attributes["prelabel.chunk"] * 2 for span in submitted}
    assert sum(span.attributes["prelabel.imported"] for span in settled) == 4
    polled = received.named("poll")
    assert polled
    assert {trace for span in polled for trace in span.links} == {span.trace_id for span in submitted}
    assert {span.resource["service.name"] for span in submitted} == {"prelabel-worker"}


def test_rows_flow_while_the_collector_is_away(
    tmp_path: Path, client: "redis.Redis", redis_url: str, prefix: str, sandbox: SandboxProcess
) -> None:
    settings = environment(sandbox, redis_url=redis_url, key_prefix=prefix)
    otel = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_BSP_SCHEDULE_DELAY": "100"}
    with running_worker(tmp_path, {**settings, **otel}, "--concurrency", "1"):
        with Publisher(redis_url, key_prefix=prefix) as publisher:
            for n in range(3):
                publisher.publish(box(f"k{n}", project="p"))
        wait_for(lambda: Inspector(client, prefix).status("p").imported == 3, "the rows to be imported")
        wait_for(lambda: "traces.not_sent" in (tmp_path / "worker.log").read_text(), "the loss to be logged")

    lines = [json.loads(line) for line in (tmp_path / "worker.log").read_text().splitlines()]
    assert [line["event"] for line in lines].count("traces.not_sent") == 1
    assert not [line for line in lines if "opentelemetry" in line["logger"]]
    assert {line["trace_id"] for line in lines if line["event"] == "import.submitted"} == {
        line["chunk"] * 2 for line in lines if line["event"] == "import.submitted"
    }


def test_the_example_of_the_page_is_traced_as_it_stands(
    client: "redis.Redis", redis_url: str, received: Collector
) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/how-to/trace.md").read_text("utf-8"), re.DOTALL)
    named = {"PRELABEL_REDIS_URL": redis_url, "OTEL_EXPORTER_OTLP_ENDPOINT": received.url}
    try:
        subprocess.run([sys.executable, "-c", example], env=os.environ | named, check=True)
    finally:
        client.delete(*client.scan_iter("prelabel:*"))

    (predict,), (publish,) = received.named("predict"), received.named("publish")
    assert predict.trace_id == publish.trace_id


def test_a_collector_that_never_answers_delays_the_end_of_a_worker_by_seconds(
    tmp_path: Path, client: "redis.Redis", redis_url: str, prefix: str, sandbox: SandboxProcess
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = environment(sandbox, redis_url=redis_url, key_prefix=prefix)
        otel = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        with running_worker(tmp_path, {**settings, **otel}, "--concurrency", "1") as worker:
            with Publisher(redis_url, key_prefix=prefix) as publisher:
                publisher.publish(box("k", project="p"))
            wait_for(lambda: Inspector(client, prefix).status("p").imported == 1, "the row to be imported")

            begun = time.monotonic()
            worker.terminate()
            assert worker.wait(30) == 0

    assert time.monotonic() - begun < 10
