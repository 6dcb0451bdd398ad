"""Answers of model servers with binary tensors: Triton's with their header, KServe's by its payload logger without."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
import redis

from tests.support.gateway import RunningGateway, running_gateway
from tests.support.publishing import waiting

MAPPING = """
project = "binary"
global_key = "{body.parameters.keys.*}"
[output]
tensors = "outputs"
box = "boxes.*"
box_format = "xyxy"
label = "labels.*"
labels = ["vessel"]
"""
KIND = "application/octet-stream"
LOGGED = {
    "ce-specversion": "1.0",
    "ce-id": "1",
    "ce-source": "/s",
    "ce-type": "org.kubeflow.serving.inference.response",
}


@pytest.fixture(scope="module")
def mapped(redis_socket: Path, gate_prefix: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    folder = tmp_path_factory.mktemp("mapped")
    (folder / "mapping.toml").write_text(MAPPING)
    options = ("--mapping", str(folder / "mapping.toml"))
    with running_gateway(folder, f"unix://{redis_socket}?db=0", gate_prefix, *options) as running:
        yield running


def answer(*keys: str) -> tuple[bytes, str]:
    """Return a body, which ends in bytes that are white space elsewhere, and the number of bytes of its JSON."""
    tensors = {
        "boxes": ([len(keys), 1, 4], "FP32", np.array([[[1, 2, 3, 4]]] * len(keys), "<f4").tobytes()),
        "labels": ([len(keys), 1], "INT32", np.zeros(len(keys), "<i4").tobytes()),
        "note": ([1], "BYTES", b"\x03\0\0\0  \n"),
    }
    outputs = [
        {"name": name, "shape": shape, "datatype": kind, "parameters": {"binary_data_size": len(values)}}
        for name, (shape, kind, values) in tensors.items()
    ]
    document = orjson.dumps({"parameters": {"keys": keys}, "outputs": outputs})
    return document + b"".join(values for _, _, values in tensors.values()), str(len(document))


def published(client: "redis.Redis", prefix: str) -> dict[str, Any]:
    """Return the messages that wait, by the key of their data row."""
    messages = map(json.loads, waiting(client, prefix, "binary"))
    return {message["dataRow"]["globalKey"]: message for message in messages}


def test_an_answer_with_binary_tensors_is_published_row_by_row(
    mapped: RunningGateway, client: "redis.Redis", gate_prefix: str
) -> None:
    body, length = answer("a.jpg", "b.jpg")

    taken = mapped.post(body, KIND, **{"Inference-Header-Content-Length": length})

    assert (taken.status_code, len(taken.json()["results"][0]["messageIds"])) == (200, 2), taken.text
    made = published(client, gate_prefix)
    assert made["b.jpg"]["annotations"] == [{"name": "vessel", "bbox": {"left": 1, "top": 2, "width": 2, "height": 2}}]
    assert made["a.jpg"]["messageId"] != made["b.jpg"]["messageId"]


def test_an_answer_of_kserve_s_logger_is_read_although_it_has_no_length(
    mapped: RunningGateway, client: "redis.Redis", gate_prefix: str
) -> None:
    body, _ = answer("c.jpg", "d.jpg")

    taken = [mapped.post(body, "application/json", "/v1/events", **LOGGED) for _ in range(2)]

    ids = [one.json()["results"][0]["messageIds"] for one in taken]
    assert [one.status_code for one in taken] == [200, 200]
    assert ids[0] == ids[1], "the same event has the same message ids, however often it comes"
    assert ids[0][1] == f"{ids[0][0]}.1"
    assert {"c.jpg", "d.jpg"} <= set(published(client, gate_prefix))


def test_a_request_to_a_model_is_left_out_whatever_its_tensors_are(mapped: RunningGateway) -> None:
    kind = {"ce-type": "org.kubeflow.serving.inference.request"}

    taken = mapped.post(b'{"inputs": []}\x00\xff', "application/json", "/v1/events", **LOGGED | kind)

    assert (taken.status_code, taken.json()["leftOut"]) == (200, 1)


@pytest.mark.parametrize(
    ("length", "problem"),
    [
        ("10", "malformed-json"),
        ("99999", "the number of bytes of the JSON, at most"),
        ("-1", "the number of bytes of the JSON, at most"),
        ("ten", "the number of bytes of the JSON, at most"),
    ],
)
def test_a_length_that_is_wrong_is_named(mapped: RunningGateway, length: str, problem: str) -> None:
    refused = mapped.post(answer("e.jpg")[0], KIND, **{"Inference-Header-Content-Length": length})

    assert refused.status_code == 422
    assert problem in refused.text


@pytest.mark.parametrize("path", ["/v1/predictions", "/v1/events"])
def test_values_that_are_cut_off_are_counted(mapped: RunningGateway, path: str) -> None:
    body, length = answer("e.jpg")
    headers = LOGGED if path == "/v1/events" else {"Inference-Header-Content-Length": length}

    refused = mapped.post(body[:-1], KIND, path, **headers)

    assert (refused.status_code, refused.json()["results"][0]["expected"]) == (
        422, "7 bytes behind the JSON, its binary_data_size",
    )  # fmt: skip


def test_a_gateway_without_a_mapping_says_what_it_needs(gateway: RunningGateway) -> None:
    body, length = answer("e.jpg")

    refused = gateway.post(body, KIND, **{"Inference-Header-Content-Length": length})

    assert (refused.status_code, "--mapping FILE with [output]" in refused.text) == (415, True)


def test_two_documents_are_no_answer(mapped: RunningGateway) -> None:
    refused = mapped.post(b'{"outputs": []} {}', "application/json", "/v1/events", **LOGGED)

    assert (refused.status_code, refused.json()["results"][0]["reason"]) == (422, "malformed-json")
