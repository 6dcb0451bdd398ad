"""One worker at a time asks Labelbox for a project's ontology; the others have its answer."""

import threading

import pytest
import redis

from prelabel_worker.catalog import Catalog, ProjectOntology
from prelabel_worker.errors import Unavailable
from tests.conftest import wait_for

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


def test_a_question_that_failed_may_be_asked_again(client: "redis.Redis", prefix: str) -> None:
    def away() -> ProjectOntology:
        raise Unavailable("away")

    catalog = Catalog(client, prefix)
    with pytest.raises(Unavailable):
        catalog.refresh("p", away)

    assert catalog.refresh("p", lambda: FOUND) is not None


def test_a_fetch_whose_end_redis_refused_holds_its_project_up_for_no_longer_than_a_crash(
    client: "redis.Redis", prefix: str
) -> None:
    def refused() -> ProjectOntology:
        client.replicaof("127.0.0.1", 1)  # type: ignore[no-untyped-call]
        return FOUND

    catalog = Catalog(client, prefix)
    try:
        with pytest.raises(redis.ReadOnlyError):
            catalog.refresh("p", refused)
    finally:
        client.replicaof("NO", "ONE")  # type: ignore[no-untyped-call]

    assert catalog.refresh("p", lambda: FOUND) is None  # its mark is there, since nobody could take it away
    wait_for(lambda: catalog.refresh("p", lambda: FOUND), "the project to go on", seconds=15)
