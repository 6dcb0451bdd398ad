"""Metrics have the same values as status, from a real Redis, and over HTTP from a real process."""

import math
import re
import socket
import subprocess
import sys

import httpx
import redis

from prelabel_worker.accounts.rate_limiter import Permits
from prelabel_worker.accounts.request_counts import RequestCounts
from prelabel_worker.chunks.freshness import BUCKETS
from prelabel_worker.chunks.rows import Slice
from prelabel_worker.labelbox.errors import Unavailable
from prelabel_worker.labelbox.sent_request import Operation, SentRequest
from prelabel_worker.operations.purge import Purge
from prelabel_worker.queries.metrics import Name
from tests.support.project import Project, message
from tests.support.scraping import samples, scraped
from tests.support.waiting import wait_for


def test_rows_are_divided_by_outcome_and_add_up_to_what_was_published(project: Project) -> None:
    project.kill("a", "b")
    project.publish(message("c"), message("d"), message("e"))
    project.import_all(project.cut())
    project.publish(message("f"))

    found = scraped(project)

    assert found['prelabel_published_rows_total{project="p"}'] == 6
    rows = {key: value for key, value in found.items() if key.startswith("prelabel_rows{")}
    assert sum(rows.values()) == 6
    assert rows['prelabel_rows{outcome="imported",project="p"}'] == 3
    assert rows['prelabel_rows{outcome="dead",project="p"}'] == 2
    assert rows['prelabel_rows{outcome="pending",project="p"}'] == 1
    assert found['prelabel_waiting_rows{project="p"}'] == 1
    assert found['prelabel_dead_letters{project="p",reason="refused"}'] == 2


def test_a_pause_and_an_open_breaker_are_seen(project: Project) -> None:
    project.publish(message("a"))
    account = 'account="default"'
    assert scraped(project)[f'prelabel_account_breaker{{{account},state="closed"}}'] == 1

    project.pauses.pause_project("p", "a test")
    permits = Permits(project.client, project.settings.key_prefix, "default", 600, 20)
    for _ in range(5):
        permits.failed(permits.reserve("upload", "p"), Unavailable("503"))

    found = scraped(project)
    assert found['prelabel_project_paused{project="p"}'] == 1
    assert found[f'prelabel_account_breaker{{{account},state="closed"}}'] == 0
    assert found[f'prelabel_account_breaker{{{account},state="open"}}'] == 1
    project.pauses.stop_account("default", "a test", 60)
    assert scraped(project)[f'prelabel_account_stopped{{{account},kind="paused"}}'] == 1


def test_a_purge_is_seen_until_it_has_ended(project: Project) -> None:
    project.publish(message("a"))
    assert scraped(project)['prelabel_project_purging{project="p"}'] == 0

    purge = Purge(project.client, project.settings)
    purge.stop.set()
    assert not purge.run("p", "somebody", 0)

    assert scraped(project)['prelabel_project_purging{project="p"}'] == 1


def test_counters_of_results_do_not_fall_when_rows_are_retried(project: Project) -> None:
    held = project.kill("a", "b")
    project.publish(message("c"))
    project.import_all(project.cut())
    project.held.retry("p", held)
    project.import_all(project.cut())

    found = scraped(project)

    settled = "prelabel_settled_rows_total{"
    assert found[f'{settled}project="p",result="dead"}}'] == 2
    assert found[f'{settled}project="p",result="imported"}}'] == 3
    assert found['prelabel_died_rows_total{project="p",reason="refused"}'] == 2
    assert found['prelabel_retried_rows_total{project="p"}'] == 2
    assert found['prelabel_rows{outcome="dead",project="p"}'] == 0
    assert all(found[f'{settled}project="p",result="{name}"}}'] == 0 for name in ("superseded", "skipped", "discarded"))


def test_freshness_is_a_histogram_whose_buckets_add_up(project: Project) -> None:
    project.publish(message("a"), message("b"), message("c"))
    chunk = project.take(project.cut())
    part = Slice(chunk.rows, 3)
    part.freshness.add(2, 1500)
    part.freshness.add(1, 4_000_000)
    project.ledger.commit_rows(chunk, chunk.cursor, part, finish=True)

    found = scraped(project)

    buckets = {
        float(bound): value
        for name, value in found.items()
        for bound in re.findall(r'^prelabel_freshness_seconds_bucket\{le="(.+)",project="p"\}$', name)
    }
    assert [buckets[bound] for bound in (1, 2, 3600, math.inf)] == [0, 2, 2, 3]
    assert len(buckets) == len(BUCKETS)
    assert found['prelabel_freshness_seconds_count{project="p"}'] == 3
    assert found['prelabel_freshness_seconds_sum{project="p"}'] == 4003


def test_requests_are_counted_and_timed_by_account(project: Project) -> None:
    project.publish(message("a"))
    counts = RequestCounts(project.client, project.settings.key_prefix)
    for status, seconds in (("200", 0.2), ("200", 0.04), ("5xx", 20)):
        counts.observer("default")(SentRequest(Operation.UPLOAD, status, seconds))
    counts.flush()

    found = scraped(project)

    requests = 'prelabel_api_requests_total{account="default",operation="upload",status='
    assert (found[f'{requests}"200"}}'], found[f'{requests}"5xx"}}']) == (2, 1)
    seconds_of = 'prelabel_api_request_seconds_bucket{account="default",le="%s",operation="upload"}'
    assert [found[seconds_of % bound] for bound in ("0.05", "0.25", "10.0", "30.0", "+Inf")] == [1, 2, 2, 3, 3]


def test_the_memory_of_the_server_is_shown_with_its_limit(project: Project) -> None:
    used, limit = (
        next(value for name, value in scraped(project).items() if f'kind="{kind}"' in name and "memory" in name)
        for kind in ("used", "max")
    )

    assert used > 100_000
    assert limit == 0


def test_an_unreachable_redis_is_reported_and_raises_nothing(project: Project) -> None:
    away = redis.Redis(unix_socket_path="/nowhere.sock")

    assert scraped(project, away) == {"prelabel_redis_up": 0}


def test_the_command_serves_every_metric_of_the_catalogue_over_http_but_to_no_web_page(
    project: Project, redis_url: str
) -> None:
    project.publish(message("a"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "prelabel_worker.cli", "metrics", "--port", str(port), "--redis-url", redis_url]
    environment = {"PRELABEL_KEY_PREFIX": project.settings.key_prefix}
    server = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: answers(port), "the metrics to be served")
        url = f"http://127.0.0.1:{port}/metrics"
        page = httpx.get(url, trust_env=False).text
        by_name = httpx.get(url, headers={"Host": f"localhost:{port}"}, trust_env=False)
        of_a_web_page = httpx.get(url, headers={"Host": "pages.example"}, trust_env=False)
    finally:
        server.terminate()
        server.wait(10)

    assert samples(page)['prelabel_rows{outcome="pending",project="p"}'] == 1
    assert by_name.status_code == 200
    assert of_a_web_page.status_code == 421
    assert "prelabel_rows" not in of_a_web_page.text
    assert {name.value[0] for name in Name} == {
        name.removesuffix("_total") for name in re.findall(r"^# TYPE (\S+)", page, re.MULTILINE)
    }


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/", trust_env=False).status_code == 200
    except httpx.ConnectError:
        return False
