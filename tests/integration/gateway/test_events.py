"""`POST /v1/events`: CloudEvents as their SDKs and KServe's payload logger send them."""

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
import redis
from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

from tests.support.gateway import RunningGateway, running_gateway
from tests.support.publishing import message, waiting

BINARY = {"ce-specversion": "1.0", "ce-type": "t", "ce-source": "/camera", "ce-id": "7"}


def event(**attributes: Any) -> dict[str, Any]:
    return {"specversion": "1.0", "type": "t", "source": "/camera", "id": "7", **attributes}


def body_of(project: str, key: str = "a") -> dict[str, Any]:
    return {name: value for name, value in message(key, project).items() if name != "messageId"}


def test_an_event_of_the_sdk_is_published_in_both_modes_with_one_id(
    gateway: RunningGateway, client: "redis.Redis", gate_prefix: str
) -> None:
    made = CloudEvent({"type": "prediction", "source": "/camera/1", "id": "event-1"}, body_of("sdk"))
    answers = [
        gateway.post(sent.body, sent.headers.get("content-type"), "/v1/events", **_named(sent.headers))
        for sent in (to_binary_event(made), to_structured_event(made), to_binary_event(made))
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 200], [answer.text for answer in answers]
    ids = {answer.json()["results"][0]["messageIds"][0] for answer in answers}
    assert len(ids) == 1, "the same event has the same message id, however often it comes"
    assert {json.loads(raw)["messageId"] for raw in waiting(client, gate_prefix, "sdk")} == ids


def test_a_batch_of_events_has_a_result_for_each(gateway: RunningGateway) -> None:
    events = [event(data=body_of("batch")), event(id="8"), event(id="9", data=body_of("batch", "b"))]

    answer = gateway.post(orjson.dumps(events), "application/cloudevents-batch+json", "/v1/events")

    assert [one["status"] for one in answer.json()["results"]] == ["accepted", "refused", "accepted"]


BAD = {
    "no id": ({**BINARY, "ce-id": ""}, 422, "ce-id"),
    "another version": ({**BINARY, "ce-specversion": "0.3"}, 422, "1.0"),
    "a wrong time": ({**BINARY, "ce-time": "yesterday"}, 422, "CloudEvent"),
    "an attribute with a bad name": ({**BINARY, "ce-bad_name": "x"}, 422, "bad-name"),
    "no event": ({}, 415, "CloudEvent"),
}


@pytest.mark.parametrize("name", BAD)
def test_an_event_that_is_none_is_refused_with_what_is_wrong(gateway: RunningGateway, name: str) -> None:
    headers, status, words = BAD[name]

    answer = gateway.post(body_of("bad"), path="/v1/events", **_named(headers))

    assert (answer.status_code, words in answer.text) == (status, True), answer.text


def test_kserve_s_logger_needs_no_more_than_options(
    client: "redis.Redis", redis_url: str, prefix: str, tmp_path: Path
) -> None:
    """Its event has the request's content type, and the request's headers as JSON in one attribute."""
    mapping = tmp_path / "mapping.toml"
    mapping.write_text('project = "kserve"\nmodel = "detector"\n', "utf-8")
    options = ("--mapping", str(mapping), "--global-key", "{header.x-frame-id}", "--spool-dir", "spool")
    sent = {
        "ce-specversion": "1.0",
        "ce-id": "b5a4",
        "ce-source": "http://localhost:9081/",
        "ce-inferenceservicename": "detector",
        "ce-namespace": "models",
        "ce-component": "predictor",
        "ce-endpoint": "",
        "ce-metadata": '{"X-Frame-Id":["cam-1/000184.jpg"]}',
    }
    data = orjson.dumps({"annotations": body_of("kserve")["annotations"]})
    kinds = {name: f"org.kubeflow.serving.inference.{name}" for name in ("request", "response")}
    with running_gateway(tmp_path, redis_url, prefix, *options) as gateway:
        request, response = (
            gateway.post(data, "image/jpeg", "/v1/events", **_named({**sent, "ce-type": kind}))
            for kind in kinds.values()
        )
        without = gateway.post(
            data, "image/jpeg", "/v1/events", **_named({**sent, "ce-type": kinds["response"], "ce-metadata": "{}"})
        )
        assert gateway.stop() in (0, -15)

    assert (request.status_code, request.json()["leftOut"]) == (200, 1)
    assert response.status_code == 200
    assert without.status_code == 422
    assert "header.x-frame-id" in without.text
    (raw,) = waiting(client, prefix, "kserve")
    assert json.loads(raw)["dataRow"] == {"globalKey": "cam-1/000184.jpg"}


def _named(headers: Any) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name != "content-type"}
