"""Requests that a process has counted are written when it ends, and kept while Redis is away."""

from typing import Any

import pytest
import redis
from celery.signals import worker_process_shutdown, worker_shutdown

from prelabel.wire import keys
from prelabel_worker.accounts.request_counts import RequestCounts, series_of
from prelabel_worker.labelbox.sent_request import Operation, SentRequest
from prelabel_worker.labelbox.types import ImportName
from prelabel_worker.queries.flow import FlowReader
from prelabel_worker.runtime.app import create_app
from tests.support.project import Project
from tests.support.rig import Rig

REQUEST = SentRequest(Operation.POLL, "200", 0.1)


@pytest.mark.parametrize("ends", [worker_process_shutdown, worker_shutdown], ids=["process", "worker"])
def test_a_worker_that_ends_writes_what_it_has_counted(rig: Rig, ends: Any) -> None:
    context = create_app(rig.settings).prelabel_runtime.context()
    labelbox = context.account("").labelbox
    labelbox.find_imports([ImportName(rig.project.id, "none")])

    ends.send(sender=None)

    labelbox.close()
    account = rig.settings.account
    assert FlowReader(rig.client, rig.settings.key_prefix).request_totals([account])[account].count == 1


@pytest.mark.parametrize("of_type", [True, False], ids=["type", "number"])
def test_a_key_that_cannot_be_used_loses_its_own_numbers_alone(project: Project, of_type: bool) -> None:
    prefix = project.settings.key_prefix
    total, counts = f"{keys.account(prefix, 'a')}:flow:total", RequestCounts(project.client, prefix)
    if of_type:
        project.client.set(total, "garbage")
    else:
        project.client.hset(total, mapping=dict.fromkeys(series_of(REQUEST), "garbage"))

    counts.observer("a")(REQUEST)
    counts.flush()

    assert sum(point.count for point in FlowReader(project.client, prefix).requests("a")) == 1


def test_counts_are_kept_until_redis_takes_them(project: Project) -> None:
    prefix = project.settings.key_prefix
    flow, counts = FlowReader(project.client, prefix), RequestCounts(project.client, prefix)
    project.client.config_set("maxmemory", 1)
    try:
        counts.observer("a")(SentRequest(Operation.POLL, "200", 0.1))
        counts.observer("b")(SentRequest(Operation.POLL, "429", 0.2))
        with pytest.raises(redis.RedisError):
            project.client.set("full", 1)
        counts.flush()
    finally:
        project.client.config_set("maxmemory", 0)
    counts.observer("a")(SentRequest(Operation.POLL, "200", 0.1))

    counts.flush()

    totals = flow.request_totals(["a", "b"])
    assert {name: dict(total.numbers) for name, total in totals.items()} == {
        "a": {("poll", "200"): 2},
        "b": {("poll", "429"): 1},
    }
    assert sum(point.count for point in flow.requests("a")) == 2
    assert sum(point.count for point in flow.requests_by_quarter("a")) == 2
    counts.flush()
    assert flow.request_totals(["a"])["a"].count == 2
