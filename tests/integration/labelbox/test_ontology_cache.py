"""One worker at a time asks Labelbox for a project's ontology; the others have its answer."""

import threading
from dataclasses import replace

import pytest
import redis

from prelabel.wire.client import is_away
from prelabel_worker.labelbox.errors import Unavailable
from prelabel_worker.labelbox.ontology_cache import Catalog
from prelabel_worker.labelbox.types import ProjectOntology

FOUND = ProjectOntology({"tools": [{"tool": "rectangle", "name": "vessel", "featureSchemaId": "c" * 25}]}, "IMAGE", "o")


def test_many_workers_that_miss_an_ontology_ask_for_it_once(client: "redis.Redis", prefix: str) -> None:
    asked, ready, go = [], threading.Barrier(8), threading.Event()

    def fetch() -> ProjectOntology:
        asked.append(1)
        go.wait(10)
        return FOUND

    answers: list[object] = []

    def worker() -> None:
        ready.wait(10)
        answers.append(Catalog(client, prefix).refresh("p", fetch))
        if len(answers) == 7:
            go.set()

    threads = [threading.Thread(target=worker) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert len(asked) == 1
    assert [answer is None for answer in answers] == [True] * 7 + [False]
    assert Catalog(client, prefix).get("p") is not None


def test_projects_with_equal_ontologies_share_the_parsed_one_and_others_do_not(
    client: "redis.Redis", prefix: str
) -> None:
    catalog = Catalog(client, prefix)
    equal = [catalog.refresh(project_id, lambda: FOUND) for project_id in ("p", "q")]
    other = catalog.refresh("r", lambda: replace(FOUND, media_type="TEXT"))

    first, second, third = (cached.ontology for cached in (*equal, other) if cached)
    assert first is second
    assert third is not first


def test_a_fetch_whose_end_redis_refuses_holds_up_nobody_for_longer_than_recovery_takes(
    client: "redis.Redis", prefix: str
) -> None:
    """A worker that lives cannot take its mark away either, when the disk is full or the server is a replica."""

    def refused() -> ProjectOntology:
        client.replicaof("127.0.0.1", 1)  # type: ignore[no-untyped-call]
        return FOUND

    try:
        with pytest.raises(redis.ResponseError) as raised:
            Catalog(client, prefix).refresh("p", refused)
    finally:
        client.replicaof("NO", "ONE")  # type: ignore[no-untyped-call]

    assert is_away(raised.value)
    assert 0 < client.pttl(f"{prefix}:{{p}}:ontology:flight") <= 15_000


def test_a_question_that_failed_may_be_asked_again(client: "redis.Redis", prefix: str) -> None:
    def away() -> ProjectOntology:
        raise Unavailable("away")

    catalog = Catalog(client, prefix)
    with pytest.raises(Unavailable):
        catalog.refresh("p", away)

    assert catalog.refresh("p", lambda: FOUND) is not None


def test_a_worker_that_dies_while_it_asks_holds_up_nobody_for_longer_than_recovery_takes(
    client: "redis.Redis", prefix: str
) -> None:
    left: list[int] = []

    def fetch() -> ProjectOntology:
        left.append(client.pttl(f"{prefix}:{{p}}:ontology:flight"))
        return FOUND

    Catalog(client, prefix).refresh("p", fetch)

    assert 0 < left[0] <= 15_000
