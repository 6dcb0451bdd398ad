"""A worker that ends loses none of the requests that it counted, with threads and with processes."""

from pathlib import Path

import pytest
import redis

from prelabel import Publisher
from prelabel_worker.queries.flow import FlowReader
from prelabel_worker.queries.status import Inspector
from tests.support.flow import box
from tests.support.sandbox.process import SandboxProcess
from tests.support.waiting import wait_for
from tests.support.worker_process import environment, running_worker


@pytest.mark.parametrize("options", [["-c", "1"], ["-c", "2"]], ids=["threads", "processes"])
def test_a_worker_that_stops_warmly_has_counted_every_request(
    options: list[str], client: "redis.Redis", redis_url: str, prefix: str, sandbox: SandboxProcess, tmp_path: Path
) -> None:
    told = environment(sandbox, redis_url=redis_url, key_prefix=prefix)
    inspector = Inspector(client, prefix)
    with running_worker(tmp_path, told, *options), Publisher(redis_url, key_prefix=prefix) as publisher:
        publisher.publish(box("a", project="p"))
        wait_for(lambda: inspector.status("p").imported == 1, "the row to be imported")

    counted = FlowReader(client, prefix).request_totals(["default"])["default"]
    requests = [request["operation"] for request in sandbox.control("GET", "/requests")]
    assert counted.count == len(requests) + 1  # the sandbox keeps no record of the file that was read last
    assert counted.numbers["file", "200"] == 1
