"""Model servers publish beside their answers, in the few lines that the pages show."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import redis
import uvicorn

from prelabel.serving import Counts, ServingPublisher
from prelabel.wire.keys import ProjectKeys
from tests.support.waiting import wait_for

BOX = {"name": "car", "bbox": {"left": 1, "top": 1, "width": 2, "height": 2}}


@contextmanager
def serving(app: Any) -> Iterator[httpx.Client]:
    """Serve an application over HTTP in a thread, and end it as a server ends."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_for(lambda: server.started, "the server to start")
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
            yield http
    finally:
        server.should_exit = True
        thread.join(30)


def application(predictions: ServingPublisher) -> Any:
    fastapi = pytest.importorskip("fastapi", reason="FastAPI is not installed: the extra examples has it")
    app = fastapi.FastAPI(lifespan=predictions.lifespan)

    def message(boxes: list[Any], request: fastapi.Request, frame: str) -> dict[str, Any]:
        annotations = [box | {"confidence": float(request.query_params.get("score", 1))} for box in boxes]
        return {"projectId": "p", "dataRow": {"globalKey": frame}, "annotations": annotations}

    @app.get("/detect/{frame}")
    @predictions.publishes(message)
    async def detect(request: fastapi.Request, frame: str) -> list[Any]:
        return [BOX]

    return app


def test_a_route_of_fastapi_answers_and_publishes(redis_url: str, prefix: str, client: "redis.Redis") -> None:
    predictions = ServingPublisher(redis_url=redis_url, key_prefix=prefix)
    with serving(application(predictions)) as http:
        answers = [http.get(f"/detect/{at}.jpg") for at in range(3)]
        answers.append(http.get("/detect/wrong.jpg", params={"score": 7}))

    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, [BOX])] * 4
    assert predictions.counts == Counts(accepted=3, refused=1, full=0, failed=0)
    assert client.hget(ProjectKeys(prefix, "p").counts, "published") == b"3", "closing the application handed them over"


def test_a_route_of_fastapi_answers_while_redis_is_away(prefix: str) -> None:
    predictions = ServingPublisher(redis_url="unix:///nowhere", key_prefix=prefix, max_rows=1)
    with serving(application(predictions)) as http:
        assert [http.get(f"/detect/{at}.jpg").status_code for at in range(3)] == [200] * 3
        assert predictions.counts == Counts(accepted=1, refused=0, full=2, failed=0)
        predictions.close(0)  # the end of the application would wait ten seconds for Redis
